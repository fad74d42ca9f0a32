"""cryodata itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cryodata
from benchmarks.peer import Peer
from benchmarks.place import Target
from benchmarks.workload import Workload

__all__ = ["PEER"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cryodata:
    """``cryodata.open(..., region=...)``, all beams and granules in one Dataset."""

    title: str = "cryodata"
    packages: tuple[str, ...] = ("cryodata-earth", "obstore", "deflate", "numpy")
    keeps: str = "index"
    most: int = 0

    def read(self, target: Target, workload: Workload) -> Mapping[str, Any]:
        """Load all of the Dataset in one plan."""
        ours = {
            workload.longitude: "longitude",
            workload.latitude: "latitude",
            "delta_time": "time",
        }
        with cryodata.open(
            [place.s3 for place in target.places],
            region=target.box,
            variables=[name for name in workload.variables if name not in ours],
            beams=workload.beams,
            storage_options=target.storage_options,
        ) as dataset:
            loaded = dataset.cryo.load()
            return {name: loaded[ours.get(name, name)].values for name in workload.variables}


PEER: Peer = Cryodata()
