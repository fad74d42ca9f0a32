"""pyfive: chunks of an array in one bulk request of fsspec."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyfive
import s3fs

from benchmarks.peer import Peer
from benchmarks.place import Place, Target
from benchmarks.workload import Workload

__all__ = ["PEER", "open_file"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pyfive:
    """One array after the other on a file of s3fs with small blocks, its fastest setting.

    pyfive fetches chunks past the file object: what the file caches serves structure only.
    """

    title: str = "pyfive"
    packages: tuple[str, ...] = ("pyfive", "s3fs", "fsspec")
    keeps: str = ""
    most: int = 0

    def read(self, target: Target, workload: Workload) -> Mapping[str, Any]:
        """Read arrays in turn."""
        (place,) = target.places
        arrays = {}
        with open_file(place) as opened:
            file = pyfive.File(opened)
            for path in workload.paths():
                arrays[path] = file[path][()]
        return arrays


def open_file(place: Place) -> Any:
    """The granule, on the wire or on the disk."""
    if place.path:
        return Path(place.path).open("rb")
    filesystem = s3fs.S3FileSystem(**place.storage_options)
    return filesystem.open(place.s3, cache_type="blockcache", block_size=1 << 20)


PEER: Peer = Pyfive()
