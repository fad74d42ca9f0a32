"""Valid files with one part that cannot or must not be read, and other parts that can."""

from __future__ import annotations

import tempfile
from pathlib import Path

import h5py
import numpy as np
from h5py import h5d, h5p, h5s, h5t, h5z

from tests.matrix.case import Case

__all__ = ["CASES"]


def virtual(file: h5py.File) -> None:
    """A dataset made of pieces of others, here of the same file."""
    file["fine"] = np.arange(10)
    layout = h5py.VirtualLayout((2, 10), "i8")
    layout[0] = h5py.VirtualSource(".", "fine", (10,))
    file.create_virtual_dataset("virtual", layout, fillvalue=-1)


def external(file: h5py.File) -> None:
    """A dataset whose values lie in another file of the reader's machine."""
    file["fine"] = np.arange(10)
    outside = Path(tempfile.gettempdir(), "not-there.bin")
    file.create_dataset("outside", (20,), "u1", external=[(str(outside), 0, 20)])


def unknown_filter(file: h5py.File) -> None:
    """Chunks through a filter nobody registered: some written, none written."""
    file["fine"] = np.arange(10)
    for name in ("written", "unwritten"):
        dcpl = h5p.create(h5p.DATASET_CREATE)
        dcpl.set_chunk((4,))
        dcpl.set_filter(UNKNOWN_FILTER, h5z.FLAG_OPTIONAL, (1, 2))
        space = h5s.create_simple((8,))
        made = h5d.create(file.id, name.encode(), h5t.STD_I32LE, space, dcpl)
        if name == "written":
            made.write_direct_chunk((0,), b"whatever this means")


UNKNOWN_FILTER = 511
"""A filter number of the range kept for tests."""


CASES = tuple(
    Case(f"refused/{what}/{libver}", write, libver)
    for what, write in (("virtual", virtual), ("external", external), ("filter", unknown_filter))
    for libver in ("earliest", "latest")
)
