"""The same as `atl06_one_beam`, of all beams."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.workload import BEAMS
from benchmarks.workloads import atl06_one_beam

__all__ = ["WORKLOAD"]

WORKLOAD = replace(
    atl06_one_beam.WORKLOAD,
    name="atl06_six_beams",
    title="four variables of six ATL06 beams",
    beams=BEAMS,
)
