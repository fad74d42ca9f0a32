"""Small files that ask for much: memory, time, recursion, or the bytes of somebody else.

Each is a sound file of h5py's with one lie in it. `BOMBS` says for each what must be
refused, with which error, and that the dataset ``/fine`` beside it is still read.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import h5py
import numpy as np

from tests.hostile.edit import Edited, continuation_of, header_of, replaced

__all__ = ["BOMBS", "FINE", "Bomb", "huge_shape", "outside"]

FINE = np.arange(10)
GiB = 1 << 30
DAMAGED = ("FormatError",)
LIMITED = ("LimitExceededError",)
REFUSED = ("FormatError", "LimitExceededError")
CORRUPT = ("ChunkCorruptError",)


@dataclass(frozen=True, slots=True)
class Bomb:
    """One hostile file.

    Attributes
    ----------
    name : str
    build : callable
        Writes it to a path.
    where : str
        The object whose values, structure or attribute (``/x@a``) is refused; empty
        where the file as a whole is; ``-`` where nothing is, and all is as h5py reads it.
    errors : tuple of str
        Classes that say so.
    """

    name: str
    build: Callable[[Path], None]
    where: str
    errors: tuple[str, ...] = ()


def create(path: Path, libver: str = "earliest") -> h5py.File:
    file = h5py.File(path, "w", libver=libver)
    file["fine"] = FINE
    return file


# ------------------------------------------------------------------ data that inflates


def inflating(nbytes: int) -> bytes:
    """A zlib stream of `nbytes` zeros (a multiple of 16 MiB), without ever holding them."""
    piece = 1 << 24
    packer = zlib.compressobj(9)
    head = packer.compress(b"") + packer.flush(zlib.Z_FULL_FLUSH)
    body = packer.compress(bytes(piece)) + packer.flush(zlib.Z_FULL_FLUSH)
    tail = b"\x03\x00"  # the empty last block
    adler = (nbytes % 65521) << 16 | 1  # of zeros only: a stays 1, b counts them
    return head + body * (nbytes // piece) + tail + adler.to_bytes(4, "big")


def bomb(path: Path, *, twice: bool = False) -> None:
    """4 kB declared, 1 GiB inside; or 1 GiB inside a stream inside a stream."""
    stream = inflating(GiB)
    with create(path) as file:
        dcpl = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        dcpl.set_chunk((1000,))
        dcpl.set_deflate(6)
        if twice:
            dcpl.set_deflate(6)
            stream = zlib.compress(stream)
        space = h5py.h5s.create_simple((1000,))
        made = h5py.h5d.create(file.id, b"x", h5py.h5t.IEEE_F32LE, space, dcpl)
        made.write_direct_chunk((0,), stream)


def huge_chunk(path: Path, libver: str) -> None:
    """One chunk of 4 GB, never written."""
    with create(path, libver) as file:
        file.create_dataset("x", (10**9,), "f4", chunks=(10**9 - 1,), compression="gzip")


def written_chunk_made_huge(path: Path) -> None:
    """A chunk that is there, declared 2 GiB large."""
    with create(path) as file:
        file.create_dataset("x", (4096,), "u1", chunks=(4093,), compression="gzip")[:] = 1
    replaced(path, "I", 4093, 2**31 - 1)


def overlapping(path: Path, libver: str) -> None:
    """All chunks are the same bytes: what is read must not grow beyond what is asked for."""
    with create(path, libver) as file:
        made = file.create_dataset("x", (800,), "i4", chunks=(8,), compression="gzip")
        made[:] = np.repeat(7, 800)
        places = [made.id.get_chunk_info(i).byte_offset for i in range(100)]
    edited = Edited.load(path)
    for place in places[1:]:
        edited.swap("Q", place, places[0])
    edited.save()


# ----------------------------------------------------------------- shapes and numbers


def huge_shape(path: Path, libver: str, axes: int) -> None:
    """10**12 elements, three chunks of them written; nothing may be kept per chunk."""
    shape = (10**12,) if axes == 1 else (10**6, 10**6)
    with create(path, libver) as file:
        made = file.create_dataset(
            "x", shape, "f4", chunks=(1000,) * axes, maxshape=(None,) * axes, compression="gzip"
        )
        made[(slice(0, 1000),) * axes] = 1
        made[(slice(5000, 5007),) * axes] = 2
        made[(slice(-1000, None),) * axes] = 3


def dimension(path: Path, value: int, *, libver: str = "earliest", chunks: bool = False) -> None:
    """A dimension of any size over a few bytes of data."""
    with create(path, libver) as file:
        file.create_dataset("x", data=np.arange(4321), chunks=(100,) if chunks else None)
    replaced(path, "Q", 4321, value)


def element_size(path: Path) -> None:
    """Strings of 2 GiB each."""
    with create(path) as file:
        file["x"] = np.full(3, b"s" * 4321)
    replaced(path, "I", 4321, 2**31 - 1)


def address(path: Path, value: int) -> None:
    """Contiguous data at an address of choice."""
    with create(path) as file:
        file["x"] = np.arange(1000)
        place = file["x"].id.get_offset()
    replaced(path, "Q", place, value)


def chunk_address(path: Path, value: int, libver: str) -> None:
    """A chunk at an address of choice."""
    with create(path, libver) as file:
        made = file.create_dataset("x", data=np.arange(100), chunks=(30,), compression="gzip")
        place = made.id.get_chunk_info(1).byte_offset
    replaced(path, "Q", place, value)


def end_of_file(path: Path) -> None:
    """A superblock that says the file is longer than it is."""
    create(path).close()
    edited = Edited.load(path)
    edited.put(40, "Q", 2**62)
    edited.save()


# -------------------------------------------------------------------- many and deep


def deep(path: Path, libver: str) -> None:
    """3,000 groups, each in the one before."""
    with create(path, libver) as file:
        group: h5py.Group = file
        for _ in range(3000):
            group = group.create_group("g")


def many_attributes(path: Path) -> None:
    """20,000 attributes on one dataset."""
    with create(path, "v108") as file:
        made = file.create_dataset("x", data=1)
        space = h5py.h5s.create(h5py.h5s.SCALAR)
        for number in range(20_000):
            h5py.h5a.create(made.id, b"a%d" % number, h5py.h5t.STD_I8LE, space)


def long_attribute(path: Path) -> None:
    """An attribute of a gigabyte, in a file of a few kilobytes."""
    with create(path) as file:
        file.create_dataset("x", data=1).attrs["a"] = np.zeros(4321, "u1")
    replaced(path, "Q", 4321, 10**9)


def large_attributes(path: Path) -> None:
    """30 MB of attributes that are really there."""
    with create(path, "v108") as file:
        made = file.create_dataset("x", data=1)
        for number in range(30):
            made.attrs[f"a{number}"] = np.zeros(1 << 20, "u1")


def long_text(path: Path) -> None:
    """A string said to be 2 GiB long, in a heap of a few kilobytes."""
    with create(path) as file:
        file.create_dataset("x", data=1).attrs["a"] = "t" * 4321
    edited = Edited.load(path)
    heap = edited.find(b"GCOL")
    length = (
        4321
        if edited.data.count((4321).to_bytes(4, "little") + heap.to_bytes(8, "little"))
        else 4322
    )
    at = edited.find(length.to_bytes(4, "little") + heap.to_bytes(8, "little"))
    edited.put(at, "I", 2**31 - 1)
    edited.save()


def many_links(path: Path, libver: str) -> None:
    """Hard links from every group to every group: 40 ** depth paths."""
    with create(path, libver) as file:
        made = [file.create_group(f"g{i}") for i in range(40)]
        for group in made:
            for number, other in enumerate(made):
                group[f"to {number}"] = other


# ------------------------------------------------------------------------- circles


def circle_of_soft_links(path: Path) -> None:
    """Soft links through each other, and through a hard link back to the root."""
    with create(path) as file:
        file["a/root"] = file["/"]
        file["a/soft"] = h5py.SoftLink("/a/root/a/soft")
        file["x"] = h5py.SoftLink("/a/root/a/root/y")
        file["y"] = h5py.SoftLink("/x")


def chunk_tree_circle(path: Path, *, sibling: bool) -> None:
    """A node of a chunk index whose sibling, or whose child, is itself."""
    with create(path) as file:
        file.create_dataset("x", data=np.arange(1000), chunks=(2,))
    edited = Edited.load(path)
    number = 0
    while edited.data[(node := edited.find(b"TREE", number)) + 4 : node + 6] != b"\x01\x01":
        number += 1  # the root of the chunk index: type 1, level 1
    edited.put(node + 16 if sibling else node + 24 + 24, "Q", node)
    edited.save()


def group_tree_circle(path: Path) -> None:
    """The B-tree of an old group whose child is itself."""
    with create(path) as file:
        for number in range(40):
            file[f"g/n{number}"] = h5py.SoftLink("/fine")
    edited = Edited.load(path)
    last = edited.data.rfind(b"TREE")
    edited.put(last + 24 + 8, "Q", last)
    edited.save()


def header_circle(path: Path, libver: str) -> None:
    """An object header that continues in itself."""
    with create(path, libver) as file:
        made = file.create_dataset("x", data=np.arange(5))
        file["other"] = 1
        for number in range(7):
            made.attrs[f"a{number}"] = "text" * 50
    header = header_of(path, "x")
    edited = Edited.load(path)
    body = continuation_of(edited, header)
    if libver == "earliest":
        edited.put(body, "QQ", header + 16, edited.get(header + 8, "I"))
    else:  # from the continuation block to itself, the rest of which is padding
        block, nbytes = edited.get(body, "Q"), edited.get(body + 8, "Q")
        edited.put(block + 4, "BHBQQBHB", 0x10, 16, 0, block, nbytes, 0, nbytes - 32, 0)
    edited.save()


def heap_circle(path: Path) -> None:
    """An indirect block of a fractal heap whose first child is itself."""
    with create(path, "v108") as file:
        made = file.create_dataset("x", data=1)
        for number in range(60):
            made.attrs[f"attribute {number}"] = np.zeros(500, "u1")
    edited = Edited.load(path)
    block = edited.find(b"FHIB")
    edited.put(block + 17, "Q", block)
    edited.save()


def tree2_circle(path: Path) -> None:
    """A v2 B-tree node whose child is itself."""
    with create(path, "latest") as file:
        file.create_dataset(
            "x", data=np.arange(900).reshape(30, 30), chunks=(1, 1), maxshape=(None, None)
        )
    edited = Edited.load(path)
    header = edited.find(b"BTHD")
    node, records = edited.get(header + 16, "Q"), edited.get(header + 24, "H")
    first_child = node + 6 + records * edited.get(header + 10, "H")
    edited.put(first_child, "Q", node)
    edited.save()


# ------------------------------------------------------------------- counts that lie


def local_heap_size(path: Path) -> None:
    """An old group's heap of names, said to be as large as can be."""
    with create(path) as file:
        file["g/x"] = 1
    edited = Edited.load(path)
    edited.put(edited.data.rfind(b"HEAP") + 8, "Q", 2**63)
    edited.save()


