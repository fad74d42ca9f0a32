"""Small edits of an HDF5 file: find a structure or a number, put something hostile there."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py

from tests.hostile.mutate import dissect, resign

__all__ = ["Edited", "continuation_of", "header_of", "replaced"]

CONTINUATION = 0x10


@dataclass(frozen=True, slots=True)
class Edited:
    """A file held in memory; its checksums are made right again when it is saved."""

    path: Path
    data: bytearray
    sound: bytes

    @classmethod
    def load(cls, path: Path) -> Edited:
        """The file at `path`, which is sound."""
        data = path.read_bytes()
        return cls(path, bytearray(data), data)

    def put(self, at: int, form: str, *values: Any) -> None:
        """Pack `values`, little-endian, at an offset."""
        struct.pack_into("<" + form, self.data, at, *values)

    def get(self, at: int, form: str) -> Any:
        """One value at an offset."""
        return struct.unpack_from("<" + form, self.data, at)[0]

    def find(self, signature: bytes, number: int = 0) -> int:
        """Offset of the n-th occurrence of some bytes."""
        at = -1
        for _ in range(number + 1):
            at = self.data.index(signature, at + 1)
        return at

    def swap(self, form: str, old: Any, new: Any) -> None:
        """Replace every occurrence of a number, of which there must be one."""
        before, after = struct.pack("<" + form, old), struct.pack("<" + form, new)
        assert before in self.data, f"{old} is nowhere in the file"
        self.data[:] = self.data.replace(before, after)

    def save(self) -> None:
        """Write it back, with the checksums of what was changed."""
        signed = dissect(self.path).signed
        changed = [i for i, (a, b) in enumerate(zip(self.sound, self.data, strict=True)) if a != b]
        for at in changed:
            resign(self.data, signed, range(at, at + 1))
        self.path.write_bytes(self.data)


def replaced(path: Path, form: str, old: Any, new: Any) -> None:
    """Replace a number, everywhere in a file."""
    file = Edited.load(path)
    file.swap(form, old, new)
    file.save()


def header_of(path: Path, name: str) -> int:
    """Offset of an object's header."""
    with h5py.File(path) as file:
        return int(h5py.h5o.get_info(file[name].id).addr)


def continuation_of(file: Edited, header: int) -> int:
    """Offset of the first continuation message's body in an object header."""
    if file.data[header : header + 4] == b"OHDR":
        flags = file.data[header + 5]
        width = 1 << (flags & 3)
        at = header + 6 + (16 if flags & 0x20 else 0) + (4 if flags & 0x10 else 0)
        stop = at + width + int.from_bytes(file.data[at : at + width], "little")
        return _message(file, at + width, stop, "B", 6 if flags & 4 else 4)
    return _message(file, header + 16, header + 16 + file.get(header + 8, "I"), "H", 8)


def _message(file: Edited, at: int, stop: int, kind: str, head: int) -> int:
    while at < stop:
        if file.get(at, kind) == CONTINUATION:
            return at + head
        at += head + int(file.get(at + struct.calcsize(kind), "H"))
    raise LookupError("the header does not continue")
