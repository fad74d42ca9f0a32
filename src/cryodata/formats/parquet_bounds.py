"""How large a Parquet file becomes when it is decoded, known before it is."""

from __future__ import annotations

from typing import Any

__all__ = ["check_decoded_size"]

_TEXTS = frozenset({"BYTE_ARRAY", "FIXED_LEN_BYTE_ARRAY"})
_AS_LONG = frozenset({"PLAIN", "RLE", "BIT_PACKED"})
"""Encodings in which texts take no less than what they decode to; RLE is that of their nulls."""
_WIDEST = 12
"""Bytes of a decoded number, at most."""


def check_decoded_size(metadata: Any, most: int) -> None:
    """Raise `ValueError` where a file could decode to more than `most` bytes.

    A thousand bytes of a dictionary stand for any number of long texts, and a run for any number of
    values: so texts have to be written plainly, and numbers are counted.

    Parameters
    ----------
    metadata : pyarrow.parquet.FileMetaData
    most : int
    """
    total = 0
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        for place in range(group.num_columns):
            column = group.column(place)
            if column.num_values < 0 or column.total_uncompressed_size < 0:
                raise ValueError("it has counts that cannot be")
            if column.physical_type in _TEXTS:
                if not _AS_LONG.issuperset(column.encodings):
                    raise ValueError(f"the texts of {column.path_in_schema} are packed")
                total += column.total_uncompressed_size + 8 * column.num_values
            else:
                total += _WIDEST * column.num_values
    if total > most:
        raise ValueError(f"it would take {total >> 20} MiB of memory")
