"""Where values lie: compact, contiguous, and every chunk index at every depth it can have."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import h5py
import numpy as np
from h5py import h5d, h5p, h5s, h5t

from tests.matrix.case import LIBVERS, Case, Write, sample

__all__ = ["CASES"]


def compact(file: h5py.File) -> None:
    """Values inside the object header: one of a few bytes, one near the limit of 64 kB."""
    for name, values in (
        ("small", sample("f4", (5,), "s")),
        ("large", sample("u1", (64000,), "l")),
    ):
        dcpl = h5p.create(h5p.DATASET_CREATE)
        dcpl.set_layout(h5d.COMPACT)
        made = h5d.create(
            file.id,
            name.encode(),
            h5t.py_create(values.dtype),
            h5s.create_simple(values.shape),
            dcpl,
        )
        made.write(h5s.ALL, h5s.ALL, values)


def contiguous(file: h5py.File) -> None:
    """In one run: written, never written, and more than one piece of a partial read."""
    file["x"] = sample("<i4", (37, 11), "x")
    file["large"] = np.arange(300_000, dtype="f8").reshape(3, 100, 1000)
    file.create_dataset("never", (20,), "f8", fillvalue=2.5)


def scalars(file: h5py.File) -> None:
    """No axes at all, no elements along one, and no value."""
    file["scalar"] = np.float64(7.25)
    file["zero"] = np.empty((0,), "i2")
    file["flat"] = np.empty((3, 0, 2), "f4")
    file.create_dataset("growing", (0, 4), "f4", maxshape=(None, 4), chunks=(5, 4))
    file["null"] = h5py.Empty("f8")


def whole(file: h5py.File, **options: Any) -> None:
    """All of the dataset in one chunk."""
    file.create_dataset("x", data=sample("i4", (40, 30), "x"), chunks=(40, 30), **options)


def implicit(file: h5py.File) -> None:
    """No index: chunks allocated early, one after the other, so that only the first is named."""
    for name, shape, chunks in (("line", (1000,), (7,)), ("plane", (33, 20), (8, 6))):
        dcpl = h5p.create(h5p.DATASET_CREATE)
        dcpl.set_chunk(chunks)
        dcpl.set_alloc_time(h5d.ALLOC_TIME_EARLY)
        h5d.create(file.id, name.encode(), h5t.IEEE_F32LE, h5s.create_simple(shape), dcpl)
        file[name][...] = sample("f4", shape, name)
    dcpl.set_chunk((5,))
    h5d.create(file.id, b"unwritten", h5t.STD_I16LE, h5s.create_simple((23,)), dcpl)


def line(count: int, file: h5py.File, *, grows: bool = False, **options: Any) -> None:
    """`count` chunks of 3, the last one partial."""
    values = sample("<i2", (3 * count - 1,), "line")
    limit = (None,) if grows else values.shape
    file.create_dataset("x", data=values, chunks=(3,), maxshape=limit, **options)


def sparse(size: int, at: tuple[int, ...], file: h5py.File, *, grows: bool, **options: Any) -> None:
    """A few chunks of one element each in a large index; the rest was never written."""
    made = file.create_dataset(
        "x",
        (size,),
        "u1",
        chunks=(1,),
        maxshape=(None,) if grows else (size,),
        fillvalue=9,
        **options,
    )
    for place in at:
        made[place] = place % 251


def plane(rows: int, columns: int, file: h5py.File, *, grow: int = 0, **options: Any) -> None:
    """A grid of chunks with partial edges on both axes; `grow` axes are unlimited."""
    shape = (2 * rows - 1, 3 * columns - 2)
    limit = tuple(None if axis < grow else n for axis, n in enumerate(shape))
    file.create_dataset(
        "x", data=sample("u2", shape, "p"), chunks=(2, 3), maxshape=limit, **options
    )


def cube(file: h5py.File) -> None:
    """Four axes, partial on each, one unlimited that is not the first."""
    file.create_dataset(
        "x",
        data=sample("f4", (5, 6, 7, 8), "cube"),
        chunks=(2, 4, 3, 5),
        maxshape=(5, 6, None, 8),
        compression="gzip",
    )


def wide_chunk(file: h5py.File) -> None:
    """A chunk larger than the dataset, as ICESat-2 writes them all."""
    file.create_dataset("x", data=sample("f8", (177,), "w"), chunks=(10_000,), maxshape=(None,))
    made = file.create_dataset(
        "y", data=sample("i1", (60, 5), "y"), chunks=(1000, 9), maxshape=(None, None), compression=4
    )
    made.resize((70, 5))


def shrunk(file: h5py.File, **options: Any) -> None:
    """Cut and grown again: chunks outside are dropped, rows inside a kept chunk are filled."""
    made = file.create_dataset(
        "x",
        data=sample("i4", (50, 20), "x"),
        chunks=(7, 6),
        maxshape=(None, None),
        fillvalue=-1,
        **options,
    )
    made.resize((24, 9))
    made.resize((40, 15))
    still = file.create_dataset("y", data=sample("i4", (50,), "y"), chunks=(8,), maxshape=(None,))
    still.resize((13,))


def unwritten(file: h5py.File, **options: Any) -> None:
    """Some chunks were written, some not, in one dataset none at all."""
    grid = file.create_dataset("some", (20, 20), "f4", chunks=(6, 6), fillvalue=-9.5, **options)
    grid[0, 0] = 1
    grid[13:15, 3:9] = 2
    row = file.create_dataset(
        "grown", (50,), "i8", chunks=(4,), maxshape=(None,), fillvalue=3, **options
    )
    row[30:33] = 5
    file.create_dataset("none", (9, 9), "u2", chunks=(4, 4), fillvalue=77, **options)


def interleaved(file: h5py.File) -> None:
    """Chunks of two datasets in turns, from the last to the first: offsets do not ascend."""
    made = [file.create_dataset(n, (64,), "i4", chunks=(8,), compression="gzip") for n in "ab"]
    for start in range(56, -8, -8):
        for dataset in made:
            dataset[start : start + 8] = np.arange(start, start + 8)
            file.flush()


ROWS: dict[str, Callable[[h5py.File], None]] = {
    "compact": compact,
    "contiguous": contiguous,
    "scalars": scalars,
    "single": whole,
    "single-deflate": partial(whole, compression="gzip"),
    "implicit": implicit,
    "fixed": partial(line, 20),
    "fixed-deflate": partial(line, 20, compression="gzip"),
    "fixed-paged": partial(line, 2500),
    "fixed-paged-deflate": partial(line, 2500, compression="gzip"),
    "fixed-paged-sparse": partial(sparse, 5000, (3, 2049, 4999), grows=False),
    "growing-3": partial(line, 3, grows=True),
    "growing-30": partial(line, 30, grows=True),
    "growing-30-deflate": partial(line, 30, grows=True, compression="gzip"),
    "growing-3000": partial(line, 3000, grows=True),
    "growing-3000-deflate": partial(line, 3000, grows=True, compression="gzip"),
    "growing-sparse": partial(sparse, 1100, (1, 17, 900, 1099), grows=True),
    "growing-plane": partial(plane, 9, 7, grow=1),
    "growing-both": partial(plane, 4, 5, grow=2),
    "growing-both-800": partial(plane, 20, 40, grow=2),
    "growing-both-800-deflate": partial(plane, 20, 40, grow=2, compression="gzip"),
    "plane": partial(plane, 6, 5),
    "plane-deflate": partial(plane, 6, 5, compression="gzip"),
    "cube": cube,
    "wide-chunk": wide_chunk,
    "shrunk": shrunk,
    "shrunk-deflate": partial(shrunk, compression="gzip"),
    "unwritten": unwritten,
    "unwritten-deflate": partial(unwritten, compression="gzip"),
    "interleaved": interleaved,
}


def deep_tree(file: h5py.File) -> None:
    """12,000 chunks: three levels of either B-tree."""
    values = np.arange(12_000, dtype="u2")
    file.create_dataset("line", data=values, chunks=(1,), maxshape=(None,))
    file.create_dataset(
        "plane", data=values.reshape(100, 120), chunks=(1, 1), maxshape=(None, None)
    )


PAGED = 131_060
"""From this chunk on, an extensible array keeps its chunks in data blocks with pages."""


def far_apart(file: h5py.File, **options: Any) -> None:
    """Written in the index block, in data blocks of several super blocks, and in their pages."""
    sparse(PAGED + 3000, (1, 17, 900, PAGED, PAGED + 2999), file, grows=True, **options)


def _row(what: str, write: Write, libver: str) -> Case:
    return Case(f"layout/{what}/{libver}", write, libver)


CASES = (
    *(_row(what, write, libver) for what, write in ROWS.items() for libver in LIBVERS),
    *(_row("deep-tree", deep_tree, libver) for libver in ("earliest", "latest")),
    _row("far-apart", far_apart, "latest"),
    _row("far-apart-deflate", partial(far_apart, compression="gzip"), "latest"),
)