def node_entries(path: Path) -> None:
    """A symbol table node with 65,535 entries."""
    with create(path) as file:
        file["g/x"] = 1
    edited = Edited.load(path)
    edited.put(edited.data.rfind(b"SNOD") + 6, "H", 65535)
    edited.save()


def tree2_records(path: Path) -> None:
    """A v2 B-tree that says it holds 2**60 records, 60,000 levels deep."""
    with create(path, "v108") as file:
        made = file.create_dataset("x", data=1)
        for number in range(20):
            made.attrs[f"a{number}"] = number
    edited = Edited.load(path)
    header = edited.find(b"BTHD")
    edited.put(header + 12, "H", 60_000)
    edited.put(header + 26, "Q", 2**60)
    edited.save()


def array_elements(path: Path, signature: bytes, at: int, value: int) -> None:
    """A fixed or extensible array with a size field that lies."""
    limit = (None,) if signature == b"EAHD" else None
    with create(path, "latest") as file:
        file.create_dataset("x", data=np.arange(1000), chunks=(5,), maxshape=limit)
    edited = Edited.load(path)
    edited.data[edited.find(signature) + at] = value
    edited.save()


def heap_sizes(path: Path) -> None:
    """A fractal heap with blocks of 2**63 bytes and a table 65,535 wide."""
    with create(path, "v108") as file:
        made = file.create_dataset("x", data=1)
        for number in range(20):
            made.attrs[f"a{number}"] = number
    edited = Edited.load(path)
    table = edited.find(b"FRHP") + 14 + 12 * 8
    edited.put(table, "HQQ", 65535, 2**62, 2**63)
    edited.save()


