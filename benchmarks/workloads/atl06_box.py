"""50 km of all beams of one ATL06: a few thousand rows of 360,000."""

from __future__ import annotations

from benchmarks.workload import BEAMS, Workload

__all__ = ["WORKLOAD"]

WORKLOAD = Workload(
    name="atl06_box",
    title="50 km box of one ATL06, six beams, five variables",
    granules="ATL06",
    beams=BEAMS,
    group="land_ice_segments",
    variables=("h_li", "latitude", "longitude", "delta_time", "atl06_quality_summary"),
    box=50.0,
)
