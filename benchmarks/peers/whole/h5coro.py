"""h5coro: 4 MiB lines of cache, one thread per array."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from h5coro import filedriver, h5coro, webdriver

from benchmarks.peer import Peer
from benchmarks.place import Place, Target
from benchmarks.workload import Workload

__all__ = ["PEER", "open_file"]


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
        file = open_file(place)
        promise = file.readDatasets(workload.paths(), block=True)
        return {path: promise[path] for path in workload.paths()}


def open_file(place: Place) -> Any:
    """The granule, on the wire or on the disk."""
    if place.path:
        return h5coro.H5Coro(place.path, filedriver.FileDriver, credentials=None)
    return h5coro.H5Coro(place.http, webdriver.HTTPDriver, credentials=None)


PEER: Peer = H5Coro()
