"""Shapes, sizes and addresses that no file has."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from tests.hostile.bombs.base import DAMAGED, REFUSED, Bomb, create
from tests.hostile.edit import Edited, replaced

__all__ = ["BOMBS", "huge_shape"]


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


BOMBS = (
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
)
