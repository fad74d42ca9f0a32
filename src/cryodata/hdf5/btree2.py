"""Version 2 B-trees: sorted records of one size, in nodes with checksums.

Source: HDF5 File Format Specification, section III.A.2. How many bytes a record count
takes follows from how many records a node can hold at each depth.
"""

from __future__ import annotations

from dataclasses import dataclass

from cryodata.errors import LimitExceededError
from cryodata.hdf5.context import Context
from cryodata.hdf5.rounds import gather

__all__ = ["read_records"]

NODE_OVERHEAD = 10
"""Signature, version, type and checksum of a node, bytes."""


@dataclass(frozen=True, slots=True)
class _Tree:
    node_bytes: int
    record_bytes: int
    count_bytes: int
    """Of the number of records in a child."""
    total_bytes: tuple[int, ...]
    """Per depth, of the number of records in a child and all below it."""


def _enough(most: int) -> int:
    """Bytes that hold any number up to `most`."""
    return max(1, (most.bit_length() + 7) // 8)


async def read_records(context: Context, address: int) -> list[memoryview]:
    """All records of a tree, ascending, each with the same number of bytes."""
    o, n = context.offset_size, context.length_size
    data = await context.read_signed(address, 16 + o + 2 + n + 4, b"BTHD")
    context.verify(data, "B-tree", address)
    node_bytes = int.from_bytes(data[6:10], "little")
    record_bytes = int.from_bytes(data[10:12], "little")
    depth = int.from_bytes(data[12:14], "little")
    root = context.address(data, 16)
    count = int.from_bytes(data[16 + o : 18 + o], "little")
    total = context.length(data, 18 + o)
    if root is None or not count:
        return []
    if not record_bytes or node_bytes < NODE_OVERHEAD + record_bytes or depth > 32:
        context.damaged("a B-tree has impossible node sizes", address)
    if total > context.limits.chunks:
        raise LimitExceededError(
            f"A B-tree of {total} records, more than {context.limits.chunks}",
            fix="Raise Limits.chunks if you trust the file.",
        )
    tree = _measure(node_bytes, record_bytes, depth, o)
    records = await _node(context, tree, root, count, depth)
    if len(records) != total:
        context.damaged(f"a B-tree has {len(records)} records and promises {total}", address)
    return records


def _measure(node_bytes: int, record_bytes: int, depth: int, offset_size: int) -> _Tree:
    """How many bytes counts take at each depth: follows from what a node can hold."""
    most = (node_bytes - NODE_OVERHEAD) // record_bytes
    count_bytes = _enough(most)
    below = most  # the most records in a child and all below it
    totals = [0, 0]
    for _ in range(1, depth):
        pointer = offset_size + count_bytes + totals[-1]
        most = (node_bytes - NODE_OVERHEAD - pointer) // (record_bytes + pointer)
        below = (most + 1) * below + most
        totals.append(_enough(below))
    return _Tree(node_bytes, record_bytes, count_bytes, tuple(totals))


async def _node(
    context: Context, tree: _Tree, address: int, count: int, depth: int
) -> list[memoryview]:
    context.visit("B-tree node", address)
    if depth == 0:
        return await _leaf(context, tree, address, count)
    width = context.offset_size
    total_bytes = tree.total_bytes[depth]
    pointer = width + tree.count_bytes + total_bytes
    used = 6 + count * tree.record_bytes + (count + 1) * pointer + 4
    if used > tree.node_bytes:
        context.damaged("a B-tree node holds more than fits", address)
    data = await context.read_signed(address, used, b"BTIN")
    context.verify(data, "B-tree node", address)
    records = _split(data, count, tree.record_bytes)
    at = 6 + count * tree.record_bytes
    jobs = []
    for _ in range(count + 1):
        child = context.address(data, at)
        if child is None:
            context.damaged("a B-tree node lacks a child", address)
        below = int.from_bytes(data[at + width : at + width + tree.count_bytes], "little")
        jobs.append(_node(context, tree, child, below, depth - 1))
        at += pointer
    children = await gather(jobs)
    # a record separates the children on both sides of it
    merged = list(children[0])
    for record, child_records in zip(records, children[1:], strict=True):
        merged.append(record)
        merged.extend(child_records)
    return merged


async def _leaf(context: Context, tree: _Tree, address: int, count: int) -> list[memoryview]:
    used = 6 + count * tree.record_bytes + 4
    if used > tree.node_bytes:
        context.damaged("a B-tree leaf holds more than fits", address)
    data = await context.read_signed(address, used, b"BTLF")
    context.verify(data, "B-tree leaf", address)
    return _split(data, count, tree.record_bytes)


def _split(data: memoryview, count: int, nbytes: int) -> list[memoryview]:
    return [data[6 + i * nbytes : 6 + (i + 1) * nbytes] for i in range(count)]
