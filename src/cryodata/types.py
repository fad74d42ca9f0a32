"""Words that every layer shares: byte ranges and where bytes come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, NoReturn

import numpy as np
from numpy.typing import NDArray

__all__ = ["AnyArray", "Block", "ByteRange", "Grant", "IntArray", "Source"]

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """Leave to read one object, for a while: what a request has to carry.

    Prints nothing of it, and does not pickle: what travels between processes is whoever
    gives grants, and it gives new ones where it arrives.

    Attributes
    ----------
    url : str
        What to ask: the object itself, or a signed URL of it.
    options : mapping
        Storage options to ask with: keys and session token, in the words of s3fs.
    expires : float
        When it is over, s since 1970-01-01 UTC; infinity where it does not say.
    serial : int
        Equal for grants of the same keys: objects of one bucket share connections.
    """

    url: str = field(repr=False)
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    expires: float = float("inf")
    serial: int = 0

    def __reduce__(self) -> NoReturn:
        raise TypeError("a grant holds secrets and does not pickle")
