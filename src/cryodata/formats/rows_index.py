"""Rows of plain columns back to an index, with every claim of a row checked.

The checks are those that the walker makes of a file, so that an index from a stranger is
no more dangerous than the file it speaks of: it raises here, or is as good as walked. What a
row says of itself is checked when the row is first touched.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryodata.formats.alike import LARGEST, Alike, attributes_from_text, check
from cryodata.formats.index_rows import ALIKE, COLUMNS, OWN, ZONES
from cryodata.formats.later import Later
from cryodata.formats.lists import Lists, Views
from cryodata.index import GroupLayout, Index, Link, Outline
from cryodata.layout import ArrayLayout, Chunked, ChunkTable, Contiguous, Inline
from cryodata.options import Limits
from cryodata.types import IntArray, Source
from cryodata.zones.zone_map import BOUNDED, ZoneMap, can_have_zones

__all__ = ["Rows", "check_places"]

MOST_AXES = 64

Columns = Mapping[str, Sequence[Any]]
"""Name to a value per row; lists are tuples, those of chunks are columns of numpy."""


class Rows:
    """The rows of one file.

    What is wrong in a row raises when it is touched: `ValueError`, `TypeError`, `LookupError`,
    `AttributeError` or `OverflowError`, as `told` turns them into what the caller wants.

    Parameters
    ----------
    source : Source
        Which version of which file; no chunk may lie outside it.
    limits : Limits
        Those under which a walk would have made it.
    alike : Alike
    own : mapping
        Columns `OWN`.
    more : callable
        Reads some of the other columns; those of chunks were seen by `check_places`.
    told : callable
        Calls a function and translates what it raises.
    """

    def __init__(
        self,
        source: Source,
        limits: Limits,
        alike: Alike,
        own: Columns,
        more: Callable[[Sequence[str]], Columns],
        told: Callable[[Callable[[int], Any], int], Any],
    ) -> None:
        self._size = source.size
        self._limits = limits
        self._alike = alike
        self._own = own
        self._more = more
        self._told = told
        self._source = source

    def index(self) -> Index:
        """The index that `index_to_rows` wrote; rows are decoded when they are touched."""
        places, rows = self._alike.places, self._alike.rows
        problems = {path: rows[row].error for path, row in places["problem"].items()}
        self._arrays = Later(lambda: places["array"], lambda row: self._told(self._array, row))
        return Index(
            source=self._source,
            groups=Later(lambda: places["group"], lambda row: self._told(self._group, row)),
            arrays=self._arrays,
            aliases={path: rows[row].target for path, row in places["alias"].items()},
            problems={path: make() for path, make in problems.items() if make is not None},
            whole=self._alike.whole,
            zones=Later(self._bounded, lambda row: self._told(self._zones, row)),
            outline=self._outline(),
        )

    def _outline(self) -> Outline | None:
        shapes, chunks = self._own["shape"], self._own["chunk_shape"]
        if not isinstance(shapes, Lists) or not isinstance(chunks, Lists):
            return None
        return Outline(
            self._alike.notes, self._alike.places["array"], shapes.numbers(), chunks.numbers()
        )

    @cached_property
    def _rest(self) -> Columns:
        return self._more([*(n for n in COLUMNS if n not in {*ALIKE, *OWN, *ZONES})])

    @cached_property
    def _bounds(self) -> Mapping[str, Views]:
        return {name: views for name, views in self._more(ZONES).items() if type(views) is Views}

    def _bounded(self) -> dict[str, int]:
        """Paths of arrays with bounds, and their rows."""
        return self._told(self._find_bounded, 0)  # type: ignore[no-any-return]  # what it returns

    def _find_bounded(self, _: int) -> dict[str, int]:
        rows = self._bounds["zone_valid"].present()
        paths, arrays = self._alike.paths, self._alike.places["array"]
        for row in rows:
            check(arrays.get(paths[row]) == row, "array with bounds")
        return {paths[row]: row for row in rows}

    def _group(self, row: int) -> GroupLayout:
        about = self._alike.rows[row]
        links = Later(lambda: about.links, lambda number: self._told(link, number))

        def link(number: int) -> Link:
            addresses = self._own["addresses"][row]
            name, kind, target = about.told[number]
            if addresses is None:  # nobody walks a whole file again
                check("/" in self._alike.whole, "address")
                return Link(name, None, target, kind)
            check(len(addresses) == len(about.links), "number of links")
            check(addresses[number] is not None or kind != "hard" or target != "", "address")
            return Link(name, addresses[number], target, kind)

        text = self._own["attributes"][row]
        check((text is not None) is about.read, "attributes of a group")
        attributes = None if text is None else attributes_from_text(text)
        return GroupLayout(path=self._alike.paths[row], attributes=attributes, links=links)

    def _array(self, row: int) -> ArrayLayout:
        about = self._alike.rows[row]
        shape, maxshape, chunk_shape = (
            self._own[name][row] for name in ("shape", "maxshape", "chunk_shape")
        )
        array = ArrayLayout(
            path=self._alike.paths[row],
            shape=shape,
            maxshape=maxshape,
            chunk_shape=chunk_shape,
            storage=self._storage(row, about.storage),
            **about.fields,
        )
        self._check_shape(array)
        self._check_storage(array)
        return array

    def _storage(self, row: int, kind: str | None) -> Inline | Contiguous | Chunked | None:
        if kind == "chunked":
            return Chunked.later(self._later_table, row)
        if kind == "contiguous":
            return Contiguous(self._own["offset"][row], self._own["nbytes"][row])
        return None if kind is None else Inline(self._rest["data"][row])

    def _check_shape(self, array: ArrayLayout) -> None:
        rank = len(array.shape)
        check(rank <= MOST_AXES and len(array.maxshape) == rank, "rank")
        check(min(array.shape, default=0) >= 0 and max(array.shape, default=0) < LARGEST, "shape")
        check(all(n is None or n >= 0 for n in array.maxshape), "maxshape")
        if array.chunk_shape is not None:
            check(len(array.chunk_shape) == rank > 0, "rank of the chunks")
            check(all(0 < n < LARGEST for n in array.chunk_shape), "chunk shape")
            nbytes = math.prod(array.chunk_shape) * array.stored_dtype.itemsize
            check(nbytes <= self._limits.chunk_bytes, "size of the chunks")
        if not array.problem and not array.dtype.hasobject:
            inner = np.shape(array.fill)
            check(inner == array.shape[rank - len(inner) :], "fill")

    def _check_storage(self, array: ArrayLayout) -> None:
        if isinstance(array.storage, Chunked):
            check(array.chunk_shape is not None, "chunk shape")
            return
        nbytes = math.prod(array.shape) * array.stored_dtype.itemsize
        match array.storage:
            case Contiguous(offset, length):
                check(length == nbytes and array.chunk_shape is None, "contiguous data")
                check(offset is None or 0 <= offset <= self._size - nbytes, "contiguous data")
            case Inline(data):
                check(len(data) == nbytes and array.chunk_shape is None, "inline data")

    def _later_table(self, row: int) -> ChunkTable:
        table: ChunkTable = self._told(self._table, row)
        return table

    def _table(self, row: int) -> ChunkTable:
        """Where the chunks of an array lie."""
        offsets, nbytes, numbers, masks = (
            self._rest[f"chunk_{name}"][row] for name in ("offsets", "nbytes", "numbers", "masks")
        )
        if numbers is None:
            numbers = np.arange(len(offsets))
        else:
            check(bool((numbers[:1] >= 0).all()), "number of a chunk")
            check(bool((numbers[1:] > numbers[:-1]).all()), "order of the chunks")
        if masks is None:
            masks = np.zeros(len(offsets), np.uint32)
        check(len(numbers) == len(offsets) == len(nbytes) == len(masks), "number of chunks")
        shape, chunk = self._own["shape"][row], self._own["chunk_shape"][row]
        count = math.prod(-(-n // c) for n, c in zip(shape, chunk, strict=True))
        check(len(numbers) <= min(count, self._limits.chunks), "number of chunks")
        check(len(numbers) == 0 or numbers[-1] < count, "number of a chunk")
        return ChunkTable(numbers, offsets, nbytes, masks)

    def _zones(self, row: int) -> ZoneMap:
        array = self._arrays[self._alike.paths[row]]
        check(can_have_zones(array), "array with bounds")
        rows, piece = array.shape[0], (array.chunk_shape or (1,))[0]
        shape = (-(-rows // piece), math.prod(array.shape[1:]))
        low, high, valid = (self._bounds[f"zone_{name}"][row] for name in ("low", "high", "valid"))
        check(len(low) == len(high) == len(valid) == math.prod(shape), "number of bounds")
        check(not (low > high).any() and bool((valid >= BOUNDED).all()), "bounds")
        return ZoneMap(low=low.reshape(shape), high=high.reshape(shape), valid=valid.reshape(shape))


def check_places(offsets: IntArray, nbytes: NDArray[np.uint32], size: int) -> None:
    """Raise `ValueError` where a chunk, of any array, lies outside a file of `size` bytes."""
    inside = (offsets >= 0) & (offsets <= np.int64(size) - nbytes)
    check(bool(inside.all()), "place of a chunk")
