"""Variables of a grid that a user named, read in one plan: the same window of each."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Any

from cryodata.arrays.lazy import LazyArray, frozen_key, read_together
from cryodata.arrays.together import COMPANION_BYTES
from cryodata.errors import FormatError, IntegrityError
from cryodata.rowwise.rows import OuterKey
from cryodata.types import AnyArray

__all__ = ["SameWindow"]


class SameWindow:
    """Touching one of some arrays of one shape reads the same part of the others.

    Each takes part once: what was read for it is kept until it is asked for with the same
    part, then forgotten. A damaged one is no obstacle: each is then read by itself.

    Parameters
    ----------
    arrays : iterable of LazyArray
    most : int
        Bytes, decoded: nothing is read ahead when the parts hold more.
    """

    def __init__(self, arrays: Iterable[LazyArray], most: int = COMPANION_BYTES) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._free = list(arrays)
        self._waiting: dict[LazyArray, tuple[Any, AnyArray]] = {}
        for array in self._free:
            array.companions = self

    def read(self, array: LazyArray, key: OuterKey) -> AnyArray | None:
        """The values, or None where it is left to the array to read them by itself."""
        with self._lock:
            part = frozen_key(key, array.shape)
            if array in self._waiting:
                known, values = self._waiting.pop(array)
                if known == part:
                    return values
            if array not in self._free:
                return None
            asked = [(one, key) for one in self._free if one.shape == array.shape]
            for one, _ in asked:
                self._free.remove(one)
            nbytes = sum(one.plan(key).nbytes(one.dtype.itemsize) for one, _ in asked)
            if len(asked) < 2 or nbytes > self._most:
                return None
            try:
                read = read_together(asked)
            except (FormatError, IntegrityError):  # of one of them: each by itself from now on
                return None
            found = dict(zip([one for one, _ in asked], read, strict=True))
            values = found.pop(array)
            self._waiting |= {one: (part, block) for one, block in found.items()}
            return values
