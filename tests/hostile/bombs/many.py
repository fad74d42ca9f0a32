"""Too many, too deep, too long."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import h5py
import numpy as np

from tests.hostile.bombs.base import LIMITED, Bomb, create
from tests.hostile.edit import Edited, replaced

__all__ = ["BOMBS"]

GiB = 1 << 30


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


BOMBS = (
    Bomb("deep-earliest", partial(deep, libver="earliest"), "/g" * 65, LIMITED),
    Bomb("deep-latest", partial(deep, libver="latest"), "/g" * 65, LIMITED),
    Bomb("many-attributes", many_attributes, "/x", LIMITED),
    Bomb("long-attribute", long_attribute, "/x@a", ("Unreadable",)),
    Bomb("large-attributes", large_attributes, "/x", LIMITED),
    Bomb("long-text", long_text, "/x@a", ("Unreadable",)),
    Bomb("many-links-earliest", partial(many_links, libver="earliest"), "-"),
    Bomb("many-links-latest", partial(many_links, libver="latest"), "-"),
)
