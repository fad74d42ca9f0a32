"""Data that inflates, or is the same again and again."""

from __future__ import annotations

import zlib
from functools import partial
from pathlib import Path

import h5py
import numpy as np

from tests.hostile.bombs.base import CORRUPT, LIMITED, Bomb, create
from tests.hostile.edit import Edited, replaced

__all__ = ["BOMBS"]

GiB = 1 << 30


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


BOMBS = (
    Bomb("inflating", bomb, "/x", CORRUPT),
    Bomb("inflating-twice", partial(bomb, twice=True), "/x", CORRUPT),
    Bomb("huge-chunk-earliest", partial(huge_chunk, libver="earliest"), "/x", LIMITED),
    Bomb("huge-chunk-latest", partial(huge_chunk, libver="latest"), "/x", LIMITED),
    Bomb("written-chunk-made-huge", written_chunk_made_huge, "/x", LIMITED),
    Bomb("overlapping-earliest", partial(overlapping, libver="earliest"), "-"),
    Bomb("overlapping-latest", partial(overlapping, libver="latest"), "-"),
)
