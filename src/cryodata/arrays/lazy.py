"""Arrays of xarray that are read when they are touched."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from typing import Any, Protocol, TypeAlias

import numpy as np
from xarray.backends import BackendArray
from xarray.core import indexing

from cryodata.arrays.parts import Part, Parts, Reader, Wanted
from cryodata.decoding.finish import as_stored
from cryodata.errors import SelectionError
from cryodata.rowwise.rows import OuterKey, Reading, plan_reading
from cryodata.store import loop
from cryodata.types import AnyArray, IntArray

__all__ = [
    "SIDE_BY_SIDE",
    "Asked",
    "Companion",
    "LazyArray",
    "NestedArray",
    "NotedError",
    "Part",
    "Reader",
    "Slices",
    "Wanted",
    "frozen_key",
    "is_reading_ahead",
    "noting_reads",
    "only_noting",
    "read_slices",
    "read_together",
    "reading_ahead",
]

SIDE_BY_SIDE = 16
"""Granules read at once: each has its own requests in flight."""


class Companion(Protocol):
    """What may read an array along with others."""

    def read(self, array: LazyArray, key: OuterKey) -> AnyArray | None:
        """The values, or None where it is left to the array to read them by itself."""
        ...


class LazyArray(BackendArray):
    """Datasets that follow each other along the first axis, as one array.

    Parameters
    ----------
    parts : sequence of Part
        In the order of the rows, of one granule or several. One part is an ordinary
        variable.
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
    column : int or None
        Only this column of datasets with two axes; the array then has one.
    companions : Companion, optional
        Arrays that are read together with this one.

    Notes
    -----
    Thread-safe as far as the granules are. Pickles without companions and without any value.
    """

    __slots__ = (
        "column",
        "companions",
        "dtype",
        "fill",
        "finish",
        "gap",
        "offsets",
        "parts",
        "shape",
    )

    def __init__(
        self,
        parts: Sequence[Part],
        *,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        finish: Callable[[AnyArray], AnyArray] = as_stored,
        fill: Any = None,
        gap: int = 1,
        column: int | None = None,
        companions: Companion | None = None,
    ) -> None:
        self.parts = parts if isinstance(parts, Parts) else tuple(parts)
        self.shape = shape
        self.dtype = dtype
        self.finish = finish
        self.fill = fill
        self.gap = gap
        self.column = column
        self.companions = companions
        if isinstance(parts, Parts):
            self.offsets = parts.offsets
            return
        rows = [part.shape[0] if part.shape else 1 for part in parts]
        if len(rows) == 1 and shape:
            rows = [shape[0]]
        self.offsets = np.concatenate([[0], np.cumsum(rows, dtype=np.int64)])

    def __reduce__(self) -> tuple[Any, ...]:
        settings = {"shape": self.shape, "dtype": self.dtype, "finish": self.finish}
        settings |= {"fill": self.fill, "gap": self.gap, "column": self.column}
        paths: dict[int, list[str]] = {}
        for part in self.parts:
            paths.setdefault(id(part.file), []).append(part.path)
        known = {id(file): file.select(paths[id(file)]) for file in self.files}
        parts = [replace(part, file=known[id(part.file)]) for part in self.parts]
        return (_rebuild, (parts, settings))

    def __dask_tokenize__(self) -> tuple[Any, ...]:
        sources = [file.source for file in self.files]
        return (
            "cryodata.LazyArray",
            tuple((source.url, source.size, source.etag) for source in sources),
            tuple((part.path, part.shape, part.start, repr(part.refit)) for part in self.parts),
            (self.shape, str(self.dtype), repr(self.finish), repr(self.fill), self.column),
        )

    @property
    def files(self) -> tuple[Reader, ...]:
        """The granules it is in, each once, in the order of the rows."""
        files = self.parts.files if isinstance(self.parts, Parts) else [p.file for p in self.parts]
        return tuple({id(file): file for file in files}.values())

    def __repr__(self) -> str:
        ends = [*self.parts[:1], *self.parts[-1:]]
        named = " ... ".join(dict.fromkeys(part.path for part in ends))
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
        _refuse_too_much([(self, reading)])
        return self.assemble(reading, await _read_files(self.wanted(reading)))

    def plan(self, key: OuterKey) -> Reading:
        """What to read for an outer index of this array."""
        if not self.shape:  # a scalar is read as a row of one
            return plan_reading((slice(None),), self.offsets, (), 1)
        return plan_reading(key, self.offsets, self.shape[1:], self.gap)

    def wanted(self, reading: Reading) -> list[Slices]:
        """The slices of `reading`, cut to what is stored."""
        if not self.shape:
            return [(self.parts[0].file, self.parts[0].path, None)]
        only = () if self.column is None else (slice(self.column, self.column + 1, 1),)
        return [
            (found.file, found.path, (_moved(rows, found.start), *_stored(found, rest), *only))
            for found, (rows, *rest) in (
                (self.parts[part], _clip(slices, self.parts[part].shape))
                for part, slices in reading.wanted
            )
        ]

    def assemble(self, reading: Reading, blocks: Sequence[AnyArray]) -> AnyArray:
        """The values of `reading` from the blocks read for `wanted`, in its order."""
        if not self.shape:
            return np.asarray(self.finish(blocks[0].reshape(1))[0])
        if self.column is not None:
            blocks = [block[:, 0] for block in blocks]
        padded = [
            _pad(
                _refitted(self.parts[part], block, slices),
                [len(range(s.start, s.stop, s.step)) for s in slices],
                self.fill,
            )
            for block, (part, slices) in zip(blocks, reading.wanted, strict=True)
        ]
        return np.asarray(reading.assemble(padded, self.dtype, self.finish))


class NestedArray(LazyArray):
    """Values of coarse rows, each as often as it has fine rows: of segments, on photons.

    Parameters
    ----------
    parts : sequence of Part
        Runs of coarse rows.
    ends : (coarse,) int64
        Number of fine rows up to and with each coarse row of all parts together; the last
        is the length of the array.
    shape, dtype, finish, gap, column
        As of `LazyArray`, along the fine rows; `gap` counts coarse ones.
    """

    __slots__ = ("ends",)

    def __init__(
        self,
        parts: Sequence[Part],
        *,
        ends: IntArray,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        finish: Callable[[AnyArray], AnyArray] = as_stored,
        gap: int = 1,
        column: int | None = None,
    ) -> None:
        super().__init__(parts, shape=shape, dtype=dtype, finish=finish, gap=gap, column=column)
        rows = [part.shape[0] for part in parts]
        self.offsets = np.concatenate([[0], np.cumsum(rows, dtype=np.int64)])
        self.ends = ends

    def __reduce__(self) -> tuple[Any, ...]:
        _, (parts, settings) = super().__reduce__()
        settings = {name: settings[name] for name in settings if name != "fill"}
        return (_rebuild_nested, (parts, settings | {"ends": self.ends}))

    def __dask_tokenize__(self) -> tuple[Any, ...]:
        return (*super().__dask_tokenize__(), "nested", self.ends)

    def plan(self, key: OuterKey) -> Reading:
        """What to read for an outer index of the fine rows."""
        rows, *rest = key
        if isinstance(rows, slice):
            rows = np.arange(*rows.indices(self.shape[0]))
        one = not isinstance(rows, np.ndarray)
        coarse = np.searchsorted(self.ends, rows, side="right")
        return super().plan((int(coarse) if one else np.asarray(coarse, np.int64), *rest))


def _rebuild_nested(parts: list[Part], settings: dict[str, Any]) -> NestedArray:
    return NestedArray(parts, **settings)


def _rebuild(parts: list[Part], settings: dict[str, Any]) -> LazyArray:
    return LazyArray(parts, **settings)


def _clip(slices: tuple[slice, ...], shape: tuple[int, ...]) -> tuple[slice, ...]:
    return tuple(
        slice(min(s.start, n), min(s.stop, n), s.step) for s, n in zip(slices, shape, strict=True)
    )


def _moved(rows: slice, by: int) -> slice:
    return slice(rows.start + by, rows.stop + by, rows.step)


def _stored(part: Part, wanted: Sequence[slice]) -> Sequence[slice]:
    """Slices of a dataset along its axes after the first, from those of the array."""
    if part.refit is None or part.refit.places is None:
        return wanted
    return part.refit.stored(wanted[0]), *wanted[1:]


def _refitted(part: Part, block: AnyArray, wanted: Sequence[slice]) -> AnyArray:
    if part.refit is None:
        return block
    return part.refit.apply(block, wanted[1] if len(wanted) > 1 else None)


def _pad(block: AnyArray, shape: list[int], fill: Any) -> AnyArray:
    if list(block.shape) == shape:
        return block
    padded = np.full(shape, fill, block.dtype)
    padded[tuple(slice(n) for n in block.shape)] = block
    return padded


def read_together(asked: Sequence[Asked]) -> list[AnyArray]:
    """Outer indexes of several arrays, in one plan per granule; values in order."""
    readings = [array.plan(key) for array, key in asked]
    arrays = [array for array, _ in asked]
    _refuse_too_much(list(zip(arrays, readings, strict=True)))
    wanted = [array.wanted(reading) for array, reading in zip(arrays, readings, strict=True)]
    blocks = iter(read_slices([slices for items in wanted for slices in items]))
    own = [[next(blocks) for _ in items] for items in wanted]
    return [
        array.assemble(reading, mine)
        for array, reading, mine in zip(arrays, readings, own, strict=True)
    ]


def _refuse_too_much(planned: Sequence[tuple[LazyArray, Reading]]) -> None:
    """Raise `SelectionError` where granules that each fit into memory do not together.

    The plan of one granule sees to that granule alone.
    """
    files = {id(file): file for array, _ in planned for file in array.files}
    nbytes = sum(reading.nbytes(array.dtype.itemsize) for array, reading in planned)
    memory = min((file.memory for file in files.values()), default=nbytes)
    if len(files) > 1 and nbytes > memory:
        raise SelectionError(
            f"The values asked for take {nbytes / 1e9:.1f} GB, more than {memory / 1e9:.1f} GB",
            fix="Read a part of them, or use chunks= to compute piece by piece.",
        )


def read_slices(wanted: Sequence[Slices]) -> list[AnyArray]:
    """Slices of one granule or several; values in order."""
    files = {id(file): file for file, _, _ in wanted}
    if not files:
        return []
    if len(files) == 1:
        (file,) = files.values()
        return file.read([(path, slices) for _, path, slices in wanted])
    return loop.run(_read_files(wanted))


async def _read_files(wanted: Sequence[Slices]) -> list[AnyArray]:
    """As `read_slices`, several granules side by side."""
    places: dict[int, list[int]] = {}
    for place, (file, _, _) in enumerate(wanted):
        places.setdefault(id(file), []).append(place)
    room = asyncio.Semaphore(SIDE_BY_SIDE)
    values: dict[int, AnyArray] = {}

    async def read(mine: list[int]) -> None:
        async with room:
            read = await wanted[mine[0]][0].aread([wanted[place][1:] for place in mine])
        values.update(zip(mine, read, strict=True))

    try:
        async with asyncio.TaskGroup() as group:
            for mine in places.values():
                group.create_task(read(mine))
    except BaseExceptionGroup as failures:
        failure = failures.exceptions[0]
    else:
        return [values[place] for place in range(len(wanted))]
    raise failure


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

Slices: TypeAlias = tuple[Reader, str, tuple[slice, ...] | None]
"""Granule, path of a dataset in it, slices per axis (None: all of it)."""

_noting: ContextVar[list[Asked] | None] = ContextVar("noting", default=None)
_serving: ContextVar[Mapping[Any, AnyArray] | None] = ContextVar("serving", default=None)


def only_noting() -> list[Asked] | None:
    """The notes of `noting_reads`, inside of it: then nothing may be read."""
    return _noting.get()


@contextmanager
def noting_reads() -> Iterator[list[Asked]]:
    """Within the block nothing is read: what is asked for is noted, and ends in `NotedError`."""
    noted: list[Asked] = []
    token = _noting.set(noted)
    try:
        yield noted
    finally:
        _noting.reset(token)


def is_reading_ahead() -> bool:
    """Whether this runs inside of `reading_ahead`."""
    return _serving.get() is not None


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
