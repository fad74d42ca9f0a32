"""What loading a Dataset costs: the requests of the very slices that would be read."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

import numpy as np
import xarray as xr

from cryodata.arrays.lazy import SIDE_BY_SIDE
from cryodata.arrays.parts import Reader
from cryodata.arrays.together import reads_by_variable
from cryodata.cost import Cost, Way
from cryodata.granule import GranuleFile, Wanted
from cryodata.read_plan import ReadPlan
from cryodata.tracks.classes import Classes
from cryodata.tracks.columns import Columns

__all__ = [
    "HOME",
    "REGION",
    "Part",
    "Shares",
    "cost_of",
    "cost_of_classes",
    "sums",
    "way_from_here",
]

REGION = Way(title="in the region", latency=0.04, bandwidth=1.25e9, inside=True)
HOME = Way(title="https, 100 Mb/s", latency=0.18, bandwidth=12.5e6, inside=False)
"""Ways that everybody can compare: a hub beside the data, and a home line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """Bytes needed, by what they are for.

    Attributes
    ----------
    variables : mapping of str to int
        The largest first.
    weak : int
        Of weak beams.
    """

    variables: Mapping[str, int]
    weak: int

    @property
    def total(self) -> int:
        """Of everything."""
        return sum(self.variables.values())


@dataclass(frozen=True, slots=True)
class Part:
    """Bytes needed of one dataset."""

    name: Hashable
    file: Reader
    path: str
    nbytes: int


def cost_of(dataset: xr.Dataset) -> tuple[Cost, list[Part]]:
    """What loading a Dataset costs, all of a granule together; and for which datasets."""
    wanted: dict[int, tuple[Reader, list[Hashable], list[Wanted]]] = {}
    for name, asked in reads_by_variable(dataset).items():
        for array, key in asked:
            for file, path, slices in array.wanted(array.plan(key)):
                _, names, slots = wanted.setdefault(id(file), (file, [], []))
                names.append(name)
                slots.append((path, slices))
    cost, parts = Cost(), []
    for file, names, slots in wanted.values():
        priced = file.price(slots)
        cost += _of_reads(priced)
        nbytes = np.bincount(priced.pieces.want, priced.pieces.nbytes, len(slots))
        parts += [
            Part(name, file, path, int(n))
            for name, (path, _), n in zip(names, slots, nbytes, strict=True)
        ]
    rounds = -(-len(wanted) // SIDE_BY_SIDE) if cost.requests else 0
    return replace(cost, rounds=rounds), parts


def cost_of_classes(classes: Classes, columns: Columns) -> Cost:
    """What classifying rows reads, of both products."""
    cost = Cost()
    for file, slots in classes.wanted(columns):
        priced = file.price(slots)
        cost += _of_reads(priced)
    return replace(cost, rounds=1 if cost.requests else 0)


def sums(items: Any) -> dict[str, int]:
    """Sums by name, the largest first."""
    ordered = sorted(items)
    sums = {name: sum(n for _, n in own) for name, own in groupby(ordered, lambda item: item[0])}
    return dict(sorted(sums.items(), key=lambda item: -item[1]))


def way_from_here(files: Sequence[GranuleFile], cost: Cost) -> Way:
    """The network as it was measured, or is expected."""
    network = files[0].network
    if files[0].is_local:
        return Way(title="this machine", latency=0.0, bandwidth=1e9, inside=False, local=True)
    inside = not files[0].url.startswith(("http://", "https://"))
    together = max(1, min(network.in_flight, cost.requests))
    bandwidth = min(network.bandwidth * together, REGION.bandwidth)
    return Way(title="from here", latency=network.latency, bandwidth=bandwidth, inside=inside)


def _of_reads(plan: ReadPlan) -> Cost:
    return Cost(
        requests=plan.requests,
        nbytes=plan.nbytes,
        needed=plan.needed,
        decoded=sum(want.nbytes for want in plan.wants),
    )
