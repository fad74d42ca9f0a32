"""h5coro: 4 MiB lines of cache, one thread per array."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from h5coro import h5coro, webdriver

from benchmarks.peer import Peer
from benchmarks.place import Target
from benchmarks.workload import Workload

__all__ = ["PEER"]


@dataclass(frozen=True, slots=True, kw_only=True)
class H5Coro:
    """All arrays in one call, over HTTP: its driver for S3 is slower to start."""

    title: str = "h5coro"
    packages: tuple[str, ...] = ("h5coro", "requests")
    keeps: str = ""
    most: int = 0

    def read(self, target: Target, workload: Workload) -> Mapping[str, Any]:
        """Ask for all arrays at once and wait for each."""
        (place,) = target.places
        file = h5coro.H5Coro(place.http, webdriver.HTTPDriver, credentials=None)
        promise = file.readDatasets(workload.paths(), block=True)
        return {path: promise[path] for path in workload.paths()}


PEER: Peer = H5Coro()
