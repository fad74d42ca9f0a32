"""cryodata itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

import cryodata
from benchmarks.peer import Peer
from benchmarks.place import Target
from benchmarks.workload import Workload

__all__ = ["PEER", "read_whole"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cryodata:
    """``cryodata.open(...)``, all beams and variables in one Dataset."""

    title: str = "cryodata"
    packages: tuple[str, ...] = ("cryodata-earth", "obstore", "deflate", "numpy")
    keeps: str = "index"
    most: int = 0

    def read(self, target: Target, workload: Workload) -> Mapping[str, Any]:
        """Open the one granule, and read it."""
        (place,) = target.places
        return read_whole(place.url, target, workload)


def read_whole(
    what: Any, target: Target, workload: Workload, options: cryodata.Options | None = None
) -> Mapping[str, Any]:
    """Take the values of each variable and cut the rows into beams again."""
    with cryodata.open(
        what,
        variables=workload.variables,
        beams=workload.beams,
        storage_options=target.storage_options or None,
        options=options,
    ) as dataset:
        values = {name: dataset[name].values for name in workload.variables}
        sizes = dict(zip(dataset["beam"].values, dataset["rowSize"].values, strict=True))
    stops = dict(zip(sizes, np.cumsum(list(sizes.values())), strict=True))
    rows = {beam: slice(stop - sizes[beam], stop) for beam, stop in stops.items()}
    return {
        f"{beam}/{workload.group}/{name}": values[name][rows[beam]]
        for beam in workload.beams
        for name in workload.variables
    }


PEER: Peer = Cryodata()
