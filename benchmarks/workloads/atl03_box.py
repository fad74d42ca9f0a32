"""50 km of a strong beam of ATL03: 4 % of its photons."""

from __future__ import annotations

from benchmarks.workload import Workload

__all__ = ["WORKLOAD"]

WORKLOAD = Workload(
    name="atl03_box",
    title="50 km box of one ATL03 beam, five variables, release 006",
    granules="ATL03",
    beams=("gt1r",),
    group="heights",
    variables=("h_ph", "lat_ph", "lon_ph", "delta_time", "signal_conf_ph"),
    longitude="lon_ph",
    latitude="lat_ph",
    box=50.0,
)
