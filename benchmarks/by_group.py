"""A job done on one Dataset of xarray for each beam of each granule."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import xarray as xr

from benchmarks.box import inside, span
from benchmarks.peer import one_after_the_other, side_by_side
from benchmarks.place import Target
from benchmarks.workload import Workload

__all__ = ["BEAMS_AT_ONCE", "Opener", "read_groups"]

BEAMS_AT_ONCE = 32
Opener = Callable[[], xr.Dataset]


def read_groups(
    openers: Sequence[Opener], target: Target, workload: Workload, at_once: int = BEAMS_AT_ONCE
) -> Mapping[str, Any]:
    """All that is wanted, as `Peer.read` returns it.

    Parameters
    ----------
    openers : sequence of callable
        One for each beam, granule by granule, in the order of `Workload.groups`.
    target : Target
        With a box, coordinates are loaded first, then the run of rows that is wanted.
    workload : Workload
    at_once : int
        Beams that are read side by side.
    """
    if target.box is None:
        whole = side_by_side(partial(_whole, workload=workload), openers, at_once)
        return {
            f"{group}/{name}": arrays[name]
            for group, arrays in zip(workload.groups(), whole, strict=True)
            for name in workload.variables
        }
    cut = partial(_cut, target=target, workload=workload)
    parts = [part for part in side_by_side(cut, openers, at_once) if part is not None]
    return one_after_the_other(parts, workload)


def _whole(opener: Opener, workload: Workload) -> dict[str, Any]:
    with opener() as dataset:
        loaded = dataset[list(workload.variables)].load()
        return {name: loaded[name].values for name in workload.variables}


def _cut(opener: Opener, target: Target, workload: Workload) -> dict[str, Any] | None:
    """The rows of one beam of one granule, None where there are none."""
    assert target.box is not None
    with opener() as dataset:
        latitude = dataset[workload.latitude]
        chosen = inside(dataset[workload.longitude].values, latitude.values, target.box)
        if not chosen.any():
            return None
        run = span(chosen)
        loaded = dataset[list(workload.variables)].isel({latitude.dims[0]: run}).load()
        return {name: np.asarray(loaded[name].values)[chosen[run]] for name in workload.variables}
