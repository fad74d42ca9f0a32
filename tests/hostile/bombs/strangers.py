"""Lies that would make plausible values: pieces of other variables, a little less, nothing."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from tests.hostile.bombs.base import DAMAGED, Bomb, create
from tests.hostile.edit import Edited, replaced

__all__ = ["BOMBS"]

UNREADABLE = ("Unreadable",)


def shape_of_nothing(path: Path) -> None:
    """Values that are there, in a shape without elements."""
    with create(path) as file:
        file["x"] = np.arange(4321)
    replaced(path, "Q", 4321, 0)


def chunks_of_another(path: Path, signature: bytes, at: int) -> None:
    """The index of one variable that goes on with the blocks of another's."""
    limit = (None,) if signature == b"EAHD" else None
    with create(path, "latest") as file:
        for name, values in (("x", np.arange(100)), ("y", np.arange(100) + 0.5)):
            file.create_dataset(name, data=values, chunks=(5,), maxshape=limit)
    edited = Edited.load(path)
    mine, others = edited.find(signature), edited.find(signature, 1)
    edited.put(mine + at, "Q", edited.get(others + at, "Q"))
    edited.save()


def attributes_of_another(path: Path) -> None:
    """A heap of attributes with a block of another object's heap."""
    with create(path, "v108") as file:
        for name in ("x", "y"):
            made = file.create_dataset(name, data=1)
            for number in range(60):
                made.attrs[f"attribute {number}"] = np.full(500, number, "u1")
    edited = Edited.load(path)
    others, mine = edited.find(b"FHIB"), edited.find(b"FHIB", 1)
    edited.put(mine + 17, "Q", edited.get(others + 17, "Q"))
    edited.save()


def chunk_inside_an_element(path: Path) -> None:
    """A chunk that begins within an element: a lookup of its corner would not find it."""
    with create(path) as file:
        file.create_dataset("x", data=np.arange(10), chunks=(10,))
    edited = Edited.load(path)
    node = edited.data.rfind(b"TREE")
    edited.put(node + 24 + 16, "Q", 4)
    edited.save()


def shorter_text(path: Path) -> None:
    """A text that is one letter shorter than what its heap holds."""
    with create(path) as file:
        file.create_dataset("x", data=1).attrs["a"] = "t" * 4321
    edited = Edited.load(path)
    heap = edited.find(b"GCOL").to_bytes(8, "little")
    stored = edited.get(edited.data.index(heap) - 4, "I")
    edited.put(edited.data.index(heap) - 4, "I", stored - 1)
    edited.save()


def heap_that_ends_early(path: Path) -> None:
    """A global heap whose first object says it is the free space at the end."""
    with create(path) as file:
        file.create_dataset("x", data=1).attrs["a"] = "text"
    edited = Edited.load(path)
    edited.put(edited.find(b"GCOL") + 16, "H", 0)
    edited.save()


BOMBS = (
    Bomb("shape-of-nothing", shape_of_nothing, "/x", DAMAGED),
    Bomb("fixed-array", partial(chunks_of_another, signature=b"FAHD", at=16), "/x", DAMAGED),
    Bomb("extensible-array", partial(chunks_of_another, signature=b"EAHD", at=60), "/x", DAMAGED),
    Bomb("heap-block", attributes_of_another, "/x", DAMAGED),
    Bomb("chunk-inside-an-element", chunk_inside_an_element, "/x", DAMAGED),
    Bomb("shorter-text", shorter_text, "/x@a", UNREADABLE),
    Bomb("heap-that-ends-early", heap_that_ends_early, "/x@a", UNREADABLE),
)
