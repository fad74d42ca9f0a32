"""Rows of plain columns back to an index, with every claim of a row checked.

The checks are those that the walker makes of a file, so that an index from a stranger is
no more dangerous than the file it speaks of: it raises here, or is as good as walked.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryodata.errors import CryodataError
from cryodata.formats.dtype_json import dtype_from_text
from cryodata.formats.index_rows import ERROR_FIELDS, ESCAPED, KEPT_ERRORS, unescape
from cryodata.formats.value_json import load_json, value_from_json
from cryodata.index import GroupLayout, Index, Link
from cryodata.layout import ArrayLayout, Chunked, ChunkTable, Contiguous, Filter, Inline
from cryodata.options import Limits
from cryodata.types import IntArray, Source
from cryodata.zone_map import BOUNDED, ZoneMap, can_have_zones

__all__ = ["check_places", "index_from_rows"]

Row = Mapping[str, Any]

MOST_AXES = 64
LARGEST = 1 << 62
"""No extent of a real array comes near it, and sums of two still fit into 64 bits."""
ENCODINGS = frozenset({"", "ascii", "utf-8"})
PADDINGS = frozenset({"", "null-terminated", "null-padded", "space-padded"})
REQUIRED = (
    *("dtype", "stored_dtype", "type", "encoding", "padding", "shape", "maxshape", "filters"),
    *("fill", "attributes", "is_scale", "is_null", "problem"),
)
LINKS = frozenset({"hard", "soft", "external", "user"})


def index_from_rows(source: Source, rows: Iterable[dict[str, Any]], limits: Limits) -> Index:
    """The index that `index_to_rows` wrote.

    Parameters
    ----------
    source : Source
        Which version of which file; no chunk may lie outside it.
    rows : iterable of dict
        With all of `COLUMNS`; lists are tuples, those of chunks are columns of numpy,
        seen by `check_places`.
    limits : Limits
        Those under which a walk would have made it.

    Raises
    ------
    ValueError, TypeError, LookupError, AttributeError, OverflowError
        If a row says what cannot be.
    """
    decoder = _Decoder(source, limits)
    found: dict[str, dict[str, Any]] = {kind: {} for kind in decoder.decoders}
    whole = set()
    zones = {}
    for row in rows:
        for column in ESCAPED:
            if row[column]:
                row[column] = unescape(row[column])
        kind, path = row["kind"], row["path"]
        if not path.startswith("/") or path in found[kind]:
            raise ValueError(f"the path {path!r} is relative, or listed twice")
        found[kind][path] = decoder.decoders[kind](row)
        if row["whole"]:
            whole.add(path)
        if row["zone_valid"] is not None:
            zones[path] = _zones(row, found["array"][path])
    return Index(
        source=source,
        groups=found["group"],
        arrays=found["array"],
        aliases=found["alias"],
        problems=found["problem"],
        whole=frozenset(whole),
        zones=zones,
    )


class _Decoder:
    """Rows of one file. The same text in many rows is decoded once."""

    def __init__(self, source: Source, limits: Limits) -> None:
        self.size = source.size
        self.limits = limits
        self._attributes = cache(_attributes)
        self._fill = cache(_fill)
        self._filters = cache(_filters)
        self._dims = cache(_dims)
        self.decoders: Mapping[str, Callable[[Row], Any]] = {
            "group": self._group,
            "array": self._array,
            "alias": _alias,
            "problem": _problem,
            "other": _nothing,
        }

    def _group(self, row: Row) -> GroupLayout:
        links = {
            name: Link(name, link) if type(link) is int else Link(name, **link)
            for name, link in load_json(row["links"]).items()
        }
        for link in links.values():
            _check(link.kind in LINKS and _is(str, link.target), "link")
            _check(link.address is None or _is_below(link.address, 1 << 64), "address")
        return GroupLayout(path=row["path"], attributes=self._own(row["attributes"]), links=links)

    def _own(self, text: str | None) -> dict[str, Any] | None:
        """Attributes; arrays among them are copied, so that rows share nothing mutable."""
        if text is None:
            return None
        return {
            name: value.copy() if type(value) is np.ndarray else value
            for name, value in self._attributes(text).items()
        }

    def _array(self, row: Row) -> ArrayLayout:
        for column in REQUIRED:
            if row[column] is None:
                raise ValueError(f"an array without {column}")
        element, dims = row["element"], row["dims"]
        array = ArrayLayout(
            path=row["path"],
            dtype=dtype_from_text(row["dtype"]),
            stored_dtype=dtype_from_text(row["stored_dtype"]),
            kind=row["type"],
            encoding=row["encoding"],
            padding=row["padding"],
            shape=row["shape"],
            maxshape=row["maxshape"],
            chunk_shape=row["chunk_shape"],
            filters=self._filters(row["filters"]),
            fill=self._fill(row["fill"]),
            attributes=self._own(row["attributes"]) or {},
            dims=() if dims is None else self._dims(dims),
            dims_known=dims is not None,
            element=None if element is None else dtype_from_text(element),
            is_scale=row["is_scale"],
            is_null=row["is_null"],
            storage=self._storage(row),
            problem=row["problem"],
        )
        self._check_type(array)
        self._check_shape(array)
        self._check_storage(array)
        return array

    def _storage(self, row: Row) -> Inline | Contiguous | Chunked | None:
        match row["storage"]:
            case None:
                return None
            case "chunked":
                return Chunked(_table(row))
            case "contiguous":
                return Contiguous(row["offset"], row["nbytes"])
            case "inline":
                return Inline(row["data"])
        raise ValueError(f"no storage: {row['storage']!r}")

    def _check_type(self, array: ArrayLayout) -> None:
        _check(array.encoding in ENCODINGS and array.padding in PADDINGS, "string type")
        if array.problem:  # nobody will read it
            return
        if array.dtype.hasobject:
            _check(array.stored_dtype.kind == "V", "stored type")
            _check(isinstance(array.fill, bytes | np.ndarray), "fill")
            return
        _check(array.dtype.itemsize == array.stored_dtype.itemsize, "stored type")
        fill = np.asarray(array.fill)
        _check(fill.dtype.kind == array.dtype.kind, "fill")
        _check(fill.dtype.itemsize <= array.dtype.itemsize, "fill")
        _check(fill.shape == array.shape[len(array.shape) - fill.ndim :], "fill")

    def _check_shape(self, array: ArrayLayout) -> None:
        rank = len(array.shape)
        _check(rank <= MOST_AXES and len(array.maxshape) == rank, "rank")
        _check(all(0 <= n < LARGEST for n in array.shape), "shape")
        _check(all(n is None or n >= 0 for n in array.maxshape), "maxshape")
        if array.chunk_shape is not None:
            _check(len(array.chunk_shape) == rank > 0, "rank of the chunks")
            _check(all(0 < n < LARGEST for n in array.chunk_shape), "chunk shape")
            nbytes = math.prod(array.chunk_shape) * array.stored_dtype.itemsize
            _check(nbytes <= self.limits.chunk_bytes, "size of the chunks")

    def _check_storage(self, array: ArrayLayout) -> None:
        nbytes = math.prod(array.shape) * array.stored_dtype.itemsize
        match array.storage:
            case None:
                _check(bool(array.problem), "storage")
            case Chunked(table):
                chunk = array.chunk_shape or ()
                _check(len(chunk) > 0, "chunk shape")
                count = math.prod(-(-n // c) for n, c in zip(array.shape, chunk, strict=True))
                _check(len(table) <= min(count, self.limits.chunks), "number of chunks")
                _check(len(table) == 0 or table.numbers[-1] < count, "number of a chunk")
            case Contiguous(offset, length):
                _check(length == nbytes and array.chunk_shape is None, "contiguous data")
                _check(offset is None or 0 <= offset <= self.size - nbytes, "contiguous data")
            case Inline(data):
                _check(len(data) == nbytes and array.chunk_shape is None, "inline data")


def _check(holds: bool, what: str) -> None:
    if not holds:
        raise ValueError(f"the {what} cannot be right")


def _is(kind: type, value: Any) -> bool:
    return type(value) is kind


def _is_below(value: Any, most: int) -> bool:
    """An integer, and no boolean: ``0 <= value < most``."""
    return type(value) is int and 0 <= value < most


def check_places(offsets: IntArray, nbytes: NDArray[np.uint32], size: int) -> None:
    """Raise `ValueError` where a chunk, of any array, lies outside a file of `size` bytes."""
    inside = (offsets >= 0) & (offsets <= np.int64(size) - nbytes)
    _check(bool(inside.all()), "place of a chunk")


def _table(row: Row) -> ChunkTable:
    offsets, nbytes = row["chunk_offsets"], row["chunk_nbytes"]
    numbers, masks = row["chunk_numbers"], row["chunk_masks"]
    if numbers is None:
        numbers = np.arange(len(offsets))
    else:
        _check(bool((numbers[:1] >= 0).all()), "number of a chunk")
        _check(bool((numbers[1:] > numbers[:-1]).all()), "order of the chunks")
    if masks is None:
        masks = np.zeros(len(offsets), np.uint32)
    _check(len(numbers) == len(offsets) == len(nbytes) == len(masks), "number of chunks")
    return ChunkTable(numbers, offsets, nbytes, masks)


def _zones(row: Row, array: ArrayLayout) -> ZoneMap:
    _check(can_have_zones(array), "array with bounds")
    shape = (array.grid[0], math.prod(array.shape[1:]))
    low, high, valid = row["zone_low"], row["zone_high"], row["zone_valid"]
    _check(len(low) == len(high) == len(valid) == math.prod(shape), "number of bounds")
    _check(not (low > high).any() and bool((valid >= BOUNDED).all()), "bounds")
    return ZoneMap(low=low.reshape(shape), high=high.reshape(shape), valid=valid.reshape(shape))


def _attributes(text: str) -> dict[str, Any]:
    return {name: value_from_json(value) for name, value in load_json(text).items()}


def _fill(text: str) -> Any:
    return value_from_json(load_json(text))


def _filters(text: str) -> tuple[Filter, ...]:
    filters = tuple(Filter(**{**step, "values": tuple(step["values"])}) for step in load_json(text))
    for step in filters:
        _check(_is_below(step.id, 1 << 16), "filter number")
        _check(_is(str, step.name) and _is(bool, step.optional), "filter")
        _check(all(_is_below(v, 1 << 32) for v in step.values), "values of a filter")
    return filters


def _dims(text: str) -> tuple[tuple[str, ...], ...]:
    axes = load_json(text)
    _check(all(_is(list, axis) for axis in axes), "dimension")
    _check(all(_is(str, scale) for axis in axes for scale in axis), "dimension scale")
    return tuple(tuple(axis) for axis in axes)


def _alias(row: Row) -> str:
    target: str = row["target"]
    _check(target.startswith("/"), "target of a link")
    return target


def _problem(row: Row) -> CryodataError:
    fields = load_json(row["error"])
    name = fields.pop("error")
    _check(sorted(fields) == sorted(ERROR_FIELDS), "error")
    _check(all(_is(str, fields[f]) for f in ("what", "fix", "url", "path")), "error")
    places = (fields["start"], fields["stop"])
    _check(all(place is None or _is_below(place, LARGEST) for place in places), "error")
    return KEPT_ERRORS[name](fields.pop("what"), **fields)


def _nothing(row: Row) -> None:
    """Walked, but neither group nor array: a named datatype."""
