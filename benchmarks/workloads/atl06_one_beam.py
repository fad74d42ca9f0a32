"""Heights of one beam of ATL06, with where they are and whether they are good."""

from __future__ import annotations

from benchmarks.workload import Workload

__all__ = ["WORKLOAD"]

WORKLOAD = Workload(
    name="atl06_one_beam",
    title="four variables of one ATL06 beam",
    granules="ATL06",
    beams=("gt1l",),
    group="land_ice_segments",
    variables=("h_li", "latitude", "longitude", "atl06_quality_summary"),
)
