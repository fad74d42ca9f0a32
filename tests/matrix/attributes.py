"""Attributes by number and size: in the header, in continuation blocks, in heaps and B-trees."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import h5py
import numpy as np
from h5py import h5a, h5d, h5p, h5s, h5t

from tests.matrix.case import LIBVERS, Case, rng_of

__all__ = ["CASES"]


def many(count: int, file: h5py.File) -> None:
    """`count` attributes on the root, on a group and on a dataset."""
    for thing in (file, file.create_group("g"), file.create_dataset("x", data=np.arange(3))):
        for number in range(count):
            thing.attrs[f"attribute {number:05d}"] = np.float32(number)


def late(file: h5py.File) -> None:
    """Attributes added in turns to many objects: headers continue in blocks all over the file."""
    made = [file.create_dataset(f"d{i}", data=np.arange(i + 1)) for i in range(6)]
    for turn in range(7):
        for dataset in made:
            dataset.attrs[f"turn {turn}"] = f"text of turn {turn} " * (turn + 1)


def removed(file: h5py.File) -> None:
    """Attributes taken away and renamed: gaps and null messages remain."""
    made = file.create_dataset("x", data=1)
    for number in range(20):
        made.attrs[f"a{number}"] = np.arange(number)
    for number in range(0, 20, 3):
        del made.attrs[f"a{number}"]
    h5a.rename(made.id, b"a1", b"renamed to something much longer than before")
    made.attrs["a2"] = "of another type"


def large(file: h5py.File) -> None:
    """Near the header's limit of 64 kB, far above it (a huge object in the heap), and empty."""
    made = file.create_dataset("x", data=1)
    made.attrs["near"] = np.arange(16_000, dtype="<i4")
    if file.libver[0] != "earliest":
        made.attrs["above"] = np.arange(300_000, dtype="<f8")
        made.attrs["text"] = np.bytes_(b"0123456789" * 10_000)
    made.attrs["long text"] = "0123456789" * 30_000  # lies in the global heap
    made.attrs["empty"] = h5py.Empty("<f4")
    made.attrs["empty text"] = h5py.Empty("S3")
    made.attrs["no elements"] = np.empty((0, 3), "i2")


def names(file: h5py.File) -> None:
    """Names beyond ASCII, of one letter, with dots and slashes, and very long."""
    for thing in (file, file.create_dataset("x", data=1)):
        for number, name in enumerate(("h\u00f6he", "\u6c34\u2744", "a", "a.b/c d", "n" * 2000)):
            thing.attrs[name] = number


def mixed_sizes(file: h5py.File) -> None:
    """Hundreds of attributes of 1 byte to 4 kB on one object: a fractal heap of many blocks."""
    made = file.create_dataset("x", data=1)
    rng = rng_of("mixed sizes")
    for number in range(450):
        made.attrs[f"a{number}"] = rng.integers(0, 256, int(rng.integers(1, 4000)), dtype="u1")


def scales(file: h5py.File) -> None:
    """Dimension scales: own, shared, two on one axis, in another group, one lost."""
    heights = file.create_dataset("g/heights", data=np.ones((4, 3)))
    for name, size, axis in (("time", 4, 0), ("also_time", 4, 0), ("xyz", 3, 1)):
        scale = file.create_dataset(f"g/{name}", data=np.arange(size))
        scale.make_scale(name)
        heights.dims[axis].attach_scale(scale)
    other = file.create_dataset("other/x", data=np.zeros(3))
    other.dims[0].attach_scale(file["g/xyz"])
    other.dims[0].label = "axis"
    lost = file.create_dataset("lost", data=np.arange(3))
    lost.make_scale("lost")
    file["other"].create_dataset("y", data=np.zeros(3)).dims[0].attach_scale(lost)
    del file["lost"]


ROWS: dict[str, Callable[[h5py.File], None]] = {
    "1": partial(many, 1),
    "8": partial(many, 8),
    "9": partial(many, 9),
    "60": partial(many, 60),
    "600": partial(many, 600),
    "late": late,
    "removed": removed,
    "large": large,
    "names": names,
    "mixed-sizes": mixed_sizes,
    "scales": scales,
}


def dense(file: h5py.File) -> None:
    """Dense from the first on, indexed by name and by creation order."""
    dcpl = h5p.create(h5p.DATASET_CREATE)
    dcpl.set_attr_phase_change(0, 0)
    dcpl.set_attr_creation_order(h5p.CRT_ORDER_TRACKED | h5p.CRT_ORDER_INDEXED)
    made = h5d.create(file.id, b"x", h5t.NATIVE_INT8, h5s.create_simple((3,)), dcpl)
    for number in range(3):
        h5py.Dataset(made).attrs[f"a{number}"] = np.arange(number)


CASES = (
    *(
        Case(f"attributes/{what}/{libver}", write, libver)
        for what, write in ROWS.items()
        for libver in LIBVERS
    ),
    *(
        Case(f"attributes/ordered-{what}/{libver}", ROWS[what], libver, {"track_order": True})
        for what in ("8", "60", "late")
        for libver in ("earliest", "latest")
    ),
    Case("attributes/dense", dense, "v108"),
)
