"""What is done to the bytes of a chunk: each filter and each pipeline seen in the wild."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any
from zlib import compress

import h5py
import numpy as np
from h5py import h5d, h5p, h5s, h5t, h5z

from tests.matrix.case import Case, sample
from tests.matrix.native import hdf5_library

__all__ = ["CASES"]

Pipeline = Callable[[h5p.PropDCID], None]


def pipeline(*steps: Callable[[Any], None]) -> Pipeline:
    """Filters in the order of writing."""

    def apply(dcpl: Any) -> None:
        for step in steps:
            step(dcpl)

    return apply


def deflate(dcpl: Any, level: int = 6) -> None:
    dcpl.set_deflate(level)


def shuffle(dcpl: Any) -> None:
    dcpl.set_shuffle()


def fletcher32(dcpl: Any) -> None:
    dcpl.set_fletcher32()


def lzf(dcpl: Any) -> None:
    dcpl.set_filter(h5z.FILTER_LZF, h5z.FLAG_OPTIONAL)


def scale_offset_whole(dcpl: Any) -> None:
    dcpl.set_scaleoffset(h5z.SO_INT, 0)


def nbit(dcpl: Any) -> None:
    dcpl.set_filter(h5z.FILTER_NBIT, h5z.FLAG_OPTIONAL)


def szip(dcpl: Any) -> None:
    dcpl.set_szip(h5z.SZIP_NN_OPTION_MASK, 8)


PIPELINES = {
    "none": pipeline(),
    "deflate": pipeline(deflate),
    "deflate-0": pipeline(partial(deflate, level=0)),
    "deflate-9": pipeline(partial(deflate, level=9)),
    "shuffle": pipeline(shuffle),
    "shuffle-deflate": pipeline(shuffle, deflate),
    "fletcher32": pipeline(fletcher32),
    "deflate-fletcher32": pipeline(deflate, fletcher32),
    "fletcher32-deflate": pipeline(fletcher32, deflate),
    "shuffle-deflate-fletcher32": pipeline(shuffle, deflate, fletcher32),
    "double-deflate": pipeline(shuffle, deflate, partial(deflate, level=4)),
    "lzf": pipeline(lzf),
    "shuffle-lzf": pipeline(shuffle, lzf),
}
RARE = {
    "scaleoffset": pipeline(scale_offset_whole),
    "nbit": pipeline(nbit),
    "szip": pipeline(szip),
}
DTYPES = ("u1", "<i2", ">i4", "<f4", "<f8")


def write_plane(apply: Pipeline, dtype: str, file: h5py.File) -> None:
    """Compressible and incompressible values in partial chunks, with one chunk left out."""
    ramp = np.arange(23 * 17).reshape(23, 17).astype(dtype)
    noise = sample(dtype, (23, 17), dtype)
    for name, values in (("ramp", ramp), ("noise", noise)):
        dcpl = h5p.create(h5p.DATASET_CREATE)
        dcpl.set_chunk((8, 8))
        dcpl.set_fill_value(np.array(3, dtype))
        apply(dcpl)
        made = h5d.create(
            file.id,
            name.encode(),
            h5t.py_create(np.dtype(dtype)),
            h5s.create_simple((23, 17)),
            dcpl,
        )
        whole = h5py.Dataset(made)
        whole[:16] = values[:16]
        whole[16:, :8] = values[16:, :8]


def write_odd_bytes(apply: Pipeline, file: h5py.File) -> None:
    """Chunks of 1 to 13 odd bytes: the ends of shuffle and fletcher32."""
    for size in range(1, 14):
        dcpl = h5p.create(h5p.DATASET_CREATE)
        dcpl.set_chunk((3,))
        apply(dcpl)
        made = h5d.create(
            file.id,
            b"S%d" % size,
            h5t.py_create(np.dtype(f"S{size}")),
            h5s.create_simple((7,)),
            dcpl,
        )
        h5py.Dataset(made)[...] = sample(f"S{size}", (7,), str(size))


def write_masked(file: h5py.File) -> None:
    """Chunks that skipped some of their filters, each saying which in its mask."""
    plain = [np.arange(8, dtype="<i4") + 10 * i for i in range(5)]
    made = file.create_dataset("x", (40,), "<i4", chunks=(8,), shuffle=True, compression="gzip")
    for number, mask in enumerate((0, 1, 2, 3)):
        values = plain[number]
        shuffled = values.view("u1").reshape(8, 4).T.tobytes()
        stored = values.tobytes() if mask & 1 else shuffled
        if not mask & 2:
            stored = compress(stored)
        made.id.write_direct_chunk((8 * number,), stored, mask)
    made[32:] = plain[4]
    grown = file.create_dataset(
        "grown", (16,), "<i4", chunks=(8,), maxshape=(None,), compression="gzip", fletcher32=True
    )
    grown.id.write_direct_chunk((0,), plain[0].tobytes(), 0b11)
    grown[8:] = plain[1]
    single = file.create_dataset("single", (8,), "<i4", chunks=(8,), compression="gzip")
    single.id.write_direct_chunk((0,), plain[2].tobytes(), 1)
    both = file.create_dataset(
        "both", (16, 8), "<i4", chunks=(8, 8), maxshape=(None, None), compression="gzip"
    )
    both.id.write_direct_chunk((8, 0), np.arange(64, dtype="<i4").tobytes(), 1)


def write_skipped(file: h5py.File) -> None:
    """An optional filter that h5py left out of every chunk, because nothing would shrink."""
    file.create_dataset("x", data=sample("u1", (48,), "noise"), chunks=(16,), compression="lzf")


def write_unfiltered_edges(file: h5py.File) -> None:
    """Partial edge chunks left unfiltered, where the file says so for all of them."""
    dcpl = h5p.create(h5p.DATASET_CREATE)
    dcpl.set_chunk((8, 8))
    dcpl.set_deflate(6)
    library = hdf5_library()
    if library is not None:
        library.H5Pset_chunk_opts(dcpl.id, 2)
    values = sample("<i4", (20, 20), "edges")
    made = h5d.create(
        file.id, b"x", h5t.py_create(values.dtype), h5s.create_simple(values.shape), dcpl
    )
    h5py.Dataset(made)[...] = values


CASES = (
    *(
        Case(f"filter/{what}/{dtype}/{libver}", partial(write_plane, apply, dtype), libver)
        for what, apply in PIPELINES.items()
        for dtype in DTYPES
        for libver in ("earliest", "latest")
    ),
    *(
        Case(f"filter/odd-bytes-{what}", partial(write_odd_bytes, PIPELINES[what]))
        for what in ("shuffle", "fletcher32", "shuffle-deflate-fletcher32", "lzf")
    ),
    *(
        Case(f"filter/{what}/{dtype}", partial(write_plane, apply, dtype))
        for what, apply in RARE.items()
        for dtype in ("u1", "<i2", ">i4")
    ),
    *(Case(f"filter/masked/{v}", write_masked, v) for v in ("earliest", "v110", "latest")),
    Case("filter/skipped", write_skipped),
    Case("filter/unfiltered-edges", write_unfiltered_edges, "v110"),
)
