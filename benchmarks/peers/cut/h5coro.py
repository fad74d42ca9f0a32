"""h5coro: coordinates first, then the rows of the other arrays by its hyperslices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from benchmarks.box import inside, span
from benchmarks.peer import Peer, one_after_the_other, side_by_side
from benchmarks.peers.whole.h5coro import open_file
from benchmarks.place import Place, Target
from benchmarks.workload import Workload

__all__ = ["PEER"]


@dataclass(frozen=True, slots=True, kw_only=True)
class H5Coro:
    """All arrays of a step in one call; several granules side by side."""

    title: str = "h5coro"
    packages: tuple[str, ...] = ("h5coro", "requests")
    keeps: str = ""
    most: int = 0

    def read(self, target: Target, workload: Workload) -> Mapping[str, Any]:
        """Cut each granule by itself."""
        cut = partial(_cut, target=target, workload=workload)
        parts = [part for parts in side_by_side(cut, target.places) for part in parts]
        return one_after_the_other(parts, workload)


def _cut(place: Place, target: Target, workload: Workload) -> list[dict[str, Any]]:
    """The rows of each beam of one granule."""
    assert target.box is not None
    x, y = workload.longitude, workload.latitude
    others = [name for name in workload.variables if name not in {x, y}]
    groups = workload.groups()
    with open_file(place) as file:
        where = _read(file, {f"{group}/{name}": [] for group in groups for name in (x, y)})
        chosen = {g: inside(where[f"{g}/{x}"], where[f"{g}/{y}"], target.box) for g in groups}
        rows = {group: span(mask) for group, mask in chosen.items() if mask.any()}
        read = _read(
            file,
            {
                f"{group}/{name}": [[run.start, run.stop]]
                for group, run in rows.items()
                for name in others
            },
        )
    parts = []
    for group, run in rows.items():
        part = {name: where[f"{group}/{name}"][run] for name in (x, y)}
        part |= {name: read[f"{group}/{name}"] for name in others}
        mask = chosen[group][run]
        parts.append({n: None if v is None else np.asarray(v)[mask] for n, v in part.items()})
    return parts


def _read(file: Any, slices: Mapping[str, list[list[int]]]) -> dict[str, Any]:
    """Arrays by path, whole where the slice is empty; None where h5coro gave up."""
    if not slices:
        return {}
    asked = [{"dataset": path, "hyperslice": part} for path, part in slices.items()]
    promise = file.readDatasets(asked, block=True)
    return {path: promise[path] for path in slices}


PEER: Peer = H5Coro()
