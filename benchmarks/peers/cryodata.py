"""cryodata itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

import cryodata
from benchmarks.peer import Peer
from benchmarks.place import Place
from benchmarks.workload import Workload

__all__ = ["PEER"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cryodata:
    """``cryodata.open(...)``, all beams and variables in one Dataset."""

    title: str = "cryodata"
    packages: tuple[str, ...] = ("cryodata-earth", "obstore", "deflate", "numpy")
    keeps_index: bool = True

    def read(self, place: Place, workload: Workload) -> Mapping[str, Any]:
        """Take the values of each variable and cut the rows into beams again."""
        dataset = cryodata.open(
            place.s3,
            variables=workload.variables,
            beams=workload.beams,
            storage_options=place.storage_options,
        )
        values = {name: dataset[name].values for name in workload.variables}
        stops = np.cumsum(dataset["rowSize"].values)
        rows = {
            str(beam): slice(stop - size, stop)
            for beam, stop, size in zip(
                dataset["beam"].values, stops, dataset["rowSize"].values, strict=True
            )
        }
        return {
            f"{beam}/{workload.group}/{name}": values[name][rows[beam]]
            for beam in workload.beams
            for name in workload.variables
        }


PEER: Peer = Cryodata()
