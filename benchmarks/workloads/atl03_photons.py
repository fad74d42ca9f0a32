"""Heights of all photons of one beam of ATL03: many chunks, all needed."""

from __future__ import annotations

from benchmarks.workload import Workload

__all__ = ["WORKLOAD"]

WORKLOAD = Workload(
    name="atl03_photons",
    title="one photon variable of one ATL03 beam",
    granules="ATL03",
    beams=("gt1l",),
    group="heights",
    variables=("h_ph",),
)
