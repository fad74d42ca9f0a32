"""The whole object first, in parts side by side; then h5py on the copy."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import h5py

from benchmarks.download import download
from benchmarks.peer import Peer, side_by_side
from benchmarks.place import Place, Target
from benchmarks.slices import read_arrays
from benchmarks.workload import Workload

__all__ = ["PEER", "Download"]

AT_ONCE = 4
"""Granules that are fetched side by side, with 16 requests each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """Fetches to the folder for temporary files; one array after the other is then read.

    Of a local file there is nothing to fetch: then this is h5py.
    """

    title: str = "download, then h5py"
    packages: tuple[str, ...] = ("h5py", "obstore")
    keeps: str = ""
    most: int = 0

    def read(self, target: Target, workload: Workload) -> Mapping[str, Any]:
        """Fetch all granules, then read."""
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            paths = side_by_side(partial(_fetch, to=folder), target.places, AT_ONCE)
            opened = [stack.enter_context(h5py.File(path)) for path in paths]
            return read_arrays([partial(_rows, file) for file in opened], target, workload, 1)


def _fetch(place: Place, to: Path) -> Path:
    return download(place, to)


def _rows(file: Any, path: str, rows: slice | None) -> Any:
    return file[path][() if rows is None else rows]


PEER: Peer = Download()
