"""One file of the matrix: a name, how to write it, and with which library bounds."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np

__all__ = ["LIBVERS", "Case", "new_file", "rng_of", "sample"]

LIBVERS = ("earliest", "v108", "v110", "latest")
"""Lower library bounds: each brings its own headers, groups and chunk indexes."""

Write = Callable[[h5py.File], None]


def new_file(path: Path, libver: str, options: Mapping[str, Any]) -> h5py.File:
    """An empty file, as h5py makes it."""
    return h5py.File(path, "w", libver=libver, **options)


@dataclass(frozen=True, slots=True)
class Case:
    """A file to write with h5py and to read with both readers.

    Attributes
    ----------
    name : str
        ``part/what/libver``; the test's id, and the seed of its data.
    write : callable
        Fills the open file.
    libver : str
        Lower library bound.
    options : mapping
        Further arguments of ``h5py.File``.
    create : callable
        Makes the empty file, where ``h5py.File`` cannot.
    """

    name: str
    write: Write
    libver: str = "earliest"
    options: Mapping[str, Any] = field(default_factory=dict)
    create: Callable[[Path, str, Mapping[str, Any]], h5py.File] = new_file

    def make(self, path: Path) -> None:
        """Write the file to `path`."""
        with self.create(path, self.libver, self.options) as file:
            self.write(file)


def rng_of(name: str) -> np.random.Generator:
    """A generator seeded by a name: a case keeps its data when others come and go."""
    return np.random.default_rng(zlib.crc32(name.encode()))


def sample(dtype: np.dtype[Any] | str, shape: tuple[int, ...], seed: str) -> np.ndarray[Any, Any]:
    """Random values of any fixed-size dtype, every bit in use; floats include NaN and inf."""
    dtype = np.dtype(dtype)
    rng = rng_of(seed)
    if dtype.kind == "b":
        return rng.integers(0, 2, shape).astype(bool)
    count = int(np.prod(shape, dtype=np.int64))
    raw = rng.integers(0, 256, count * dtype.itemsize, dtype=np.uint8)
    if dtype.kind == "S":
        raw = raw % 26 + 97
    values = np.frombuffer(raw.tobytes(), dtype)
    return values[:count].reshape(shape).copy()
