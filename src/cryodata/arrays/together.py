"""Several lazy arrays in one plan, where xarray would load them one after the other.

`Companions` serves variables that were asked for by name; `load_together` serves all that
a Dataset holds.
"""

from __future__ import annotations

import threading
from collections.abc import Hashable, Iterable
from contextlib import suppress
from typing import Any

import numpy as np
import xarray as xr

from cryodata.arrays.lazy import (
    Asked,
    LazyArray,
    NotedError,
    frozen_key,
    is_reading_ahead,
    noting_reads,
    read_together,
    reading_ahead,
)
from cryodata.errors import FormatError, IntegrityError
from cryodata.rowwise.rows import OuterKey
from cryodata.types import AnyArray

__all__ = ["COMPANION_BYTES", "Companions", "load_together", "reads_by_variable", "reads_of"]

COMPANION_BYTES = 256 << 20
"""Companions are read together while they hold no more than this, decoded."""


class Companions:
    """Arrays read together with the first of them that is touched.

    Each array takes part once: what was read for it along with another is kept until it
    is asked for with the same rows, then forgotten. Nothing is read ahead when the
    arrays hold more than `most` bytes, or when other rows are asked for later. A damaged
    companion is no obstacle: then each array is read by itself, and only that one raises.

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
                if rows == frozen_key(key[:1], array.shape):
                    return _cut_trailing(values, key)
            if array not in self._followers:
                return None
            asked = self._ask(array, key)
            nbytes = sum(a.plan(k).nbytes(a.dtype.itemsize) for a, k in asked.items())
            if nbytes > self._most:
                del self._followers[array]
                return None
            try:
                read = dict(zip(asked, read_together(list(asked.items())), strict=True))
            except (FormatError, IntegrityError):  # of one of them: each by itself from now on
                self._part(asked)
                return None
            self._part(asked)
            values = read.pop(array)
            self._waiting |= {a: (frozen_key(asked[a][:1], a.shape), v) for a, v in read.items()}
            return _cut_trailing(values, key)

    def _part(self, arrays: Iterable[LazyArray]) -> None:
        for array in arrays:
            del self._followers[array]

    def _ask(self, array: LazyArray, key: OuterKey) -> dict[LazyArray, OuterKey]:
        """The same rows of an array and its followers, whole along the other axes."""
        rows = key[:1]
        asked = {array: _whole_axes(array, rows)}
        for other in self._followers[array]:
            if other not in self._followers:
                continue  # took part already
            if _all_rows(rows, array.shape):
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


def _all_rows(key: OuterKey, shape: tuple[int, ...]) -> bool:
    """Whether the rows asked for are all of them."""
    return frozen_key(key[:1], shape) == frozen_key((slice(None),), shape)


def load_together(dataset: xr.Dataset) -> xr.Dataset:
    """Load everything a Dataset holds, all that comes from one granule in one plan.

    Equal to ``dataset.load()`` but for the number of requests. Variables that are dask
    arrays are computed as usual.
    """
    if is_reading_ahead():  # what it would read was read
        return dataset.load()
    with reading_ahead(reads_of(dataset)):
        return dataset.load()


def reads_of(dataset: xr.Dataset) -> list[Asked]:
    """What loading a Dataset would read, each array and index once; dask arrays apart."""
    return [asked for several in reads_by_variable(dataset).values() for asked in several]


def reads_by_variable(dataset: xr.Dataset) -> dict[Hashable, list[Asked]]:
    """What loading each variable of a Dataset would read that none before it does."""
    seen = set()
    reads: dict[Hashable, list[Asked]] = {}
    for name, variable in dataset.variables.items():
        if variable.chunks is not None:
            continue
        with noting_reads() as noted, suppress(NotedError):
            variable.copy(deep=False).load()
        for array, key in noted:
            once = (array, frozen_key(key, array.shape))
            if once not in seen:
                seen.add(once)
                reads.setdefault(name, []).append((array, key))
    return reads
