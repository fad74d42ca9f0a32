"""An index as rows of plain columns.

One row per group, array, alias and problem; `COLUMNS` says what each column holds. What all
granules of a product have alike stands apart from what is each one's own, so that a reader of a
thousand granules decodes it once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from cryodata import errors
from cryodata.errors import CryodataError, FormatError
from cryodata.formats.dtype_json import dtype_to_json
from cryodata.formats.value_json import dump_json, value_to_json
from cryodata.index import GroupLayout, Index, Link
from cryodata.layout import ArrayLayout, Chunked, ChunkTable, Contiguous, Filter, Inline
from cryodata.zones.zone_map import ZoneMap

__all__ = [
    "ABOUT",
    "ALIKE",
    "COLUMNS",
    "ERROR_FIELDS",
    "KEPT_ERRORS",
    "OWN",
    "ZONES",
    "escape",
    "index_to_rows",
    "unescape",
]

COLUMNS: Mapping[str, str] = {
    "kind": "text",  # group, array, alias, problem, or other: walked, but none of these
    "path": "text",
    "about": "text",  # what granules of one product have alike, as JSON: see `ABOUT`
    "shape": "int64 list",
    "maxshape": "int64 list",  # null along unlimited axes
    "chunk_shape": "int64 list",
    "offset": "int64",  # of contiguous data; null where none was written
    "nbytes": "int64",
    "addresses": "uint64 list",  # of the links of a group; null where one has none
    "attributes": "text",  # of a group; null where they were not read
    "data": "bytes",  # of inline values
    "chunk_numbers": "int64 list",  # null where they are 0, 1, 2, ...
    "chunk_offsets": "int64 list",
    "chunk_nbytes": "uint32 list",
    "chunk_masks": "uint32 list",  # null where all filters were applied everywhere
    "zone_low": "float64 list",  # per chunk and column, see ZoneMap; null where none is known
    "zone_high": "float64 list",
    "zone_valid": "int64 list",
}

ALIKE = ("kind", "path", "about")
"""Columns that granules of one product have alike: decoded once for all of them."""
ZONES = ("zone_low", "zone_high", "zone_valid")
"""Columns that are read when rows are chosen."""
OWN = ("shape", "maxshape", "chunk_shape", "offset", "nbytes", "addresses", "attributes")
"""Columns that are read when a granule is opened; the others wait until a chunk is wanted."""

ABOUT: Mapping[str, tuple[str, ...]] = {
    "group": ("links", "read"),
    "array": (
        *("dtype", "stored_dtype", "element", "type", "encoding", "padding", "filters", "fill"),
        *("attributes", "dims", "is_scale", "is_null", "problem", "storage"),
    ),
    "alias": ("target",),
    "problem": ("error",),
    "other": (),
}
"""What ``about`` says of each kind, besides ``whole``: walked with everything below it. The
``links`` of a group are names, null where the link is a hard one, and ``read`` says whether its
attributes were. The ``type`` is the HDF5 type in words, ``dims`` are null where they were not
looked up, ``storage`` is chunked, contiguous or inline, and ``error`` is what touching the object
raises."""

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
    for row, about in _rows(index):
        path = row["path"]
        yield _told(row, {"whole": path in left, **about})
        left.discard(path)
    for path in sorted(left):
        yield _told({"kind": "other", "path": path}, {"whole": True})


def _told(row: dict[str, Any], about: dict[str, Any]) -> dict[str, Any]:
    return {**row, "path": escape(row["path"]), "about": dump_json(about)}


def _rows(index: Index) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    for path, group in index.groups.items():
        _same(path, group.path)
        known = group.attributes is not None
        yield (
            {
                "kind": "group",
                "path": path,
                "addresses": _addresses(group),
                "attributes": dump_json(_attributes_to_json(group.attributes)) if known else None,
            },
            {"links": {n: _link_to_json(x) for n, x in group.links.items()}, "read": known},
        )
    for path, array in index.arrays.items():
        _same(path, array.path)
        zones = index.zones.get(path)
        storage, row = _storage_to_row(array)
        yield (
            {
                "kind": "array",
                "path": path,
                "shape": array.shape,
                "maxshape": array.maxshape,
                "chunk_shape": array.chunk_shape,
                **row,
                **({} if zones is None else _zones_to_row(zones)),
            },
            {**_array_to_json(array), "storage": storage},
        )
    for path, target in index.aliases.items():
        yield {"kind": "alias", "path": path}, {"target": target}
    for path, error in index.problems.items():
        yield {"kind": "problem", "path": path}, {"error": _error_to_json(error)}


def _same(key: str, path: str) -> None:
    if key != path:
        raise TypeError(f"{path} stands under the name {key}")


def _array_to_json(array: ArrayLayout) -> dict[str, Any]:
    if array.dims and not array.dims_known:
        raise TypeError(f"{array.path} has dimensions that are not known")
    return {
        "dtype": dtype_to_json(array.dtype),
        "stored_dtype": dtype_to_json(array.stored_dtype),
        "element": None if array.element is None else dtype_to_json(array.element),
        "type": array.kind,
        "encoding": array.encoding,
        "padding": array.padding,
        "filters": [_filter_to_json(step) for step in array.filters],
        "fill": value_to_json(array.fill),
        "attributes": _attributes_to_json(array.attributes),
        "dims": array.dims if array.dims_known else None,
        "is_scale": array.is_scale,
        "is_null": array.is_null,
        "problem": array.problem,
    }


def _filter_to_json(step: Filter) -> dict[str, Any]:
    return {"id": step.id, "name": step.name, "values": step.values, "optional": step.optional}


def _storage_to_row(array: ArrayLayout) -> tuple[str | None, dict[str, Any]]:
    """Name of the storage, and where it is."""
    match array.storage:
        case Chunked(table):
            return "chunked", _table_to_row(table)
        case Contiguous(offset, nbytes):
            return "contiguous", {"offset": offset, "nbytes": nbytes}
        case Inline(data):
            return "inline", {"data": bytes(data)}
    return None, {}


def _table_to_row(table: ChunkTable) -> dict[str, Any]:
    count = len(table)
    everyone = not count or table.numbers[-1] == count - 1  # ascending, and none below 0
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


def _attributes_to_json(attributes: Mapping[str, Any] | None) -> dict[str, Any]:
    return {name: value_to_json(value) for name, value in (attributes or {}).items()}


def _link_to_json(link: Link) -> Any:
    """Nothing for a hard link, which is its address; others name their kind."""
    if link.kind == "hard" and not link.target:
        return None
    return {"kind": link.kind, "target": link.target}


def _addresses(group: GroupLayout) -> list[int | None] | None:
    """Per link; None where those of hard links are not known, as of a file walked whole."""
    hard = [link.address for link in group.links.values() if link.kind == "hard"]
    if hard and None in hard:
        return None
    return [link.address for link in group.links.values()]


def _error_to_json(error: CryodataError) -> dict[str, Any]:
    name = type(error).__name__
    if KEPT_ERRORS.get(name) is not type(error):
        raise TypeError(f"a {name} is not kept: it may be gone at the next try")
    return {"error": name, **{field: getattr(error, field) for field in ERROR_FIELDS}}


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
