"""What stands where nothing was written: each fill value, fill time and allocation time."""

from __future__ import annotations

from functools import partial
from typing import Any

import h5py
import numpy as np
from h5py import h5d, h5p, h5s, h5t

from tests.matrix.case import Case

__all__ = ["CASES"]

ALLOCATIONS = {
    "default": h5d.ALLOC_TIME_DEFAULT,
    "early": h5d.ALLOC_TIME_EARLY,
    "late": h5d.ALLOC_TIME_LATE,
    "incremental": h5d.ALLOC_TIME_INCR,
}
FILL_TIMES = {"alloc": h5d.FILL_TIME_ALLOC, "ifset": h5d.FILL_TIME_IFSET}
VALUES: dict[str, Any] = {
    "f4": np.float32(-9999.5),
    "nan": np.float64("nan"),
    "big-endian": np.array(3.4028235e38, ">f4"),
    "i8": np.int64(-(2**63)),
    "u8": np.uint64(2**64 - 1),
    "bool": np.bool_(True),
    "string": np.bytes_(b"none"),
    "compound": np.array((7, -1.5), [("a", "<i2"), ("b", "<f8")]),
}


def create(
    file: h5py.File, name: str, value: Any, *, chunks: bool, time: int, allocation: int
) -> h5py.Dataset:
    value = np.asarray(value)
    dcpl = h5p.create(h5p.DATASET_CREATE)
    if chunks:
        dcpl.set_chunk((4,))
        dcpl.set_deflate(3)
    dcpl.set_fill_value(value)
    dcpl.set_fill_time(time)
    dcpl.set_alloc_time(allocation)
    space = h5s.create_simple((11,), (h5s.UNLIMITED if chunks else 11,))
    tid = h5t.py_create(value.dtype, logical=True)
    return h5py.Dataset(h5d.create(file.id, name.encode(), tid, space, dcpl))


def write_times(time: int, file: h5py.File) -> None:
    """Every allocation time, contiguous and chunked, never written and half written."""
    for what, allocation in ALLOCATIONS.items():
        for chunks in (False, True):
            name = f"{what}-{'chunked' if chunks else 'contiguous'}"
            if allocation == h5d.ALLOC_TIME_INCR and not chunks:
                continue  # HDF5 allows it for chunked data only
            create(file, name, np.float32(-3), chunks=chunks, time=time, allocation=allocation)
            half = create(
                file,
                f"{name}-half",
                np.float32(-3),
                chunks=chunks,
                time=time,
                allocation=allocation,
            )
            half[:5] = np.arange(5)


def write_values(value: Any, file: h5py.File) -> None:
    """One fill value: contiguous, chunked, grown past what was written."""
    time, allocation = h5d.FILL_TIME_IFSET, h5d.ALLOC_TIME_DEFAULT
    create(file, "contiguous", value, chunks=False, time=time, allocation=allocation)
    create(file, "chunked", value, chunks=True, time=time, allocation=allocation)
    grown = create(file, "grown", value, chunks=True, time=time, allocation=allocation)
    grown[:3] = np.zeros(3, np.asarray(value).dtype)
    grown.resize((30,))


def write_defaults(file: h5py.File) -> None:
    """No fill value said: zeros of every type."""
    for name, dtype in (("f", "<f4"), ("i", ">i2"), ("s", "S4"), ("b", "?")):
        file.create_dataset(name, (9,), dtype, chunks=(4,))
        file.create_dataset(f"{name} contiguous", (9,), dtype)


CASES = tuple(
    case
    for libver in ("earliest", "v108", "latest")
    for case in (
        *(
            Case(f"fill/time-{what}/{libver}", partial(write_times, time), libver)
            for what, time in FILL_TIMES.items()
        ),
        *(
            Case(f"fill/{what}/{libver}", partial(write_values, value), libver)
            for what, value in VALUES.items()
        ),
        Case(f"fill/none/{libver}", write_defaults, libver),
    )
)
