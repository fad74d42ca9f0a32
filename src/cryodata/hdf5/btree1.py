"""Version 1 B-trees: members of old groups, and chunks of most ICESat-2 datasets.

Source: HDF5 File Format Specification, section III.A.1.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from cryodata.errors import LimitExceededError
from cryodata.hdf5.context import Context
from cryodata.hdf5.rounds import gather
from cryodata.types import AnyArray

__all__ = ["read_chunk_records", "read_symbol_nodes"]

GROUP, CHUNK = 0, 1
NOBODY = -1
"""Stands for the sibling of a node at the edge of its tree."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a node stands among those of its level; None where that is not known.

    The siblings that a node names must be the ones its parent puts beside it. This is
    how a node whose count of children was damaged gives itself away.
    """

    left: int | None = NOBODY
    right: int | None = NOBODY
    level: int | None = None

    def beside(self, children: list[int], level: int) -> list[_Place]:
        """Places of the children of the node that stands here."""
        left = NOBODY if self.left == NOBODY else None
        right = NOBODY if self.right == NOBODY else None
        lefts = [left, *children[:-1]]
        rights = [*children[1:], right]
        return [_Place(a, b, level - 1) for a, b in zip(lefts, rights, strict=True)]


ROOT = _Place()


async def read_symbol_nodes(context: Context, address: int, place: _Place = ROOT) -> list[int]:
    """Addresses of a group's symbol table nodes, in the order of the names."""
    level, count, data = await _node(context, address, GROUP, context.length_size, place)
    width, key = context.offset_size, context.length_size
    children = []
    for i in range(count):
        child = context.address(data, key + i * (key + width))
        if child is None:
            context.damaged("a group's B-tree lacks a child", address)
        children.append(child)
    if level == 0:
        return children
    places = place.beside(children, level)
    found = await gather(
        read_symbol_nodes(context, child, at) for child, at in zip(children, places, strict=True)
    )
    return [node for nodes in found for node in nodes]


async def read_chunk_records(
    context: Context, address: int, rank: int, place: _Place = ROOT
) -> list[AnyArray]:
    """Records of a chunk B-tree, one structured array per leaf.

    Parameters
    ----------
    rank : int
        Axes of the dataset.
    place : _Place
        Where the node stands; the root by default.

    Returns
    -------
    list of structured arrays
        Fields ``nbytes``, ``mask``, ``corner`` ((rank + 1,) element offsets, the last
        within the element: 0) and ``address``.
    """
    key = 8 + 8 * (rank + 1)
    level, count, data = await _node(context, address, CHUNK, key, place)
    record = _record(rank, context.offset_size)
    records = np.frombuffer(data[: count * record.itemsize], record)
    if level == 0:
        return [records]
    children = [int(a) for a in records["address"]]
    places = place.beside(children, level)
    leaves = await gather(
        read_chunk_records(context, child, rank, at)
        for child, at in zip(children, places, strict=True)
    )
    total = sum(len(leaf) for below in leaves for leaf in below)
    if total > context.limits.chunks:
        raise LimitExceededError(
            f"More than {context.limits.chunks} chunks in one dataset",
            fix="Raise Limits.chunks if you trust the file.",
        )
    return [leaf for below in leaves for leaf in below]


@lru_cache(maxsize=256)  # numpy takes longer to make one than to read a node by it
def _record(rank: int, offset_size: int) -> np.dtype[Any]:
    """A key of a chunk B-tree and the address that follows it."""
    return np.dtype(
        [
            ("nbytes", "<u4"),
            ("mask", "<u4"),
            ("corner", "<u8", (rank + 1,)),
            ("address", f"<u{offset_size}"),
        ]
    )


async def _node(
    context: Context, address: int, kind: int, key: int, place: _Place
) -> tuple[int, int, memoryview]:
    """Level, number of children, and the keys and children of one node."""
    context.visit("B-tree node", address)
    width = context.offset_size
    head = await context.read_signed(address, 8 + 2 * width, b"TREE")
    level, count = head[5], int.from_bytes(head[6:8], "little")
    if head[4] != kind:
        context.damaged(f"a B-tree of type {head[4]} stands for one of type {kind}", address)
    if place.level not in (None, level):
        context.damaged(f"a B-tree node of level {level} stands at level {place.level}", address)
    for expected, at in ((place.left, 8), (place.right, 8 + width)):
        named = context.address(head, at)
        if expected is not None and expected != (NOBODY if named is None else named):
            context.damaged("a B-tree node does not know its siblings", address)
    data = await context.read(address + 8 + 2 * width, count * (key + width) + key)
    return level, count, data
