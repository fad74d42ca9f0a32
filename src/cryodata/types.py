"""Words that every layer shares: byte ranges and where bytes come from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["AnyArray", "Block", "ByteRange", "IntArray", "Source"]

AnyArray = NDArray[Any]
IntArray = NDArray[np.int64]


class ByteRange(NamedTuple):
    """Bytes of an object, half-open: ``start <= i < stop``."""

    start: int
    stop: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One version of one object: what an index was made from.

    Attributes
    ----------
    url : str
        Without query string, user or password.
    size : int
        Bytes.
    etag : str
        Entity tag as the server gave it, with its quotes. For a local file it is
        made of size, modification time and inode. Empty where the server has none.
    """

    url: str
    size: int
    etag: str


@dataclass(frozen=True, slots=True)
class Block:
    """Bytes as a store returned them, with what the server said of the whole object.

    Attributes
    ----------
    start : int
        Offset of the first byte of `data` in the object.
    data : memoryview
        The bytes; read-only.
    size : int
        Size of the whole object, bytes.
    etag : str
        Entity tag of the whole object; empty where the server has none.
    """

    start: int
    data: memoryview
    size: int
    etag: str

    @property
    def stop(self) -> int:
        """One past the last byte."""
        return self.start + len(self.data)
