"""What a Parquet file from others says of itself, looked at before Arrow reads it.

Arrow trusts a footer: counts of levels that do not fit its schema end the process, and a thousand
bytes of a dictionary stand for any number of long texts. The former are compared here. The files of
this library have no dictionaries, so that what a sound one decodes to can be added up.

Source: ``parquet.thrift`` of apache/parquet-format.
"""

from __future__ import annotations

from typing import Any, TypeVar

from cryodata.errors import FormatError
from cryodata.formats.thrift import read_struct

__all__ = ["check_footer"]

T = TypeVar("T")
MAGIC = b"PAR1"
_ENCODINGS = frozenset({0, 3, 4, 5})
"""Plain, runs, packed bits, differences: none that looks something up."""
_CODECS = frozenset({0, 6})
"""None, and Zstandard."""
_TYPES = {0: 1, 1: 4, 2: 8, 4: 4, 5: 8, 6: 0}
"""Physical type to bytes of a decoded value: truth, int32, int64, float, double; texts are counted
by what they take in the file."""
_OF_A_VALUE = 8
"""Bytes that Arrow needs besides: where a text, or a list, ends."""
_OF_CHUNK = frozenset({2, 3})
"""Fields of a column chunk that are used: where it is, and its metadata."""
_OF_COLUMN = frozenset({1, 2, 3, 4, 5, 6, 7, 9, 13, 16})
"""Fields of its metadata that are used: no statistics of values, dictionaries, filters."""
DEEPEST = 8
"""Columns within columns, at most."""


def check_footer(data: bytes, most: int) -> None:
    """Raise `ValueError` where a file is none of this library's, or decodes to more than `most`.

    Parameters
    ----------
    data : bytes
        The whole file.
    most : int
        Bytes.

    Raises
    ------
    ValueError
        And nothing else, whatever is in the file.
    """
    size = int.from_bytes(data[-8:-4], "little")
    if len(data) < 12 or data[:4] != MAGIC or data[-4:] != MAGIC or size > len(data) - 12:
        raise ValueError("it is no Parquet file, or one that is cut off")
    end = len(data) - 8
    try:
        footer, _ = read_struct(memoryview(data)[:end], end - size)
    except FormatError as error:
        raise ValueError(error.what) from error
    levels = _levels(_list(footer.get(2)))
    total = 0
    for group in _list(footer.get(4)):
        chunks = _list(group.get(1))
        if len(chunks) != len(levels):
            raise ValueError("a group of rows has other columns than the file")
        for chunk, level in zip(chunks, levels, strict=True):
            total += _decoded_size(chunk, level, end - size)
    if total > most:
        raise ValueError(f"it would take {total >> 20} MiB of memory")


def _levels(schema: list[dict[int, Any]]) -> list[tuple[int, int]]:
    """How deep the values of each column lie: levels of repetition, and of definition."""
    found: list[tuple[int, int]] = []
    waiting = iter(schema)

    def visit(repeated: int, defined: int, depth: int) -> None:
        element = next(waiting, None)
        if element is None or depth > DEEPEST:
            raise ValueError("its schema is damaged")
        (kind, children) = _numbers([element.get(3, 0), element.get(5, 0)])
        repeated, defined = repeated + (kind == 2), defined + (kind > 0)
        if not children:
            found.append((repeated, defined))
        for _ in range(min(children, len(schema))):
            visit(repeated, defined, depth + 1)

    visit(0, 0, 0)
    if next(waiting, None) is not None:
        raise ValueError("its schema is damaged")
    return found


def _decoded_size(chunk: dict[int, Any], levels: tuple[int, int], end: int) -> int:
    """Bytes that a column of a group of rows takes in memory, at most."""
    (column,) = _list([chunk.get(3)])
    odd = (chunk.keys() - _OF_CHUNK) | (column.keys() - _OF_COLUMN)
    encodings = _numbers(column.get(2))
    kind, codec, values, decoded, stored, start = _numbers(
        [column.get(field) for field in (1, 4, 5, 6, 7, 9)]
    )
    if odd or kind not in _TYPES or codec not in _CODECS or not _ENCODINGS.issuperset(encodings):
        raise ValueError("a column is written in a way that this library does not write")
    if min(values, decoded) < 0 or not 4 <= start <= start + stored <= end or stored < 0:
        raise ValueError("a column lies outside of the file")
    (counted,) = _list([column.get(16, {})])
    for field, level in zip((2, 3), levels, strict=True):
        if len(_numbers(counted.get(field, []))) not in (0, level + 1):
            raise ValueError("its levels are counted wrongly")
    return decoded + values * (_TYPES[kind] + _OF_A_VALUE)


def _list(found: Any) -> list[dict[int, Any]]:
    return _all_of(dict, found)


def _numbers(found: Any) -> list[int]:
    return _all_of(int, found)


def _all_of(kind: type[T], found: Any) -> list[T]:
    """A list with nothing else in it."""
    if isinstance(found, list) and all(type(one) is kind for one in found):
        return found
    raise ValueError("its footer is damaged")
