"""Members of a group: compact links, dense links and old symbol tables.

Source: HDF5 File Format Specification, sections III.B and III.C (symbol tables), IV.A.2.c
(link info), IV.A.2.g (link) and IV.A.2.r (symbol table message).
"""

from __future__ import annotations

from dataclasses import dataclass

from cryodata.errors import LimitExceededError
from cryodata.hdf5 import objects
from cryodata.hdf5.btree1 import read_symbol_nodes
from cryodata.hdf5.btree2 import read_records
from cryodata.hdf5.context import Context
from cryodata.hdf5.fractal_heap import read_fractal_heap
from cryodata.hdf5.heaps import read_local_heap
from cryodata.hdf5.objects import ObjectHeader
from cryodata.hdf5.rounds import gather
from cryodata.index import Link

__all__ = ["is_group", "read_links"]

HARD, SOFT, EXTERNAL = 0, 1, 64
TRACKED, ORDER_INDEXED = 0x01, 0x02
HEAP_ID_BYTES = 7
SYMBOLIC = 2


@dataclass(frozen=True, slots=True)
class _Placed:
    """A link and its creation order; 0 where the group does not track it."""

    order: int
    link: Link


def is_group(header: ObjectHeader) -> bool:
    """Whether the object has members (possibly none)."""
    return any(
        m.type in (objects.SYMBOL_TABLE, objects.LINK_INFO, objects.LINK) for m in header.messages
    )


async def read_links(context: Context, header: ObjectHeader) -> dict[str, Link]:
    """Links of a group by name: by creation order where it is tracked, else by name.

    Raises
    ------
    LimitExceededError
        If there are more than `Limits.links`.
    """
    table = header.first(objects.SYMBOL_TABLE)
    if table is not None:
        placed = await _symbol_table(context, table.data)
        tracked = False
    else:
        info = header.first(objects.LINK_INFO)
        tracked = info is not None and bool(info.data[1] & TRACKED)
        placed = [_parse_link(context, m.data) for m in header.all(objects.LINK)]
        if info is not None:
            placed += await _dense(context, info.data)
    _check_count(context, len(placed))
    if tracked:
        placed.sort(key=lambda p: p.order)
    else:
        placed.sort(key=lambda p: p.link.name.encode("utf-8", "surrogateescape"))
    return {p.link.name: p.link for p in placed}


def _check_count(context: Context, count: int) -> None:
    if count > context.limits.links:
        raise LimitExceededError(
            f"A group of {count} links, more than {context.limits.links}",
            fix="Raise Limits.links if you trust the file.",
        )


def _parse_link(context: Context, data: memoryview) -> _Placed:
    if data[0] != 1:
        context.damaged(f"unknown link version {data[0]}")
    flags = data[1]
    at = 2
    kind = HARD
    if flags & 0x08:
        kind = data[at]
        at += 1
    order = 0
    if flags & 0x04:
        order = int.from_bytes(data[at : at + 8], "little", signed=True)
        at += 8
    at += 1 if flags & 0x10 else 0  # character set: utf-8 contains ascii
    width = 1 << (flags & 3)
    nbytes = int.from_bytes(data[at : at + width], "little")
    at += width
    if at + nbytes > len(data):
        raise ValueError("a link name overruns its message")
    name = _checked_name(context, bytes(data[at : at + nbytes]))
    at += nbytes
    return _Placed(order, _make_link(context, name, kind, data[at:]))


def _make_link(context: Context, name: str, kind: int, data: memoryview) -> Link:
    if kind == HARD:
        return Link(name, context.address(data, 0))
    nbytes = int.from_bytes(data[:2], "little")
    value = bytes(data[2 : 2 + nbytes])
    if len(value) < nbytes or (kind == SOFT and (not value or b"\0" in value)):
        context.damaged(f"link {name!r} leads to {value!r}")
    if kind == SOFT:
        return Link(name, None, value.decode("utf-8", "surrogateescape"), "soft")
    if kind == EXTERNAL:  # flags byte, then file and object, both null-terminated
        file, _, rest = value[1:].partition(b"\0")
        target = (
            f"{file.decode('utf-8', 'replace')}:{rest.rstrip(bytes(1)).decode('utf-8', 'replace')}"
        )
        return Link(name, None, target, "external")
    return Link(name, None, "", "user")


async def _dense(context: Context, info: memoryview) -> list[_Placed]:
    """Links kept in a fractal heap, found through the B-tree that sorts them by name."""
    at = 2 + (8 if info[1] & TRACKED else 0)
    heap = context.address(info, at)
    names = context.address(info, at + context.offset_size)
    if heap is None or names is None:
        return []
    records, store = await gather([read_records(context, names), read_fractal_heap(context, heap)])
    _check_count(context, len(records))
    # a record is the hash of the name, then the heap ID
    found = await store.objects([r[4 : 4 + HEAP_ID_BYTES] for r in records])
    return [_parse_link(context, data) for data in found]


async def _symbol_table(context: Context, data: memoryview) -> list[_Placed]:
    tree = context.address(data, 0)
    heap = context.address(data, context.offset_size)
    if tree is None or heap is None:
        context.damaged("a symbol table has no B-tree or heap")
    nodes, segment = await gather(
        [read_symbol_nodes(context, tree), read_local_heap(context, heap)]
    )
    names = bytes(segment)
    tables = await gather(_symbol_node(context, node, names) for node in nodes)
    return [_Placed(0, link) for table in tables for link in table]


async def _symbol_node(context: Context, address: int, names: bytes) -> list[Link]:
    context.visit("symbol table node", address)
    prefix = await context.read_signed(address, 8, b"SNOD")
    count = int.from_bytes(prefix[6:8], "little")
    # the library stores the name's place with the size of a length, not of an address
    n = context.length_size
    head = n + context.offset_size
    width = head + 24
    data = await context.read(address + 8, count * width)
    links = []
    for at in range(0, count * width, width):
        name = _checked_name(context, _bytes(context, names, context.length(data, at)))
        cached = int.from_bytes(data[at + head : at + head + 4], "little")
        if cached > SYMBOLIC:
            context.damaged(f"unknown cache type {cached} in a symbol table", address)
        if cached == SYMBOLIC:
            place = int.from_bytes(data[at + head + 8 : at + head + 12], "little")
            links.append(Link(name, None, _text(context, names, place), "soft"))
        else:
            links.append(Link(name, context.address(data, at + n)))
    return links


def _bytes(context: Context, names: bytes, at: int) -> bytes:
    """The null-terminated string at one place of a local heap."""
    end = names.find(b"\0", at)
    if end < 0:
        context.damaged(f"no name ends after place {at} of a heap of {len(names)} bytes")
    return names[at:end]


def _text(context: Context, names: bytes, at: int) -> str:
    return _bytes(context, names, at).decode("utf-8", "surrogateescape")


def _checked_name(context: Context, name: bytes) -> str:
    """A link's name; one that could not be part of a path is damage."""
    if not name or b"\0" in name or b"/" in name:
        context.damaged(f"a link is named {name!r}")
    return name.decode("utf-8", "surrogateescape")
