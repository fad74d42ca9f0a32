"""A folder of references as Parquet, read as strictly as those of one text.

What it says is bounded before it is decoded: rows and columns by the footers, memory by the
headers of all pages. Source: see `cryodata.formats.kerchunk_parquet_out`.
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from cryodata.errors import CryodataError, FormatError, LimitExceededError, UnsupportedError
from cryodata.formats.allowed import Allowed
from cryodata.formats.parquet_columns import Column, read_columns
from cryodata.formats.references_in import (
    DOCUMENTS,
    Checks,
    ChunkReferences,
    KerchunkReferences,
    load_json,
)
from cryodata.options import Limits
from cryodata.types import IntArray

__all__ = ["read_kerchunk_parquet"]

METADATA = ".zmetadata"
LARGEST_RECORD = 1_000_000
"""Chunks to a file, at most."""
MOST_FILES = 100_000
"""That are asked for."""
MOST_METADATA = 256 << 20
MOST_FILE = 1 << 30
"""Bytes of a file of references, as it is and decompressed."""
BASE64 = b"base64:"
_BYTES, _INTS = ("path", "raw"), ("offset", "size")
"""Columns, by what they hold."""


def read_kerchunk_parquet(
    files: Callable[[str], bytes],
    allow: Allowed,
    limits: Limits | None = None,
    *,
    lost_ok: bool = False,
) -> KerchunkReferences:
    """What a folder of references says, if all of it is sound. Every file is asked for.

    Parameters
    ----------
    files : function
        Gives the content of a file by its name below the folder; raises `FileNotFoundError` or
        `KeyError` where there is none. Names are checked: none leads out of the folder.
    allow : Allowed
        Places that chunks may lie in.
    limits : Limits, optional
        Of chunks per array, and of their size.
    lost_ok : bool
        Take a file that is not there for one of chunks that were never written. kerchunk writes
        none for those; but neither is there one that was lost, and its values would be fill
        values.

    Raises
    ------
    UnsafeReferenceError
        They point to a place that is not allowed.
    UnsupportedError
        They use what this reader does not: whole files, odd codecs, odd encodings.
    FormatError
        They are damaged, or contradict themselves.
    LimitExceededError
        They ask for more than the limits allow.
    """
    checks = Checks(allow, limits or Limits())
    text = _file(files, METADATA)
    if text is None:
        raise FormatError("It is no folder of references: there is no .zmetadata in it")
    if len(text) > MOST_METADATA:
        raise LimitExceededError(f"Metadata of {len(text)} bytes")
    record, documents = _metadata(load_json(text))

    asked = 0

    def chunks(path: str, metadata: dict[str, Any]) -> ChunkReferences:
        nonlocal asked
        empty = ChunkReferences.of(metadata)
        count = math.prod(empty.grid)
        checks.check_count(path, count)
        asked += -(-count // record)
        if asked > MOST_FILES:
            raise LimitExceededError(f"The references are more than {MOST_FILES} files")
        parts = [_NONE]
        inline: dict[int, bytes] = {}
        for start in range(0, count, record):
            name = f"{path}/refs.{start // record}.parq"
            data = _file(files, name)
            if data is not None:
                rows = min(record, count - start)
                with _explained(name):
                    part, here = _decode(data, rows, record, checks, path)
                parts.append((part[0] + start, *part[1:]))
                inline |= {row + start: value for row, value in here.items()}
            elif not lost_ok:
                raise FormatError(
                    f"The file {name!r:.80} is not there; whether its chunks were never written,"
                    " nobody knows",
                    fix="lost_ok=True takes them for such, and gives fill values.",
                    path=path,
                )
        numbers, places, offsets, nbytes = (np.concatenate(c) for c in zip(*parts, strict=True))
        return ChunkReferences(metadata, numbers, places.astype(np.int32), offsets, nbytes, inline)

    return checks.tree(documents, chunks)


Rows = tuple[IntArray, IntArray, IntArray, IntArray]
"""Row, number of the file, offset and size of each chunk that lies in a file."""
_NONE: Rows = tuple(np.empty(0, np.int64) for _ in range(4))  # type: ignore[assignment]  # of four


def _file(files: Callable[[str], bytes], name: str) -> bytes | None:
    try:
        return files(name)
    except (FileNotFoundError, KeyError):
        return None


def _metadata(found: Any) -> tuple[int, dict[str, Any]]:
    """Chunks to a file, and documents by key."""
    if not isinstance(found, dict) or not isinstance(found.get("metadata"), dict):
        raise FormatError("The metadata of the references is no table")
    record = found.get("record_size")
    if type(record) is not int or record < 1:
        raise FormatError(f"{record!r:.40} is no number of chunks to a file")
    if record > LARGEST_RECORD:
        raise LimitExceededError(f"{record} chunks to a file of references")
    documents = {
        key: value
        for key, value in found["metadata"].items()
        if key.rpartition("/")[2] in DOCUMENTS
    }
    if documents.get(".zarray") is not None:
        raise UnsupportedError("The references are of an array, not of a group")
    return record, documents


@contextmanager
def _explained(name: str) -> Iterator[None]:
    """Which file it is; and what pyarrow says of pages that it cannot decompress."""
    try:
        yield
    except CryodataError as error:
        error.locate(path=name)
        raise
    except (OSError, ValueError) as error:  # of pyarrow
        raise FormatError(f"It cannot be decompressed: {error!s:.80}", path=name) from None


def _decode(
    data: bytes, rows: int, record: int, checks: Checks, path: str
) -> tuple[Rows, dict[int, bytes]]:
    """Places, and bytes that stand here by row.

    Parameters
    ----------
    rows : int
        Chunks that the grid has here.
    record : int
        Rows that may be there: what is beyond the grid has to be empty.
    """
    if len(data) > MOST_FILE:
        raise LimitExceededError(f"A file of references of {len(data)} bytes")
    count, columns = read_columns(data, texts=_BYTES, numbers=_INTS, rows=record, most=MOST_FILE)
    if count < rows:
        raise FormatError(f"{count} rows stand for {rows} chunks", path=path)
    none = Column([], np.full(count, -1, np.int64))
    places, urls = columns.get("path", none).places, columns.get("path", none).values
    raws, values = columns.get("raw", none).places, columns.get("raw", none).values
    offsets, sizes = (_numbers(columns.get(name), name, count) for name in _INTS)
    if (places[rows:] >= 0).any() or (raws[rows:] >= 0).any():
        raise FormatError("There are chunks beyond the grid", path=path)
    return (
        _places(places, urls, offsets, sizes, raws, checks, path),
        _inline(raws, values, checks, path),
    )


def _numbers(column: Column | None, name: str, rows: int) -> IntArray:
    """A column of integers, none of which is left out."""
    if column is None:
        return np.zeros(rows, np.int64)
    if (column.places < 0).any():
        raise FormatError(f"A chunk has no {name}")
    found: IntArray = column.values[column.places]
    return found


def _places(
    places: IntArray,
    urls: list[bytes],
    offsets: IntArray,
    sizes: IntArray,
    raws: IntArray,
    checks: Checks,
    path: str,
) -> Rows:
    rows = np.flatnonzero((places >= 0) & (raws < 0))  # as fsspec: what stands here goes first
    starts, counts = offsets[rows], sizes[rows]
    if not len(rows):
        return _NONE
    if (counts == 0).any():
        raise UnsupportedError("A reference is to a whole file, or to no bytes of it", path=path)
    for extreme in (int(starts.min()), int(starts.max())):
        for size in (int(counts.min()), int(counts.max())):
            checks.check_place(extreme, size, path)
    used = np.unique(places[rows])
    known = np.zeros(len(urls), np.int64)
    for number in used.tolist():
        known[number] = checks.file(_text(urls[number], path))
    return rows, known[places[rows]], starts, counts


def _text(url: bytes, path: str) -> str:
    try:
        return url.decode("utf-8")
    except UnicodeDecodeError:
        raise FormatError("A URL is no text", path=path) from None


def _inline(raws: IntArray, values: list[bytes], checks: Checks, path: str) -> dict[int, bytes]:
    """Equal chunks share their bytes; each counts all the same."""
    rows = np.flatnonzero(raws >= 0).tolist()
    plain: dict[int, bytes] = {}
    found: dict[int, bytes] = {}
    for row in rows:
        number = int(raws[row])
        checks.check_inline(len(values[number]))
        if number not in plain:
            plain[number] = _decoded(values[number], path)
        found[row] = plain[number]
    return found


def _decoded(value: bytes, path: str) -> bytes:
    if not value.startswith(BASE64):
        return value
    try:
        return base64.b64decode(value.removeprefix(BASE64), validate=True)
    except (binascii.Error, ValueError):
        raise FormatError("A chunk in the references is no base64", path=path) from None
