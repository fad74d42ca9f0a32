"""Tracks and columns: what a ragged Dataset is made of, before it is one."""

from __future__ import annotations

from collections.abc import Container, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from cryodata.errors import FormatError
from cryodata.granule import GranuleFile
from cryodata.layout import ArrayLayout
from cryodata.layouts import Layouts
from cryodata.products import Product
from cryodata.products.tracks import Spot
from cryodata.runs import Runs, count_rows

__all__ = ["PLACES", "TRACK_COORDINATES", "Column", "Columns", "Track"]

PLACES = ("time", "latitude", "longitude")
"""Coordinates of the rows."""
TRACK_COORDINATES = ("beam", "spot", "strong", "rgt", "cycle", "granule", "rowSize")
"""What is said of each track."""

_DECIDING = ("_FillValue", "missing_value", "scale_factor", "add_offset", "units")
"""Attributes that say what stored numbers mean: what is joined has to agree on them."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Track:
    """One beam of one granule, or a part of it.

    Attributes
    ----------
    file : GranuleFile
        The granule, open.
    beam : str
        ``gt1l``.
    spot : Spot
    stored : int
        Rows of the beam in the file.
    runs : Runs
        Those of them that are wanted.
    granule : str
        Name as its producer gave it.
    rgt, cycle : int
        Reference ground track and repeat cycle; 0 where unknown.
    release : str
        Of the product; empty where unknown.
    """

    file: GranuleFile
    beam: str
    spot: Spot
    stored: int
    runs: Runs
    granule: str
    rgt: int
    cycle: int
    release: str = ""

    @property
    def rows(self) -> int:
        """Number of rows wanted."""
        return count_rows(self.runs)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Column:
    """One variable over all tracks.

    Attributes
    ----------
    name : str
        In the Dataset.
    path : str
        Relative to the track, by the product's table: ``heights/h_ph``.
    own_path : str
        The same in the file, whose release may call it otherwise.
    pattern : ArrayLayout
        What the variable is like: of one of the tracks.
    layouts : sequence of (ArrayLayout or None)
        One per track, as `Layouts`; None where the track has no rows.
    named : bool
        The user named it; named columns are read together.
    surface : int or None
        Only this column of the variable, whose second axis is dropped.
    """

    name: str
    path: str
    own_path: str
    pattern: ArrayLayout
    layouts: Sequence[ArrayLayout | None]
    named: bool = False
    surface: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "layouts", Layouts.of(self.layouts))

    @property
    def of_tracks(self) -> Layouts:
        """`layouts`, as what they are."""
        assert isinstance(self.layouts, Layouts)
        return self.layouts

    def among(self, arrays: Sequence[Mapping[str, ArrayLayout]]) -> Column:
        """The same of another granule, which is like this one."""
        return Column(
            name=self.name,
            path=self.path,
            own_path=self.own_path,
            pattern=self.pattern,
            layouts=self.of_tracks.among(arrays),
            named=self.named,
            surface=self.surface,
        )

    @property
    def known(self) -> Sequence[ArrayLayout]:
        """One of each kind among the tracks that have rows; the pattern where none has."""
        return self.of_tracks.kinds or (self.pattern,)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the stored values: wide enough for all tracks."""
        return np.result_type(*{layout.dtype for layout in self.known})

    @property
    def trailing(self) -> tuple[int, ...]:
        """Lengths of the axes after the rows."""
        return () if self.surface is not None else self.pattern.shape[1:]

    @property
    def piece(self) -> int:
        """Rows that can be read by themselves: the length of a chunk."""
        lengths = {layout.piece_shape[0] for layout in self.known}
        return max(1, int(np.lcm.reduce(sorted(lengths))))

    def check(self, tracks: Sequence[Track]) -> None:
        """Raise `FormatError` where the tracks cannot be joined."""
        first = self.pattern
        if not any(_differing(first, kind) for kind in self.known):
            return
        for track, other in zip(tracks, self.layouts, strict=True):
            if other is not None and (differing := _differing(first, other)):
                raise FormatError(
                    f"{self.own_path} has another {' and '.join(differing)} than {first.path}",
                    url=track.file.url,
                    path=other.path,
                    fix="Open these beams or granules by themselves.",
                )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Columns:
    """What a ragged Dataset is made of.

    Attributes
    ----------
    product : Product
    tracks : tuple of Track
        In the order of the rows.
    coordinates : tuple of Column
        Time and place of the rows.
    columns : tuple of Column
    deciding : tuple of Column
        What conditions ask for and the user does not: read to choose rows, then let go.
    meant : mapping of str to str
        Word of a condition to the name of the column it is about.
    attributes : mapping
        Of the Dataset.
    """

    product: Product
    tracks: tuple[Track, ...]
    coordinates: tuple[Column, ...]
    columns: tuple[Column, ...]
    deciding: tuple[Column, ...] = ()
    meant: Mapping[str, str]
    attributes: Mapping[str, Any]

    @property
    def all(self) -> tuple[Column, ...]:
        """Every column, whatever it is for."""
        return (*self.coordinates, *self.columns, *self.deciding)

    def column_of(self, word: str) -> Column | None:
        """The column that a word of a condition, or a coordinate's name, is about."""
        name = self.meant.get(word, word)
        return next((column for column in self.all if column.name == name), None)

    def only(self, names: Container[Hashable]) -> Columns:
        """The same rows, with columns of these names only."""

        def left(columns: Sequence[Column]) -> tuple[Column, ...]:
            return tuple(column for column in columns if column.name in names)

        return replace(
            self,
            coordinates=left(self.coordinates),
            columns=left(self.columns),
            deciding=left(self.deciding),
        )

    def without(self, names: Container[Hashable]) -> Columns:
        """The same rows, without columns of these names."""
        return self.only([column.name for column in self.all if column.name not in names])

    def keep(self, runs: Sequence[Runs]) -> Columns:
        """Only these rows, and the tracks that have any of them.

        Parameters
        ----------
        runs : sequence of Runs
            One per track.
        """
        kept = [i for i, wanted in enumerate(runs) if len(wanted)]
        tracks = tuple(replace(self.tracks[i], runs=runs[i]) for i in kept)

        def cut(columns: Sequence[Column]) -> tuple[Column, ...]:
            return tuple(replace(c, layouts=c.of_tracks.take(kept)) for c in columns)

        return replace(
            self,
            tracks=tracks,
            coordinates=cut(self.coordinates),
            columns=cut(self.columns),
            deciding=cut(self.deciding),
        )


def _differing(first: ArrayLayout, other: ArrayLayout) -> list[str]:
    """What keeps two datasets from being one variable."""
    if other is first:
        return []
    differing = [
        name
        for name in (() if other.attributes is first.attributes else _DECIDING)
        if not _same(first.attributes.get(name), other.attributes.get(name))
    ]
    return differing if other.shape[1:] == first.shape[1:] else [*differing, "shape"]


def _same(a: Any, b: Any) -> bool:
    if a is b:
        return True
    if a is None or b is None:
        return False
    return bool(np.array_equal(a, b, equal_nan=np.asarray(a).dtype.kind == "f"))
