"""Arrays that are read when they are touched, and read together where that saves requests.

xarray loads the variables of a Dataset one after the other, which would cost a round trip
each. Two things bring them back into one plan: `Companions`, for variables that were asked
for by name, and `load_together`, for everything a Dataset holds.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
import xarray as xr
from xarray.backends import BackendArray
from xarray.core import indexing

from cryodata.rows import OuterKey, Reading, plan_reading
from cryodata.types import AnyArray, Source

__all__ = [
    "Companions",
    "LazyArray",
    "Part",
    "Reader",
    "Text",
    "UtcTime",
    "as_stored",
    "load_together",
    "read_together",
    "reading_ahead",
]

COMPANION_BYTES = 256 << 20
"""Companions are read together while they hold no more than this, decoded."""

FARTHEST = 7e9
"""Seconds from an epoch that ``datetime64[ns]`` surely holds."""

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


def as_stored(values: AnyArray) -> AnyArray:
    """No change."""
    return values


@dataclass(frozen=True, slots=True)
class Text:
    """Variable-length strings as text.

    Attributes
    ----------
    encoding : str
        ``ascii`` or ``utf-8``. Bytes that do not fit it become surrogates.
    """

    encoding: str

    def __call__(self, values: AnyArray) -> AnyArray:
        """Decode each element; the shape stays."""
        decoded = np.empty(values.size, object)
        for i, value in enumerate(values.flat):
            decoded[i] = value.decode(self.encoding, "surrogateescape")
        return decoded.reshape(values.shape)


@dataclass(frozen=True, slots=True)
class UtcTime:
    """Seconds since an epoch as UTC instants, exact to the nearest nanosecond.

    Attributes
    ----------
    epoch : numpy.datetime64
        UTC. Leap seconds are not counted, as in all calendars of CF; ICESat-2 needs none,
        since none was inserted between its epoch, 2018-01-01, and the end of 2026.
    fill : float or None
        Stands for no time.
    """

    epoch: np.datetime64
    fill: float | None = None

    def __call__(self, seconds: AnyArray) -> AnyArray:
        """Instants as ``datetime64[ns]``; NaT for no time, and 220 years from the epoch.

        Parameters
        ----------
        seconds : float array
            s since the epoch. A double at 3e8 s resolves 60 ns.
        """
        known = np.abs(seconds) < FARTHEST  # False for NaN
        if self.fill is not None:
            known &= seconds != self.fill
        seconds = np.where(known, seconds, 0.0)
        whole = np.floor(seconds)  # apart, because the product of both would be rounded
        rest = np.rint((seconds - whole) * 1e9)
        nanoseconds = whole.astype(np.int64) * 1_000_000_000 + rest.astype(np.int64)
        times = self.epoch.astype("M8[ns]") + nanoseconds.astype("m8[ns]")
        return np.where(known, times, np.datetime64("NaT", "ns"))


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
    companions : Companions, optional
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
        companions: Companions | None = None,
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
            raise _NotedError
        if (served := _serving.get()) is not None:
            values = served.get((self, _frozen(key, self.shape)))
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


def read_together(asked: Sequence[tuple[LazyArray, OuterKey]]) -> list[AnyArray]:
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


class Companions:
    """Arrays read together with the first of them that is touched.

    Each array takes part once: what was read for it along with another is kept until it
    is asked for with the same rows, then forgotten. Nothing is read ahead when the
    arrays hold more than `most` bytes, or when other rows are asked for later.

    Parameters
    ----------
    most : int
        Bytes, decoded.
    """

    def __init__(self, most: int = COMPANION_BYTES) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._followers: dict[LazyArray, tuple[LazyArray, ...]] = {}
        self._waiting: dict[LazyArray, tuple[Any, AnyArray]] = {}

    def join(self, arrays: Iterable[LazyArray], followers: Iterable[LazyArray]) -> None:
        """Touching one of `arrays` for the first time reads all `followers` as well."""
        followers = tuple(followers)
        for array in arrays:
            array.companions = self
            self._followers[array] = followers

    def read(self, array: LazyArray, key: OuterKey) -> AnyArray | None:
        """The values, or None where it is left to the array to read them by itself."""
        with self._lock:
            if array in self._waiting:
                rows, values = self._waiting.pop(array)
                if rows == _frozen(key[:1], array.shape):
                    return _cut_trailing(values, key)
            if array not in self._followers:
                return None
            asked = self._ask(array, key)
            nbytes = sum(a.plan(k).nbytes(a.dtype.itemsize) for a, k in asked.items())
            if nbytes > self._most:
                del self._followers[array]
                return None
            read = dict(zip(asked, read_together(list(asked.items())), strict=True))
            for each in asked:
                del self._followers[each]
            values = read.pop(array)
            self._waiting |= {a: (_frozen(asked[a][:1], a.shape), v) for a, v in read.items()}
            return _cut_trailing(values, key)

    def _ask(self, array: LazyArray, key: OuterKey) -> dict[LazyArray, OuterKey]:
        """The same rows of an array and its followers, whole along the other axes."""
        rows = key[:1]
        asked = {array: _whole_axes(array, rows)}
        for other in self._followers[array]:
            if other not in self._followers:
                continue  # took part already
            if _whole(rows, array.shape):
                asked[other] = _whole_axes(other, (slice(None),))
            elif other.shape[:1] == array.shape[:1]:
                asked[other] = _whole_axes(other, rows)
        return asked


def _whole_axes(array: LazyArray, rows: OuterKey) -> OuterKey:
    return (*rows, *[slice(None)] * (len(array.shape) - 1)) if array.shape else ()


def _cut_trailing(values: AnyArray, key: OuterKey) -> AnyArray:
    """Apply the part of an outer index that follows the rows."""
    if not key:
        return values
    first = 0 if isinstance(key[0], int | np.integer) else 1
    for axis in reversed(range(len(key) - 1)):
        values = values[(slice(None),) * (first + axis) + (key[1 + axis],)]
    return values


def _frozen(key: OuterKey, shape: tuple[int, ...]) -> tuple[Any, ...]:
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


def _whole(key: OuterKey, shape: tuple[int, ...]) -> bool:
    """Whether the rows asked for are all of them."""
    return _frozen(key[:1], shape) == _frozen((slice(None),), shape)


class _NotedError(Exception):
    """Ends an indexing that was only to be noted."""


_noting: ContextVar[list[tuple[LazyArray, OuterKey]] | None] = ContextVar("noting", default=None)
_serving: ContextVar[Mapping[Any, AnyArray] | None] = ContextVar("serving", default=None)


@contextmanager
def reading_ahead(asked: Sequence[tuple[LazyArray, OuterKey]]) -> Iterator[None]:
    """Within the block, these outer indexes are answered from one read at its start."""
    values = read_together(asked)
    served = {(a, _frozen(k, a.shape)): v for (a, k), v in zip(asked, values, strict=True)}
    token = _serving.set(served)
    try:
        yield
    finally:
        _serving.reset(token)


def load_together(dataset: xr.Dataset) -> xr.Dataset:
    """Load everything a Dataset holds, all that comes from one granule in one plan.

    Equal to ``dataset.load()`` but for the number of requests. Variables that are dask
    arrays are computed as usual.
    """
    with reading_ahead(_note(dataset)):
        return dataset.load()


def _note(dataset: xr.Dataset) -> list[tuple[LazyArray, OuterKey]]:
    """What loading would read."""
    noted: list[tuple[LazyArray, OuterKey]] = []
    token = _noting.set(noted)
    try:
        for variable in dataset.variables.values():
            if variable.chunks is None:
                try:
                    variable.copy(deep=False).load()
                except _NotedError:
                    continue
    finally:
        _noting.reset(token)
    return noted
