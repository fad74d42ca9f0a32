"""cryodata itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cryodata
from benchmarks.peer import Peer
from benchmarks.place import Target
from benchmarks.workload import Workload

__all__ = ["PEER", "read_cut"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cryodata:
    """``cryodata.open(..., region=...)``, all beams and granules in one Dataset."""

    title: str = "cryodata"
    packages: tuple[str, ...] = ("cryodata-earth", "obstore", "deflate", "numpy")
    keeps: str = "index"
    most: int = 0

    def read(self, target: Target, workload: Workload) -> Mapping[str, Any]:
        """Open all granules, and read the box."""
        return read_cut([place.url for place in target.places], target, workload)


def read_cut(
    what: Any, target: Target, workload: Workload, options: cryodata.Options | None = None
) -> Mapping[str, Any]:
    """Load all of the Dataset in one plan."""
    ours = {
        workload.longitude: "longitude",
        workload.latitude: "latitude",
        "delta_time": "time",
    }
    with cryodata.open(
        what,
        region=target.box,
        variables=[name for name in workload.variables if name not in ours],
        beams=workload.beams,
        storage_options=target.storage_options or None,
        options=options,
    ) as dataset:
        loaded = dataset.cryo.load()
        return {name: loaded[ours.get(name, name)].values for name in workload.variables}


PEER: Peer = Cryodata()
