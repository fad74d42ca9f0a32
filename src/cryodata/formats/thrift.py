"""Structures of Thrift, in its compact protocol: what the footers and pages of Parquet are.

Source: "Thrift Compact protocol encoding" of apache/thrift.
"""

from __future__ import annotations

from typing import Any

from cryodata.errors import FormatError

__all__ = ["read_struct"]

DEEPEST = 16
"""Structures within structures."""


def read_struct(data: memoryview, at: int) -> tuple[dict[int, Any], int]:
    """The fields of a structure by their number, and where it ends.

    Numbers are int, texts ``bytes``, lists ``list``, structures ``dict``; fractions, sets and maps
    are None.

    Raises
    ------
    FormatError
        It is no such structure, or goes beyond the end of `data`.
    """
    reader = _Reader(data, at)
    found = reader.struct(0)
    return found, reader.at


class _Reader:
    """What it makes takes no more memory than a multiple of the bytes that it has read."""

    def __init__(self, data: memoryview, at: int) -> None:
        self._data = data
        self.at = at

    def struct(self, depth: int) -> dict[int, Any]:
        if depth > DEEPEST:
            raise FormatError("A structure of the Parquet file has no end")
        found: dict[int, Any] = {}
        field = 0
        while head := self._byte():
            field = field + (head >> 4) if head >> 4 else self._number()
            kind = head & 15
            found[field] = kind == 1 if kind in (1, 2) else self._value(kind, depth)
        return found

    def _value(self, kind: int, depth: int) -> Any:
        match kind:
            case 1 | 2:  # of a list: there it has a byte of its own
                return self._byte() == 1
            case 3:
                return self._byte()
            case 4 | 5 | 6:
                return self._number()
            case 7:
                self._bytes(8)
                return None
            case 8:
                return bytes(self._bytes(self._varint()))
            case 9 | 10:
                return self._list(depth)
            case 12:
                return self.struct(depth + 1)
        raise FormatError("A structure of the Parquet file has parts of an unknown kind")

    def _list(self, depth: int) -> list[Any]:
        if depth > DEEPEST:
            raise FormatError("A structure of the Parquet file has no end")
        head = self._byte()
        count = head >> 4 if head >> 4 < 15 else self._varint()
        return [self._value(head & 15, depth + 1) for _ in range(count)]

    def _byte(self) -> int:
        return self._bytes(1)[0]

    def _bytes(self, count: int) -> memoryview:
        start, self.at = self.at, self.at + count
        if not 0 <= start <= self.at <= len(self._data):
            raise FormatError("A structure of the Parquet file is cut off")
        return self._data[start : self.at]

    def _varint(self) -> int:
        value = 0
        for shift in range(0, 70, 7):
            byte = self._byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
        raise FormatError("A structure of the Parquet file has an endless number")

    def _number(self) -> int:
        value = self._varint()
        return value >> 1 ^ -(value & 1)
