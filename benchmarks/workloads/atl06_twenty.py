"""The same as `atl06_box`, of many granules, of which some have rows in the box."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.workloads import atl06_box

__all__ = ["WORKLOAD"]

WORKLOAD = replace(
    atl06_box.WORKLOAD,
    name="atl06_twenty",
    title="50 km box of 20 ATL06 granules, six beams, five variables",
    granules="ATL06 x 20",
)
