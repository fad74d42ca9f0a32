"""An index as rows of plain columns.

One row per group, array, alias and problem; `COLUMNS` says what each column holds. What
has no column type of its own (attributes, fill, filters, links) is JSON text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from cryodata import errors
from cryodata.errors import CryodataError, FormatError
from cryodata.formats.dtype_json import dtype_to_text
from cryodata.formats.value_json import dump_json, value_to_json
from cryodata.index import Index, Link
from cryodata.layout import ArrayLayout, Chunked, ChunkTable, Contiguous, Filter, Inline
from cryodata.zone_map import ZoneMap

__all__ = [
    "COLUMNS",
    "ERROR_FIELDS",
    "ESCAPED",
    "KEPT_ERRORS",
    "escape",
    "index_to_rows",
    "unescape",
]

COLUMNS: Mapping[str, str] = {
    "kind": "text",  # group, array, alias, problem, or other: walked, but none of these
    "path": "text",
    "whole": "bool",  # it was walked with everything below it
    "dtype": "text",
    "stored_dtype": "text",
    "element": "text",
    "type": "text",  # the HDF5 type in words
    "encoding": "text",
    "padding": "text",
    "shape": "int64 list",
    "maxshape": "int64 list",  # null along unlimited axes
    "chunk_shape": "int64 list",
    "filters": "text",
    "fill": "text",
    "attributes": "text",  # null where they were not read
    "dims": "text",  # null where they were not looked up
    "is_scale": "bool",
    "is_null": "bool",
    "problem": "text",
    "storage": "text",  # chunked, contiguous or inline
    "offset": "int64",  # of contiguous data; null where none was written
    "nbytes": "int64",
    "data": "bytes",  # of inline values
    "chunk_numbers": "int64 list",  # null where they are 0, 1, 2, ...
    "chunk_offsets": "int64 list",
    "chunk_nbytes": "uint32 list",
    "chunk_masks": "uint32 list",  # null where all filters were applied everywhere
    "zone_low": "float64 list",  # per chunk and column, see ZoneMap; null where none is known
    "zone_high": "float64 list",
    "zone_valid": "int64 list",
    "links": "text",  # of a group
    "target": "text",  # of an alias
    "error": "text",  # what touching the object raises
}

ESCAPED = ("path", "target", "problem")
"""Columns with text from the file as it is, which need not be valid UTF-8."""

KEPT_ERRORS: Mapping[str, type[CryodataError]] = {
    name: value
    for name, value in vars(errors).items()
    if isinstance(value, type) and issubclass(value, FormatError)
}
"""What is wrong with the file itself. Any other error may be gone at the next try."""

ERROR_FIELDS = ("what", "fix", "url", "path", "start", "stop")


def index_to_rows(index: Index) -> Iterator[dict[str, Any]]:
    """Every object of the index; a column that says nothing about it is left out.

    Raises
    ------
    TypeError
        If a value, type or error is none that the walker gives.
    """
    left = set(index.whole)
    for row in _rows(index):
        row["whole"] = row["path"] in left
        left.discard(row["path"])
        yield _escaped(row)
    for path in sorted(left):
        yield _escaped({"kind": "other", "path": path, "whole": True})


def _rows(index: Index) -> Iterator[dict[str, Any]]:
    for path, group in index.groups.items():
        _same(path, group.path)
        yield {
            "kind": "group",
            "path": path,
            "attributes": _attributes_to_text(group.attributes),
            "links": dump_json({name: _link_to_json(link) for name, link in group.links.items()}),
        }
    for path, array in index.arrays.items():
        _same(path, array.path)
        zones = index.zones.get(path)
        yield {
            "kind": "array",
            **_array_to_row(array),
            **_storage_to_row(array),
            **({} if zones is None else _zones_to_row(zones)),
        }
    for path, target in index.aliases.items():
        yield {"kind": "alias", "path": path, "target": target}
    for path, error in index.problems.items():
        yield {"kind": "problem", "path": path, "error": dump_json(_error_to_json(error))}


def _same(key: str, path: str) -> None:
    if key != path:
        raise TypeError(f"{path} stands under the name {key}")


def _array_to_row(array: ArrayLayout) -> dict[str, Any]:
    return {
        "path": array.path,
        "dtype": dtype_to_text(array.dtype),
        "stored_dtype": dtype_to_text(array.stored_dtype),
        "element": None if array.element is None else dtype_to_text(array.element),
        "type": array.kind,
        "encoding": array.encoding,
        "padding": array.padding,
        "shape": array.shape,
        "maxshape": array.maxshape,
        "chunk_shape": array.chunk_shape,
        "filters": dump_json([_filter_to_json(step) for step in array.filters]),
        "fill": dump_json(value_to_json(array.fill)),
        "attributes": _attributes_to_text(array.attributes),
        "dims": _dims_to_text(array),
        "is_scale": array.is_scale,
        "is_null": array.is_null,
        "problem": array.problem,
    }


def _dims_to_text(array: ArrayLayout) -> str | None:
    if array.dims_known:
        return dump_json(array.dims)
    if array.dims:
        raise TypeError(f"{array.path} has dimensions that are not known")
    return None


def _filter_to_json(step: Filter) -> dict[str, Any]:
    return {"id": step.id, "name": step.name, "values": step.values, "optional": step.optional}


def _storage_to_row(array: ArrayLayout) -> dict[str, Any]:
    match array.storage:
        case Chunked(table):
            return {"storage": "chunked", **_table_to_row(table)}
        case Contiguous(offset, nbytes):
            return {"storage": "contiguous", "offset": offset, "nbytes": nbytes}
        case Inline(data):
            return {"storage": "inline", "data": bytes(data)}
    return {}


def _table_to_row(table: ChunkTable) -> dict[str, Any]:
    everyone = np.array_equal(table.numbers, np.arange(len(table)))
    return {
        "chunk_numbers": None if everyone else table.numbers,
        "chunk_offsets": table.offsets,
        "chunk_nbytes": table.nbytes,
        "chunk_masks": table.masks if table.masks.any() else None,
    }


def _zones_to_row(zones: ZoneMap) -> dict[str, Any]:
    return {
        "zone_low": zones.low.ravel(),
        "zone_high": zones.high.ravel(),
        "zone_valid": zones.valid.ravel(),
    }


def _attributes_to_text(attributes: Mapping[str, Any] | None) -> str | None:
    if attributes is None:
        return None
    return dump_json({name: value_to_json(value) for name, value in attributes.items()})


def _link_to_json(link: Link) -> Any:
    """A hard link is its address; others name their kind."""
    if link.kind == "hard" and link.address is not None and not link.target:
        return link.address
    return {"kind": link.kind, "address": link.address, "target": link.target}


def _error_to_json(error: CryodataError) -> dict[str, Any]:
    name = type(error).__name__
    if KEPT_ERRORS.get(name) is not type(error):
        raise TypeError(f"a {name} is not kept: it may be gone at the next try")
    return {"error": name, **{field: getattr(error, field) for field in ERROR_FIELDS}}


def _escaped(row: dict[str, Any]) -> dict[str, Any]:
    for column in ESCAPED:
        if text := row.get(column):
            row[column] = escape(text)
    return row


def escape(text: str) -> str:
    r"""`text` without lone surrogates, which stand for bytes that are no UTF-8.

    They are written ``\udc80``, and a backslash is doubled.
    """
    return text.replace("\\", "\\\\").encode("utf-8", "backslashreplace").decode("utf-8")


def unescape(text: str) -> str:
    """What `escape` was given."""
    return _ESCAPE.sub(_plain, text) if "\\" in text else text


_ESCAPE = re.compile(r"\\(?:\\|u(d[89a-f][0-9a-f]{2}))")


def _plain(found: re.Match[str]) -> str:
    return chr(int(found[1], 16)) if found[1] else "\\"
