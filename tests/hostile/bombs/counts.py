"""Counts and sizes in structures that lie; and files of the reader's machine."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import h5py
import numpy as np

from tests.hostile.bombs.base import DAMAGED, REFUSED, Bomb, create
from tests.hostile.edit import Edited

__all__ = ["BOMBS", "outside"]


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
