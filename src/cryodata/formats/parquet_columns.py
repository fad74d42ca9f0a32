"""Columns of texts and whole numbers of a Parquet file that comes from others.

Arrow's own reader may end the process, or fill its memory, where such a file was made to do so.
This one knows few of Parquet's ways to write, and looks at all it does before.

Source: ``README.md``, ``Encodings.md`` and ``parquet.thrift`` of apache/parquet-format.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np

from cryodata.errors import FormatError, LimitExceededError, UnsupportedError
from cryodata.formats.parquet_pages import Page, pages
from cryodata.formats.parquet_runs import read_runs
from cryodata.formats.thrift import read_struct
from cryodata.types import AnyArray, IntArray

__all__ = ["Column", "read_columns"]

MAGIC = b"PAR1"
INT64, BYTES = 2, 6
KINDS = {INT64: "whole numbers", BYTES: "texts"}
PLAIN, BY_DICTIONARY = 0, (2, 8)


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """One column.

    Attributes
    ----------
    values : (m,) int64 or list of bytes
        Those there are; few where they repeat themselves.
    places : (row,) int64
        Which of them each row has; -1 where it has none.
    """

    values: Any
    places: IntArray


def read_columns(
    data: bytes, *, texts: Collection[str], numbers: Collection[str], rows: int, most: int
) -> tuple[int, dict[str, Column]]:
    """All columns of a file, and the number of its rows.

    Parameters
    ----------
    data : bytes
        The whole file.
    texts, numbers : names
        Columns that there may be, by what they hold.
    rows, most : int
        Rows, and decompressed bytes, at most.

    Raises
    ------
    FormatError
        It is no sound Parquet.
    UnsupportedError
        It has other columns, or is written in a way that this reader does not know.
    LimitExceededError
        It has too many rows, or takes too much memory.
    """
    view = memoryview(data)
    footer = _footer(view)
    kinds = {**dict.fromkeys(texts, BYTES), **dict.fromkeys(numbers, INT64)}
    schema = _schema(footer, kinds)
    count = _int(footer, 3)
    if count > rows:
        raise LimitExceededError(f"{count} rows, where there may be {rows}")
    parts: dict[str, list[Column]] = {name: [] for name, _ in schema}
    budget, total = most, 0
    for group in _list(footer, 4):
        here = _int(group, 3)
        total += here
        chunks = _list(group, 1)
        if len(chunks) != len(schema) or total > count:
            raise FormatError("A group of rows of the Parquet file is not what it says")
        for (name, optional), chunk in zip(schema, chunks, strict=True):
            column, used = _column(view, chunk, kinds[name], optional, here, budget)
            budget -= used
            parts[name].append(column)
    if total != count:
        raise FormatError(f"The Parquet file has {total} rows, and says {count}")
    return count, {name: _joined(found, kinds[name]) for name, found in parts.items()}


def _footer(data: memoryview) -> dict[int, Any]:
    if len(data) < 12 or data[:4] != MAGIC or data[-4:] != MAGIC:
        raise FormatError("It is no Parquet file, or one that is cut off")
    size = int.from_bytes(data[-8:-4], "little")
    if size > len(data) - 12:
        raise FormatError("The footer of the Parquet file is cut off")
    return read_struct(data[: len(data) - 8], len(data) - 8 - size)[0]


def _schema(footer: dict[int, Any], kinds: dict[str, int]) -> list[tuple[str, bool]]:
    """Name of each column, and whether rows may lack it."""
    root, *columns = _list(footer, 2) or [{}]
    if root.get(5) != len(columns):
        raise UnsupportedError("The Parquet file has columns within columns")
    found = []
    for column in columns:
        given = column.get(4)
        name = given.decode("ascii", "replace") if isinstance(given, bytes) else ""
        if kinds.get(name) != column.get(1):
            raise UnsupportedError(
                f"The Parquet file has a column {name!r:.40} that is not one of"
                f" {', '.join(f'{n} ({KINDS[k]})' for n, k in kinds.items())}"
            )
        if column.get(3) not in (0, 1) or column.get(5):
            raise UnsupportedError(f"The column {name!r} of the Parquet file is one of lists")
        found.append((name, column[3] == 1))
    if len(dict(found)) != len(found):
        raise FormatError("The Parquet file has a column twice")
    return found


def _column(
    data: memoryview, chunk: dict[int, Any], kind: int, optional: bool, rows: int, most: int
) -> tuple[Column, int]:
    """Those of a group of rows, and the bytes that their pages took."""
    about = chunk.get(3)
    if not isinstance(about, dict) or chunk.get(1) or about.get(1) != kind:
        raise FormatError("A column of the Parquet file is not what its schema says")
    starts = [at for at in (about.get(9), about.get(11)) if type(at) is int and at > 0]
    start, size = min(starts, default=0), _int(about, 7)
    if not 4 <= start <= start + size <= len(data):
        raise FormatError("A column of the Parquet file lies outside of it")
    parts: list[Column] = []
    dictionary: Column | None = None
    seen = used = 0
    for page in pages(data[start : start + size], _int(about, 4), rows, most):
        used += page.nbytes
        if page.is_dictionary:
            if dictionary is not None or parts or page.encoding not in (PLAIN, 2):
                raise FormatError("A dictionary of the Parquet file is out of place")
            dictionary = Column(_plain(page.body, kind, page.count), np.arange(page.count))
        else:
            seen += page.count
            parts.append(_page(page, kind, optional, dictionary))
    if seen != rows:
        raise FormatError(f"A column of the Parquet file has {seen} values for {rows} rows")
    return _joined(parts, kind), used


def _page(page: Page, kind: int, optional: bool, dictionary: Column | None) -> Column:
    there = np.ones(page.count, bool)
    body = page.body
    if optional:
        levels, body = page.levels()
        there = read_runs(levels, 1, page.count) == 1
    count = int(there.sum())
    places = np.full(page.count, -1, np.int64)
    if page.encoding == PLAIN:
        places[there] = np.arange(count)
        return Column(_plain(body, kind, count), places)
    if page.encoding not in BY_DICTIONARY:
        raise UnsupportedError(f"A page of the Parquet file has encoding {page.encoding}")
    if dictionary is None or not (body or not count):
        raise FormatError("A page of the Parquet file lacks its dictionary")
    if count:
        places[there] = read_runs(body[1:], body[0], count)
    if len(places) and places.max() >= len(dictionary.values):
        raise FormatError("A page of the Parquet file points beyond its dictionary")
    return Column(dictionary.values, places)


def _plain(body: memoryview, kind: int, count: int) -> Any:
    """Values one after the other; texts have their length in front."""
    if kind == INT64:
        if len(body) < 8 * count:
            raise FormatError("A page of the Parquet file is cut off")
        return np.frombuffer(body, "<i8", count).astype(np.int64)
    found: list[bytes] = []
    at = 0
    for _ in range(count):
        if at + 4 > len(body):
            raise FormatError("A page of the Parquet file is cut off")
        start = at + 4
        at = start + int.from_bytes(body[at:start], "little")
        if at > len(body):
            raise FormatError("A page of the Parquet file is cut off")
        found.append(bytes(body[start:at]))
    return found


def _joined(parts: list[Column], kind: int) -> Column:
    """Parts one below the other; a dictionary that they share stays one."""
    values: Any = [] if kind == BYTES else [np.empty(0, np.int64)]
    places: list[AnyArray] = [np.empty(0, np.int64)]
    last, begin, size = None, 0, 0
    for part in parts:
        if part.values is not last:
            begin, last = size, part.values
            size += len(part.values)
            values.extend(part.values if kind == BYTES else [part.values])
        places.append(np.where(part.places >= 0, part.places + begin, -1))
    return Column(values if kind == BYTES else np.concatenate(values), np.concatenate(places))


def _int(fields: dict[int, Any], number: int) -> int:
    value = fields.get(number)
    if type(value) is not int or not 0 <= value < 1 << 62:
        raise FormatError("The footer of the Parquet file lacks a number")
    return value


def _list(fields: dict[int, Any], number: int) -> list[dict[int, Any]]:
    value = fields.get(number)
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise FormatError("The footer of the Parquet file lacks a list")
    return value
