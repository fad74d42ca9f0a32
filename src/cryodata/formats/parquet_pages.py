"""What the pages of a Parquet file say of themselves, looked at before any of it is decoded.

A reader of Parquet allocates what the header of each page asks for, whatever the footer says.
So that a small file from others cannot fill the memory, all headers are read first.

Source: ``parquet.thrift`` of apache/parquet-format; Thrift's compact protocol.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cryodata.errors import FormatError, LimitExceededError, UnsupportedError

__all__ = ["check_pages"]

ENCODINGS = {0: "plain", 2: "plain dictionary", 3: "RLE", 8: "RLE dictionary"}
"""In which a value takes no more memory than its bytes in the page, or is one of a dictionary."""
DATA, INDEX, DICTIONARY, DATA_2 = range(4)
DEEPEST = 8
"""Structures within structures of a page's header."""


def check_pages(data: memoryview, metadata: Any, *, most: int) -> None:
    """Refuse a file whose pages would take too much memory, or are not what the footer says.

    Parameters
    ----------
    data : memoryview
        The whole file.
    metadata : pyarrow.parquet.FileMetaData
        Its footer.
    most : int
        Bytes of all pages together, decompressed.

    Raises
    ------
    LimitExceededError
        They are more.
    UnsupportedError
        Values are encoded in a way that may take any amount of memory.
    FormatError
        Pages lie outside the file, or hold more rows than the footer says.
    """
    total = 0
    for group in range(metadata.num_row_groups):
        rows = metadata.row_group(group).num_rows
        for column in range(metadata.num_columns):
            chunk = metadata.row_group(group).column(column)
            starts = [chunk.data_page_offset]
            if chunk.has_dictionary_page:
                starts.append(chunk.dictionary_page_offset)
            start, stop = min(starts), min(starts) + chunk.total_compressed_size
            if not 4 <= start <= stop <= len(data):
                raise FormatError("A column of the Parquet file lies outside of it")
            total += _column(data[start:stop], rows, most - total)


def _column(data: memoryview, rows: int, most: int) -> int:
    """Bytes that the pages of a column take, decompressed."""
    at, found, total = 0, 0, 0
    while at < len(data) and found < rows:
        header, at = _header(data, at)
        kind, size, stored = (_int(header.get(i)) for i in (1, 2, 3))
        values, encoding = _content(header, kind)
        if encoding not in ENCODINGS:
            raise UnsupportedError(f"A page of the Parquet file has encoding {encoding}")
        total += size
        if total > most:
            raise LimitExceededError("The pages of the Parquet file are too large, decompressed")
        if kind == DICTIONARY:
            if values > size:  # each takes its bytes, or at least four that say how many
                raise FormatError("A dictionary of the Parquet file has too many values")
        else:
            found += values
        at += stored
    if found != rows or at > len(data):
        raise FormatError(f"A column of the Parquet file has {found} values for {rows} rows")
    return total


def _content(header: dict[int, Any], kind: int) -> tuple[int, int]:
    """Number of values and their encoding."""
    part, encoding = {DATA: (5, 2), DICTIONARY: (7, 2), DATA_2: (8, 4)}.get(kind, (0, 0))
    found = header.get(part)
    if not isinstance(found, dict):
        raise FormatError(f"A page of the Parquet file is of kind {kind}")
    return _int(found.get(1)), _int(found.get(encoding))


def _int(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise FormatError("A page of the Parquet file has no sound header")
    return value


@dataclass(slots=True)
class _Compact:
    """Reads Thrift's compact protocol."""

    data: memoryview
    at: int

    def byte(self) -> int:
        if self.at >= len(self.data):
            raise FormatError("A page of the Parquet file is cut off")
        self.at += 1
        return self.data[self.at - 1]

    def varint(self) -> int:
        value = 0
        for shift in range(0, 70, 7):
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
        raise FormatError("A page of the Parquet file has an endless number")

    def number(self) -> int:
        value = self.varint()
        return value >> 1 ^ -(value & 1)

    def skip(self, count: int) -> None:
        if count > len(self.data) - self.at:
            raise FormatError("A page of the Parquet file is cut off")
        self.at += count

    def struct(self, depth: int = 0) -> dict[int, Any]:
        """Fields by their number; texts, lists and fractions are None."""
        if depth > DEEPEST:
            raise FormatError("A page of the Parquet file has a header without end")
        found: dict[int, Any] = {}
        field = 0
        while head := self.byte():
            field = field + (head >> 4) if head >> 4 else self.number()
            found[field] = self.value(head & 15, depth)
        return found

    def value(self, kind: int, depth: int) -> Any:
        match kind:
            case 1 | 2:
                return kind == 1
            case 3:
                return self.byte()
            case 4 | 5 | 6:
                return self.number()
            case 7:
                return self.skip(8)
            case 8:
                return self.skip(self.varint())
            case 12:
                return self.struct(depth + 1)
        raise FormatError("A page of the Parquet file has an odd header")


def _header(data: memoryview, at: int) -> tuple[dict[int, Any], int]:
    """The header of the page at a place, and where it ends."""
    reader = _Compact(data, at)
    found = reader.struct()
    return found, reader.at
