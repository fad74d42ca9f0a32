"""Damage to a file that hurts: at its structures, with values at the edges, checksums mended.

Random bytes mostly hit data, and in newer files every hit of a structure is caught by its
checksum. So most damage here is done to what is not chunk data, with the values that
parsers get wrong, and the checksum of the structure is made right again.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import h5py
import numpy as np

from cryodata.granule import GranuleFile
from cryodata.hdf5.checksum import lookup3
from cryodata.hdf5.context import Context
from cryodata.options import Options

__all__ = ["Anatomy", "dissect", "mutant", "resign"]

SIGNATURES = (
    *(b"\x89HDF", b"TREE", b"HEAP", b"SNOD", b"GCOL", b"OHDR", b"OCHK", b"FRHP", b"FHDB"),
    *(b"FHIB", b"BTHD", b"BTIN", b"BTLF", b"FAHD", b"FADB", b"EAHD", b"EAIB", b"EASB", b"EADB"),
)
EDGES = (
    *(0, 1, 2, 7, 8, 0x3F, 0x40, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0xFFFFFF),
    *(0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 1 << 40, (1 << 63) - 1, 1 << 63, (1 << 64) - 1),
)


@dataclass(frozen=True, slots=True)
class Anatomy:
    """A sound file, and where its structures lie.

    Attributes
    ----------
    data : bytes
    metadata : sequence of int
        Offsets of all bytes that are not chunk data.
    places : sequence of int
        Offsets of all signatures and object headers.
    signed : sequence of (int, int)
        Half-open ranges that end with a checksum of what is before it.
    """

    data: bytes
    metadata: Sequence[int]
    places: Sequence[int]
    signed: Sequence[tuple[int, int]]


def dissect(path: Path) -> Anatomy:
    """Learn from h5py where the data is, and from the walk where the checksums are."""
    data = path.read_bytes()
    payload = np.zeros(len(data), bool)
    headers = set()

    def visit(_: str, thing: Any) -> None:
        headers.add(int(h5py.h5o.get_info(thing.id).addr))
        if isinstance(thing, h5py.Dataset) and thing.chunks:
            for number in range(thing.id.get_num_chunks()):
                chunk = thing.id.get_chunk_info(number)
                payload[chunk.byte_offset : chunk.byte_offset + chunk.size] = True

    with h5py.File(path) as file:
        file.visititems(visit)
    places = {at for signature in SIGNATURES for at in _find(data, signature)} | headers
    return Anatomy(data, np.flatnonzero(~payload).tolist(), sorted(places), _signed(path, data))


def _find(data: bytes, signature: bytes) -> list[int]:
    found = []
    at = data.find(signature)
    while at >= 0:
        found.append(at)
        at = data.find(signature, at + 1)
    return found


def _signed(path: Path, data: bytes) -> list[tuple[int, int]]:
    """What a walk verifies: noted while it does."""
    ranges = set()
    verify = Context.verify

    def note(self: Context, block: memoryview, what: str, address: int) -> None:
        start = self.base + address
        if bytes(block) == data[start : start + len(block)]:
            ranges.add((start, start + len(block)))
        verify(self, block, what, address)

    with (
        patch.object(Context, "verify", note),
        GranuleFile(path, options=Options(cache=None)) as granule,
    ):
        granule.walk()
    if data[8] in (2, 3):
        ranges.add((0, 48))  # the superblock, which is verified by itself
    return sorted(ranges)


def resign(data: bytearray, signed: Sequence[tuple[int, int]], changed: range) -> None:
    """Make the checksums of all ranges right that overlap what was changed."""
    for start, stop in signed:
        if start < changed.stop and changed.start < stop <= len(data):
            data[stop - 4 : stop] = lookup3(memoryview(data)[start : stop - 4]).to_bytes(
                4, "little"
            )


def mutant(anatomy: Anatomy, seed: int) -> tuple[bytes, int]:
    """The file with some wounds, and their number; the same seed gives the same bytes."""
    rng = random.Random(seed)
    data = bytearray(anatomy.data)
    if rng.random() < 0.04:
        return bytes(data[: rng.randrange(len(data))]), 1
    mend = rng.random() < 0.8
    wound = rng.choices(list(WOUNDS), list(WOUNDS.values()))[0]
    wounds = rng.choice([1, 1, 1, 1, 1, 1, 2, 4, 8])
    for _ in range(wounds):
        at = _place(anatomy, rng)
        width = wound(data, at, anatomy, rng)
        if mend:
            resign(data, anatomy.signed, range(at, at + width))
    return bytes(data), wounds


def _place(anatomy: Anatomy, rng: random.Random) -> int:
    """Mostly near the head of a structure, else in metadata, now and then anywhere."""
    dice = rng.random()
    if dice < 0.6:
        at = rng.choice(anatomy.places) + rng.randrange(64)
    elif dice < 0.95:
        at = rng.choice(anatomy.metadata)
    else:
        at = rng.randrange(len(anatomy.data))
    return min(at, len(anatomy.data) - 64)


Wound = Callable[[bytearray, int, Anatomy, random.Random], int]
"""Changes bytes from an offset on, and returns how many."""


def _flip(data: bytearray, at: int, _: Anatomy, rng: random.Random) -> int:
    data[at] ^= 1 << rng.randrange(8)
    return 1


def _byte(data: bytearray, at: int, _: Anatomy, rng: random.Random) -> int:
    data[at] = rng.randrange(256)
    return 1


def _number(data: bytearray, at: int, anatomy: Anatomy, rng: random.Random) -> int:
    width = rng.choice([1, 2, 4, 8])
    size = len(anatomy.data)
    value = rng.choice([*EDGES, size, size - 1, at, rng.randrange(size)])
    data[at : at + width] = (value & (1 << 8 * width) - 1).to_bytes(width, "little")
    return width


def _nudge(data: bytearray, at: int, _: Anatomy, rng: random.Random) -> int:
    """One more or one less: lengths, counts and versions that are almost right."""
    width = rng.choice([1, 2, 4, 8])
    value = int.from_bytes(data[at : at + width], "little") + rng.choice([-8, -1, 1, 8])
    data[at : at + width] = (value & (1 << 8 * width) - 1).to_bytes(width, "little")
    return width


def _point(data: bytearray, at: int, anatomy: Anatomy, rng: random.Random) -> int:
    """The address of some other structure, or of this one: confusions and circles."""
    data[at : at + 8] = rng.choice(anatomy.places).to_bytes(8, "little")
    return 8


def _redirect(data: bytearray, at: int, anatomy: Anatomy, rng: random.Random) -> int:
    """An address that is used somewhere, replaced where it is used next."""
    old = rng.choice(anatomy.places).to_bytes(8, "little")
    found = data.find(old, at)
    if found < 0:
        return _point(data, at, anatomy, rng)
    data[found : found + 8] = rng.choice(anatomy.places).to_bytes(8, "little")
    resign(data, anatomy.signed, range(found, found + 8))
    return 0


def _copy(data: bytearray, at: int, anatomy: Anatomy, rng: random.Random) -> int:
    width = rng.randrange(1, 64)
    source = rng.choice(anatomy.metadata)
    piece = anatomy.data[source : source + width]
    data[at : at + len(piece)] = piece
    return len(piece)


def _zero(data: bytearray, at: int, _: Anatomy, rng: random.Random) -> int:
    width = rng.randrange(1, 32)
    data[at : at + width] = bytes(width)
    return width


WOUNDS: dict[Wound, int] = {
    _flip: 2,
    _byte: 1,
    _number: 5,
    _nudge: 3,
    _point: 2,
    _redirect: 2,
    _copy: 1,
    _zero: 1,
}
"""Kinds of damage, and how often each is chosen."""
