"""The jobs, by name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from benchmarks.workload import Workload
from benchmarks.workloads import (
    atl03_box,
    atl03_box_paged,
    atl03_photons,
    atl06_box,
    atl06_box_paged,
    atl06_one_beam,
    atl06_six_beams,
    atl06_twenty,
)

__all__ = ["WORKLOADS"]

WORKLOADS: Mapping[str, Workload] = MappingProxyType(
    {
        module.WORKLOAD.name: module.WORKLOAD
        for module in (
            atl06_one_beam,
            atl06_six_beams,
            atl03_photons,
            atl06_box,
            atl06_box_paged,
            atl03_box,
            atl03_box_paged,
            atl06_twenty,
        )
    }
)
