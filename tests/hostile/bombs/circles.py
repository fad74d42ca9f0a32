"""Structures that lead back to themselves."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import h5py
import numpy as np

from tests.hostile.bombs.base import DAMAGED, Bomb, create
from tests.hostile.edit import Edited, continuation_of, header_of

__all__ = ["BOMBS"]


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


BOMBS = (
    Bomb("circle-of-soft-links", circle_of_soft_links, "-"),
    Bomb("chunk-tree-sibling", partial(chunk_tree_circle, sibling=True), "/x", DAMAGED),
    Bomb("chunk-tree-child", partial(chunk_tree_circle, sibling=False), "/x", DAMAGED),
    Bomb("group-tree-child", group_tree_circle, "/g", DAMAGED),
    Bomb("header-earliest", partial(header_circle, libver="earliest"), "/x", DAMAGED),
    Bomb("header-v108", partial(header_circle, libver="v108"), "/x", DAMAGED),
    Bomb("heap-circle", heap_circle, "/x", DAMAGED),
    Bomb("tree2-circle", tree2_circle, "/x", DAMAGED),
)
