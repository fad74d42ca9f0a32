"""pyfive: coordinates first, then slices, on a file of s3fs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import pyfive

from benchmarks.box import inside, span
from benchmarks.peer import Peer, one_after_the_other, side_by_side
from benchmarks.peers.whole.pyfive import open_file
from benchmarks.place import Place, Target
from benchmarks.workload import Workload

__all__ = ["PEER"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pyfive:
    """One array after the other, as `whole.pyfive`; several granules side by side."""

    title: str = "pyfive"
    packages: tuple[str, ...] = ("pyfive", "s3fs", "fsspec")
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
    parts = []
    with open_file(place) as opened:
        file = pyfive.File(opened)
        for group in workload.groups():
            known = {name: file[f"{group}/{name}"][()] for name in (x, y)}
            chosen = inside(known[x], known[y], target.box)
            if not chosen.any():
                continue
            rows = span(chosen)
            part = {
                name: known[name][rows] if name in known else file[f"{group}/{name}"][rows]
                for name in workload.variables
            }
            parts.append({name: values[chosen[rows]] for name, values in part.items()})
    return parts


PEER: Peer = Pyfive()
