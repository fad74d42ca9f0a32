"""h5coro-hidefix: an index by hidefix, ranges by obstore, decoding in Rust."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import h5coro_hidefix
import obstore
from obstore.store import S3Store

from benchmarks.download import download, store_of
from benchmarks.kept import kept_file
from benchmarks.peer import Peer, side_by_side
from benchmarks.place import Place, Target
from benchmarks.slices import Rows, read_arrays
from benchmarks.workload import Workload

__all__ = ["PEER"]

AT_ONCE = 32
"""Arrays that are read side by side; granules are fetched four at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hidefix:
    """``Index.read_plan``, ``obstore.get_ranges``, ``Index.read_from_buffers``.

    It makes an index of local files only: cold, the granule is fetched whole, indexed, and
    read from the copy. With the index kept only the chunks that are wanted are fetched, with
    what obstore thinks best to fetch along.
    """

    title: str = "h5coro-hidefix"
    packages: tuple[str, ...] = ("h5coro-hidefix", "obstore")
    keeps: str = "index"
    most: int = 0

    def read(self, target: Target, workload: Workload) -> Mapping[str, Any]:
        """Find or make the indexes, then read."""
        folder = Path(tempfile.mkdtemp(prefix="cryodata-bench-hidefix-"))
        try:
            files: list[Rows] = side_by_side(partial(_file, folder=folder), target.places, 4)
            return read_arrays(files, target, workload, AT_ONCE)
        finally:
            shutil.rmtree(folder)


def _file(place: Place, folder: Path) -> Rows:
    """Reads rows: from the wire where the index is kept, else from a new copy."""
    kept = kept_file(place, "hidefix")
    if kept.exists():
        index = h5coro_hidefix.Index.load(str(kept), source=place.path or None)
        return (
            partial(_local, index)
            if place.path
            else partial(_remote, index, store_of(place), place)
        )
    index = h5coro_hidefix.Index(str(download(place, folder)))
    index.save(str(kept))
    return partial(_local, index)


def _local(index: Any, path: str, rows: slice | None) -> Any:
    return index.read(f"/{path}", *_ends(rows))


def _remote(index: Any, store: S3Store, place: Place, path: str, rows: slice | None) -> Any:
    addresses, sizes, _ = index.read_plan(f"/{path}", *_ends(rows))
    starts, ends = addresses.tolist(), (addresses + sizes).tolist()
    stored = obstore.get_ranges(store, place.key, starts=starts, ends=ends)
    return index.read_from_buffers(f"/{path}", stored, *_ends(rows))


def _ends(rows: slice | None) -> tuple[int, ...]:
    return () if rows is None else (rows.start, rows.stop)


PEER: Peer = Hidefix()
