"""Arrays of xarray that are read when they are touched."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
from xarray.backends import BackendArray
from xarray.core import indexing

from cryodata.finish import as_stored
from cryodata.rows import OuterKey, Reading, plan_reading
from cryodata.types import AnyArray, Source

__all__ = [
    "Asked",
    "Companion",
    "LazyArray",
    "NotedError",
    "Part",
    "Reader",
    "frozen_key",
    "noting_reads",
    "read_together",
    "reading_ahead",
]

Wanted: TypeAlias = Sequence[tuple[str, tuple[slice, ...] | None]]


class Reader(Protocol):
    """What a lazy array needs of an open granule."""

    @property
    def source(self) -> Source:
        """The version of the object that is read."""
        ...

    def read(self, wanted: Wanted) -> list[AnyArray]:
        """Read slices of several datasets in one plan."""
        ...

    async def aread(self, wanted: Wanted) -> list[AnyArray]:
        """As `read`, without blocking the event loop."""
        ...

    def select(self, paths: Iterable[str]) -> Reader:
        """The same granule, knowing these datasets only: small to pickle."""
        ...


class Companion(Protocol):
    """What may read an array along with others."""

    def read(self, array: LazyArray, key: OuterKey) -> AnyArray | None:
        """The values, or None where it is left to the array to read them by itself."""
        ...


@dataclass(frozen=True, slots=True)
class Part:
    """A dataset that holds some rows of an array.

    Attributes
    ----------
    path : str
    shape : tuple of int
        As stored.
    """

    path: str
    shape: tuple[int, ...]


class LazyArray(BackendArray):
    """Datasets that follow each other along the first axis, as one array.

    Parameters
    ----------
    file : Reader
    parts : sequence of Part
        In the order of the rows. One part is an ordinary variable.
    shape : tuple of int
        Of the whole; longer than the parts where they are to be padded with `fill`.
    dtype : numpy.dtype
        Of the values given, after `finish`.
    finish : callable
        Turns stored values into the ones given, element by element; must pickle.
    fill : object
        Stands where a part is shorter than the array.
    gap : int
        Selected rows further apart than this are read in separate pieces.
    companions : Companion, optional
        Arrays that are read together with this one.

    Notes
    -----
    Thread-safe as far as `file` is. Pickles without companions and without any value.
    """

    __slots__ = (
        "companions",
        "dtype",
        "file",
        "fill",
        "finish",
        "gap",
        "offsets",
        "parts",
        "shape",
    )

    def __init__(
        self,
        file: Reader,
        parts: Sequence[Part],
        *,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        finish: Callable[[AnyArray], AnyArray] = as_stored,
        fill: Any = None,
        gap: int = 1,
        companions: Companion | None = None,
    ) -> None:
        self.file = file
        self.parts = tuple(parts)
        self.shape = shape
        self.dtype = dtype
        self.finish = finish
        self.fill = fill
        self.gap = gap
        self.companions = companions
        rows = [part.shape[0] if part.shape else 1 for part in parts]
        if len(rows) == 1 and shape:
            rows = [shape[0]]
        self.offsets = np.concatenate([[0], np.cumsum(rows, dtype=np.int64)])

    def __reduce__(self) -> tuple[Any, ...]:
        settings = {"shape": self.shape, "dtype": self.dtype, "finish": self.finish}
        settings |= {"fill": self.fill, "gap": self.gap}
        file = self.file.select([part.path for part in self.parts])
        return (_rebuild, (file, self.parts, settings))

    def __dask_tokenize__(self) -> tuple[Any, ...]:
        source = self.file.source
        return (
            "cryodata.LazyArray",
            (source.url, source.size, source.etag),
            tuple((part.path, part.shape) for part in self.parts),
            (self.shape, str(self.dtype), repr(self.finish), repr(self.fill)),
        )

    def __repr__(self) -> str:
        paths = [part.path for part in self.parts]
        named = paths[0] if len(paths) == 1 else f"{paths[0]} ... {paths[-1]}"
        return f"<LazyArray {named} {self.dtype}{list(self.shape)}>"

    def __getitem__(self, key: indexing.ExplicitIndexer) -> AnyArray:
        values: AnyArray = indexing.explicit_indexing_adapter(
            key, self.shape, indexing.IndexingSupport.OUTER, self._read
        )
        return values

    async def async_getitem(self, key: indexing.ExplicitIndexer) -> AnyArray:
        """As indexing, without blocking the event loop.

        Companions are left alone: xarray asks for all variables at once here.
        """
        values: AnyArray = await indexing.async_explicit_indexing_adapter(
            key, self.shape, indexing.IndexingSupport.OUTER, self._aread
        )
        return values

    def _read(self, key: OuterKey) -> AnyArray:
        if (noted := _noting.get()) is not None:
            noted.append((self, key))
            raise NotedError
        if (served := _serving.get()) is not None:
            values = served.get((self, frozen_key(key, self.shape)))
            if values is not None:
                return values
        if self.companions is not None:
            values = self.companions.read(self, key)
            if values is not None:
                return values
        return read_together([(self, key)])[0]

    async def _aread(self, key: OuterKey) -> AnyArray:
        reading = self.plan(key)
        return self.assemble(reading, await self.file.aread(self.wanted(reading)))

    def plan(self, key: OuterKey) -> Reading:
        """What to read for an outer index of this array."""
        if not self.shape:  # a scalar is read as a row of one
            return plan_reading((slice(None),), self.offsets, (), 1)
        return plan_reading(key, self.offsets, self.shape[1:], self.gap)

    def wanted(self, reading: Reading) -> list[tuple[str, tuple[slice, ...] | None]]:
        """The slices of `reading` by path, cut to what is stored."""
        if not self.shape:
            return [(self.parts[0].path, None)]
        return [
            (self.parts[part].path, _clip(slices, self.parts[part].shape))
            for part, slices in reading.wanted
        ]

    def assemble(self, reading: Reading, blocks: Sequence[AnyArray]) -> AnyArray:
        """The values of `reading` from the blocks read for `wanted`, in its order."""
        if not self.shape:
            return np.asarray(self.finish(blocks[0].reshape(1))[0])
        padded = [
            _pad(block, [len(range(s.start, s.stop, s.step)) for s in slices], self.fill)
            for block, (_, slices) in zip(blocks, reading.wanted, strict=True)
        ]
        return np.asarray(reading.assemble(padded, self.dtype, self.finish))


def _rebuild(file: Reader, parts: tuple[Part, ...], settings: dict[str, Any]) -> LazyArray:
    return LazyArray(file, parts, **settings)


def _clip(slices: tuple[slice, ...], shape: tuple[int, ...]) -> tuple[slice, ...]:
    return tuple(
        slice(min(s.start, n), min(s.stop, n), s.step) for s, n in zip(slices, shape, strict=True)
    )


def _pad(block: AnyArray, shape: list[int], fill: Any) -> AnyArray:
    if list(block.shape) == shape:
        return block
    padded = np.full(shape, fill, block.dtype)
    padded[tuple(slice(n) for n in block.shape)] = block
    return padded


def read_together(asked: Sequence[Asked]) -> list[AnyArray]:
    """Outer indexes of several arrays, in one plan per granule; values in order."""
    readings = [array.plan(key) for array, key in asked]
    files = {id(array.file): array.file for array, _ in asked}
    blocks: dict[int, list[AnyArray]] = {}
    for file in files.values():
        mine = [i for i, (array, _) in enumerate(asked) if array.file is file]
        wanted = [asked[i][0].wanted(readings[i]) for i in mine]
        read = iter(file.read([item for items in wanted for item in items]))
        blocks |= {i: [next(read) for _ in items] for i, items in zip(mine, wanted, strict=True)}
    return [array.assemble(readings[i], blocks[i]) for i, (array, _) in enumerate(asked)]


def frozen_key(key: OuterKey, shape: tuple[int, ...]) -> tuple[Any, ...]:
    """An outer index as something that can be compared."""
    frozen: list[Any] = []
    for axis, size in zip(key, shape, strict=False):
        if isinstance(axis, slice):
            frozen.append(axis.indices(size))
        elif isinstance(axis, np.ndarray):
            frozen.append(axis.tobytes())
        else:
            frozen.append(int(axis))
    return tuple(frozen)


class NotedError(Exception):
    """Ends an indexing that was only to be noted."""


Asked: TypeAlias = tuple[LazyArray, OuterKey]
"""An outer index of an array."""

_noting: ContextVar[list[Asked] | None] = ContextVar("noting", default=None)
_serving: ContextVar[Mapping[Any, AnyArray] | None] = ContextVar("serving", default=None)


@contextmanager
def noting_reads() -> Iterator[list[Asked]]:
    """Within the block nothing is read: what is asked for is noted, and ends in `NotedError`."""
    noted: list[Asked] = []
    token = _noting.set(noted)
    try:
        yield noted
    finally:
        _noting.reset(token)


@contextmanager
def reading_ahead(asked: Sequence[Asked]) -> Iterator[None]:
    """Within the block, these outer indexes are answered from one read at its start."""
    values = read_together(asked)
    served = {(a, frozen_key(k, a.shape)): v for (a, k), v in zip(asked, values, strict=True)}
    token = _serving.set(served)
    try:
        yield
    finally:
        _serving.reset(token)