def global_heap_size(path: Path) -> None:
    """A global heap said to be a terabyte."""
    with create(path) as file:
        file.create_dataset("x", data=1).attrs["a"] = "text"
    edited = Edited.load(path)
    edited.put(edited.find(b"GCOL") + 8, "Q", 2**40)
    edited.save()


def outside(path: Path) -> None:
    """Data in another file of this machine, and links into others."""
    secret = path.with_name("secret.bin")
    secret.write_bytes(b"TOP-SECRET-LOCAL-FILE")
    with create(path) as file:
        file.create_dataset("x", (20,), "u1", external=[(str(secret), 0, 20)])
        file["link"] = h5py.ExternalLink(str(secret), "/")


BOMBS = (
    Bomb("inflating", bomb, "/x", CORRUPT),
    Bomb("inflating-twice", partial(bomb, twice=True), "/x", CORRUPT),
    Bomb("huge-chunk-earliest", partial(huge_chunk, libver="earliest"), "/x", LIMITED),
    Bomb("huge-chunk-latest", partial(huge_chunk, libver="latest"), "/x", LIMITED),
    Bomb("written-chunk-made-huge", written_chunk_made_huge, "/x", LIMITED),
    Bomb("overlapping-earliest", partial(overlapping, libver="earliest"), "-"),
    Bomb("overlapping-latest", partial(overlapping, libver="latest"), "-"),
    Bomb("shape-1-earliest", partial(huge_shape, libver="earliest", axes=1), "-"),
    Bomb("shape-1-latest", partial(huge_shape, libver="latest", axes=1), "-"),
    Bomb("shape-2-earliest", partial(huge_shape, libver="earliest", axes=2), "-"),
    Bomb("shape-2-latest", partial(huge_shape, libver="latest", axes=2), "-"),
    Bomb("dimension-2**40", partial(dimension, value=2**40), "/x", REFUSED),
    Bomb("dimension-2**63", partial(dimension, value=2**63), "/x", REFUSED),
    Bomb("dimension-minus-1", partial(dimension, value=2**64 - 1), "/x", REFUSED),
    Bomb("dimension-chunked", partial(dimension, value=2**63, chunks=True), "/x", REFUSED),
    Bomb(
        "dimension-fixed-array",
        partial(dimension, value=2**50, chunks=True, libver="latest"),
        "/x",
        REFUSED,
    ),
    Bomb("element-size", element_size, "/x", REFUSED),
    Bomb("address-past-end", partial(address, value=2**40), "/x", DAMAGED),
    Bomb("address-negative", partial(address, value=2**64 - 4096), "/x", DAMAGED),
    Bomb("chunk-past-end", partial(chunk_address, value=2**40, libver="earliest"), "/x", DAMAGED),
    Bomb(
        "chunk-past-end-latest", partial(chunk_address, value=2**40, libver="latest"), "/x", DAMAGED
    ),
    Bomb(
        "chunk-negative", partial(chunk_address, value=2**63 + 8, libver="earliest"), "/x", DAMAGED
    ),
    Bomb("end-of-file", end_of_file, "", DAMAGED),
    Bomb("deep-earliest", partial(deep, libver="earliest"), "/g" * 65, LIMITED),
    Bomb("deep-latest", partial(deep, libver="latest"), "/g" * 65, LIMITED),
    Bomb("many-attributes", many_attributes, "/x", LIMITED),
    Bomb("long-attribute", long_attribute, "/x@a", ("Unreadable",)),
    Bomb("large-attributes", large_attributes, "/x", LIMITED),
    Bomb("long-text", long_text, "/x@a", ("Unreadable",)),
    Bomb("many-links-earliest", partial(many_links, libver="earliest"), "-"),
    Bomb("many-links-latest", partial(many_links, libver="latest"), "-"),
    Bomb("circle-of-soft-links", circle_of_soft_links, "-"),
    Bomb("chunk-tree-sibling", partial(chunk_tree_circle, sibling=True), "/x", DAMAGED),
    Bomb("chunk-tree-child", partial(chunk_tree_circle, sibling=False), "/x", DAMAGED),
    Bomb("group-tree-child", group_tree_circle, "/g", DAMAGED),
    Bomb("header-earliest", partial(header_circle, libver="earliest"), "/x", DAMAGED),
    Bomb("header-v108", partial(header_circle, libver="v108"), "/x", DAMAGED),
    Bomb("heap-circle", heap_circle, "/x", DAMAGED),
    Bomb("tree2-circle", tree2_circle, "/x", DAMAGED),
    Bomb("local-heap-size", local_heap_size, "/g", DAMAGED),
    Bomb("node-entries", node_entries, "/g", DAMAGED),
    Bomb("tree2-records", tree2_records, "/x", REFUSED),
    Bomb(
        "fixed-array-elements",
        partial(array_elements, signature=b"FAHD", at=15, value=0x7F),
        "/x",
        REFUSED,
    ),
    Bomb(
        "fixed-array-page", partial(array_elements, signature=b"FAHD", at=7, value=0), "/x", REFUSED
    ),
    Bomb(
        "extensible-elements",
        partial(array_elements, signature=b"EAHD", at=7, value=255),
        "/x",
        REFUSED,
    ),
    Bomb(
        "extensible-index",
        partial(array_elements, signature=b"EAHD", at=8, value=255),
        "/x",
        REFUSED,
    ),
    Bomb("heap-sizes", heap_sizes, "/x", REFUSED),
    Bomb("global-heap-size", global_heap_size, "/x@a", ("Unreadable",)),
    Bomb("outside", outside, "/x", ("UnsupportedError",)),
)
