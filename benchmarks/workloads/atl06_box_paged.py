"""The same as `atl06_box`, of a granule laid out as release 007."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.workloads import atl06_box

__all__ = ["WORKLOAD"]

WORKLOAD = replace(
    atl06_box.WORKLOAD,
    name="atl06_box_paged",
    title="50 km box of one ATL06, six beams, five variables, release 007 (paged)",
    granules="ATL06 007",
)
