"""The same as `atl03_box`, of a granule laid out as release 007."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.workloads import atl03_box

__all__ = ["WORKLOAD"]

WORKLOAD = replace(
    atl03_box.WORKLOAD,
    name="atl03_box_paged",
    title="50 km box of one ATL03 beam, five variables, release 007 (paged)",
    granules="ATL03 007",
)
