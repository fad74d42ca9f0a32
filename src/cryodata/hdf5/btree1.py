"""Version 1 B-trees: members of old groups, and chunks of most ICESat-2 datasets.

Source: HDF5 File Format Specification, section III.A.1.
"""

from __future__ import annotations

import numpy as np

from cryodata.errors import LimitExceededError
from cryodata.hdf5.context import Context
from cryodata.hdf5.rounds import gather
from cryodata.types import AnyArray

__all__ = ["read_chunk_records", "read_symbol_nodes"]

GROUP, CHUNK = 0, 1


async def read_symbol_nodes(context: Context, address: int) -> list[int]:
    """Addresses of a group's symbol table nodes, in the order of the names."""
    level, count, data = await _node(context, address, GROUP, context.length_size)
    width, key = context.offset_size, context.length_size
    children = []
    for i in range(count):
        child = context.address(data, key + i * (key + width))
        if child is None:
            context.damaged("a group's B-tree lacks a child", address)
        children.append(child)
    if level == 0:
        return children
    found = await gather(read_symbol_nodes(context, child) for child in children)
    return [node for nodes in found for node in nodes]


async def read_chunk_records(
    context: Context, address: int, rank: int, level: int | None = None
) -> list[AnyArray]:
    """Records of a chunk B-tree, one structured array per leaf.

    Parameters
    ----------
    rank : int
        Axes of the dataset.
    level : int, optional
        Level that the node must have; leaves are level 0. None for the root.

    Returns
    -------
    list of structured arrays
        Fields ``nbytes``, ``mask``, ``corner`` ((rank + 1,) element offsets, the last
        within the element: 0) and ``address``.
    """
    key = 8 + 8 * (rank + 1)
    found, count, data = await _node(context, address, CHUNK, key)
    if level is not None and found != level:
        context.damaged(f"a B-tree node of level {found} stands at level {level}", address)
    record = np.dtype(
        [
            ("nbytes", "<u4"),
            ("mask", "<u4"),
            ("corner", "<u8", (rank + 1,)),
            ("address", f"<u{context.offset_size}"),
        ]
    )
    records = np.frombuffer(data[: count * record.itemsize], record)
    if found == 0:
        return [records]
    children = [int(a) for a in records["address"]]
    leaves = await gather(read_chunk_records(context, child, rank, found - 1) for child in children)
    total = sum(len(leaf) for below in leaves for leaf in below)
    if total > context.limits.chunks:
        raise LimitExceededError(
            f"More than {context.limits.chunks} chunks in one dataset",
            fix="Raise Limits.chunks if you trust the file.",
        )
    return [leaf for below in leaves for leaf in below]


async def _node(context: Context, address: int, kind: int, key: int) -> tuple[int, int, memoryview]:
    """Level, number of children, and the keys and children of one node."""
    context.visit("B-tree node", address)
    width = context.offset_size
    head = await context.read_signed(address, 8 + 2 * width, b"TREE")
    level, count = head[5], int.from_bytes(head[6:8], "little")
    if head[4] != kind:
        context.damaged(f"a B-tree of type {head[4]} stands for one of type {kind}", address)
    data = await context.read(address + 8 + 2 * width, count * (key + width) + key)
    return level, count, data
