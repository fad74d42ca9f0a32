"""Runs of rows of datasets, which follow each other along the rows of an array."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias, overload

import numpy as np

from cryodata.read_plan import ReadPlan
from cryodata.rowwise.refit import Refit
from cryodata.types import AnyArray, IntArray, Source

__all__ = ["Part", "Parts", "Places", "Reader", "Wanted"]

Wanted: TypeAlias = Sequence[tuple[str, tuple[slice, ...] | None]]


class Reader(Protocol):
    """What a lazy array needs of an open granule."""

    @property
    def source(self) -> Source:
        """The version of the object that is read."""
        ...

    @property
    def memory(self) -> int:
        """Bytes that the values of one read may take."""
        ...

    def read(self, wanted: Wanted) -> list[AnyArray]:
        """Read slices of several datasets in one plan."""
        ...

    async def aread(self, wanted: Wanted) -> list[AnyArray]:
        """As `read`, without blocking the event loop."""
        ...

    def price(self, wanted: Wanted) -> ReadPlan:
        """What `read` would fetch."""
        ...

    def select(self, paths: Iterable[str]) -> Reader:
        """The same granule, knowing these datasets only: small to pickle."""
        ...


@dataclass(frozen=True, slots=True)
class Part:
    """A run of rows of a dataset, which are some rows of an array.

    Attributes
    ----------
    file : Reader
        The granule it is in.
    path : str
    shape : tuple of int
        Of the run; along the axes after the first, of the dataset, as far as the array has them.
    start : int
        Row of the dataset that the run begins with.
    refit : Refit or None
        What is to be done with the stored values first; `shape` is then that of the result.
    """

    file: Reader
    path: str
    shape: tuple[int, ...]
    start: int = 0
    refit: Refit | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """Which rows of which tracks an array has: the same for all variables of a Dataset.

    Attributes
    ----------
    files : list of Reader
        Per run, the granule it is in.
    tracks : list of int
        Per run, the number of its track.
    starts, stops : list of int
        Per run, half-open rows as stored.
    offsets : (run + 1,) int64
        First row of each run in the array, and the number of rows at the end.
    """

    files: list[Reader]
    tracks: list[int]
    starts: list[int]
    stops: list[int]
    offsets: IntArray

    @classmethod
    def of(cls, runs: Iterable[tuple[Reader, IntArray]]) -> Places:
        """Those of some tracks: the granule of each, and its runs, (n, 2)."""
        files: list[Reader] = []
        tracks: list[int] = []
        bounds: list[list[int]] = []
        for number, (file, own) in enumerate(runs):
            bounds += own.tolist()
            files += [file] * len(own)
            tracks += [number] * len(own)
        starts, stops = [start for start, _ in bounds], [stop for _, stop in bounds]
        lengths = np.array(stops, np.int64) - np.array(starts, np.int64)
        return cls(files, tracks, starts, stops, np.concatenate([[0], np.cumsum(lengths)]))


class Parts(Sequence[Part]):
    """The runs of one dataset over some tracks; a `Part` is made when it is asked for.

    Parameters
    ----------
    places : Places
        Of tracks that have the dataset.
    paths : sequence of (str or None)
        Of the dataset, per track; None only where the track has no rows.
    trailing : tuple of int
        Lengths of the axes after the rows, as far as the array has them.
    refits : sequence of (Refit or None), optional
        Per track, what is to be done with its values; None where nothing is with any.
    """

    __slots__ = ("_paths", "_places", "_refits", "_trailing")

    def __init__(
        self,
        places: Places,
        paths: Sequence[str | None],
        trailing: tuple[int, ...],
        refits: Sequence[Refit | None] | None = None,
    ) -> None:
        self._refits = refits
        self._places = places
        self._paths = paths
        self._trailing = trailing

    @property
    def offsets(self) -> IntArray:
        """(part + 1,) int64: first row of each part in the array, and the number of rows."""
        return self._places.offsets

    @property
    def files(self) -> list[Reader]:
        """The granule of each part."""
        return self._places.files

    @overload
    def __getitem__(self, number: int) -> Part: ...
    @overload
    def __getitem__(self, number: slice) -> list[Part]: ...
    def __getitem__(self, number: int | slice) -> Part | list[Part]:
        if isinstance(number, slice):
            return [self[one] for one in range(len(self))[number]]
        at = self._places
        track = at.tracks[number]
        path, refit = self._paths[track], self._refits[track] if self._refits else None
        if path is None:
            raise LookupError(f"part {number} has rows and no dataset")
        start, stop = at.starts[number], at.stops[number]
        return Part(at.files[number], path, (stop - start, *self._trailing), start, refit)

    def __iter__(self) -> Iterator[Part]:
        return map(self.__getitem__, range(len(self)))

    def __len__(self) -> int:
        return len(self._places.files)
