"""What all bombs are made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

__all__ = ["CORRUPT", "DAMAGED", "FINE", "LIMITED", "REFUSED", "Bomb", "create"]

FINE = np.arange(10)
DAMAGED = ("FormatError",)
LIMITED = ("LimitExceededError",)
REFUSED = ("FormatError", "LimitExceededError")
CORRUPT = ("ChunkCorruptError",)


@dataclass(frozen=True, slots=True)
class Bomb:
    """One hostile file.

    Attributes
    ----------
    name : str
    build : callable
        Writes it to a path.
    where : str
        The object whose values, structure or attribute (``/x@a``) is refused; empty
        where the file as a whole is; ``-`` where nothing is, and all is as h5py reads it.
    errors : tuple of str
        Classes that say so.
    """

    name: str
    build: Callable[[Path], None]
    where: str
    errors: tuple[str, ...] = ()


def create(path: Path, libver: str = "earliest") -> h5py.File:
    file = h5py.File(path, "w", libver=libver)
    file["fine"] = FINE
    return file
