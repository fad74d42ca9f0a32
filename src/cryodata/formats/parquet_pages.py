"""Pages of a column of Parquet, decompressed as far as they may be.

Source: ``parquet.thrift`` and ``Compression.md`` of apache/parquet-format.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from cryodata.errors import FormatError, LimitExceededError, UnsupportedError
from cryodata.formats.thrift import read_struct

__all__ = ["Page", "pages"]

CODECS = {0: "", 1: "snappy", 2: "gzip", 4: "brotli", 6: "zstd"}
DATA, DICTIONARY, DATA_2 = 0, 2, 3
RLE = 3


@dataclass(frozen=True, slots=True, eq=False)
class Page:
    """One page.

    Attributes
    ----------
    is_dictionary : bool
    count : int
        Values, those that are missing included.
    encoding : int
    body : memoryview
        Levels and values; of newer pages only values.
    beside : memoryview or None
        Levels of newer pages.
    nbytes : int
        That it takes.
    """

    is_dictionary: bool
    count: int
    encoding: int
    body: memoryview
    beside: memoryview | None
    nbytes: int

    def levels(self) -> tuple[memoryview, memoryview]:
        """Which values are there, as runs; and the values."""
        if self.beside is not None:
            return self.beside, self.body
        size = int.from_bytes(self.body[:4], "little")
        if len(self.body) < 4 + size:
            raise FormatError("A page of the Parquet file is cut off")
        return self.body[4 : 4 + size], self.body[4 + size :]


def pages(data: memoryview, codec: int, rows: int, most: int) -> Iterator[Page]:
    """The pages of a column until it has all its rows; no more than so many bytes of them."""
    if codec not in CODECS:
        raise UnsupportedError(f"The Parquet file is compressed by codec {codec}")
    at = seen = 0
    while seen < rows and at < len(data):
        header, at = read_struct(data, at)
        kind, size, stored = (_int(header, number) for number in (1, 2, 3))
        most -= size
        if most < 0:
            raise LimitExceededError("The pages of the Parquet file are too large, decompressed")
        if stored > len(data) - at:
            raise FormatError("A page of the Parquet file is cut off")
        page = _page(kind, header, data[at : at + stored], size, CODECS[codec])
        at += stored
        seen += 0 if page.is_dictionary else page.count
        if seen > rows:
            raise FormatError("A column of the Parquet file has more values than rows")
        yield page


def _page(kind: int, header: dict[int, Any], stored: memoryview, size: int, codec: str) -> Page:
    about = header.get({DATA: 5, DICTIONARY: 7, DATA_2: 8}.get(kind, 0))
    if not isinstance(about, dict):
        raise UnsupportedError(f"The Parquet file has a page of kind {kind}")
    count = _int(about, 1)
    if kind == DATA_2:
        levels = _int(about, 5)
        if _int(about, 6) or levels > min(size, len(stored)):
            raise FormatError("A page of the Parquet file has odd levels")
        codec = codec if about.get(7, True) else ""
        body = _decompressed(stored[levels:], size - levels, codec)
        return Page(False, count, _int(about, 4), body, stored[:levels], size)
    if kind == DATA and _int(about, 3) != RLE:
        raise UnsupportedError("The Parquet file packs levels in an old way")
    body = _decompressed(stored, size, codec)
    if kind == DICTIONARY and count > len(body):
        raise FormatError("A dictionary of the Parquet file has too many values")
    return Page(kind == DICTIONARY, count, _int(about, 2), body, None, size)


def _decompressed(stored: memoryview, size: int, codec: str) -> memoryview:
    """Exactly `size` bytes."""
    import pyarrow as pa

    found: Any
    if not codec:
        found = stored
    elif not size:
        found = b""
    elif codec == "snappy":  # says its size itself, and is refused where that is not so
        found = pa.decompress(stored, _snappy_size(stored, size), codec, asbytes=True)
    else:
        with pa.CompressedInputStream(pa.py_buffer(stored), codec) as stream:
            found = stream.read(size + 1)
    if len(found) != size:
        raise FormatError("A page of the Parquet file has another size than it says")
    return memoryview(found)


def _snappy_size(stored: memoryview, size: int) -> int:
    found = 0
    for i, byte in enumerate(stored[:5]):
        found |= (byte & 0x7F) << 7 * i
        if byte < 0x80:
            break
    if found != size:
        raise FormatError("A page of the Parquet file has another size than it says")
    return size


def _int(fields: dict[int, Any], number: int) -> int:
    value = fields.get(number)
    if type(value) is not int or not 0 <= value < 1 << 31:
        raise FormatError("A page of the Parquet file has no sound header")
    return value
