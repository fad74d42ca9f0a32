"""Which slabs may stand beside each other as layers of one grid, and in which order."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from cryodata.errors import SelectionError
from cryodata.gridded.slabs import Slab

__all__ = ["in_order"]


def in_order(slabs: Sequence[Slab]) -> list[Slab]:
    """Slabs by their times.

    Raises
    ------
    SelectionError
        They lie on different grids, are of several releases, hold a layer twice, or it is
        not known of when one is.
    """
    if len(slabs) == 1:
        return list(slabs)
    first = slabs[0]
    for slab in slabs[1:]:
        if not _same_grid(first, slab):
            raise SelectionError(
                f"{_name(first)} and {_name(slab)} lie on different grids",
                fix="Choose by name, cd.search(..., name='*_10km_*'), or open each by itself;"
                " cryodata.open_tree takes several resolutions.",
            )
    _refuse_releases(slabs)
    if any(slab.times is None for slab in slabs):
        nameless = next(slab for slab in slabs if slab.times is None)
        raise SelectionError(
            f"Neither {_name(nameless)} nor its name tells a time to join it by",
            fix="Open it by itself, or give files under the names of their producer.",
        )
    ordered = sorted(slabs, key=_begin)
    times = np.concatenate([slab.values["time"] for slab in ordered])
    every, count = np.unique(times, return_counts=True)
    if (count > 1).any():
        twice = every[count > 1][0]
        holding = [_name(slab) for slab in ordered if twice in slab.values["time"]]
        raise SelectionError(
            f"A layer of {str(twice)[:19]} is there more than once: in {', '.join(holding[:2])}",
            fix="Keep the newer of them.",
        )
    if (np.diff(times) < np.timedelta64(0, "ns")).any():
        pairs = pairwise([slab for slab in ordered if len(slab.values["time"])])
        a, b = next((a, b) for a, b in pairs if a.values["time"][-1] > b.values["time"][0])
        raise SelectionError(
            f"The layers of {_name(a)} and {_name(b)} lie between each other",
            fix="Open each by itself.",
        )
    return ordered


def _begin(slab: Slab) -> int:
    """Nanoseconds of its first layer; what has none comes first."""
    return min(slab.values["time"].astype("i8").tolist(), default=0)


def _name(slab: Slab) -> str:
    return slab.file.url.rstrip("/").rsplit("/", 1)[-1]


def _same_grid(a: Slab, b: Slab) -> bool:
    if ("x" in a.values) != ("x" in b.values):
        return False
    axes = [axis for axis in ("x", "y") if axis in a.values]
    same = all(np.array_equal(a.values[axis], b.values[axis]) for axis in axes)
    places = [slab.places and slab.places[0].shape for slab in (a, b)]
    told = [[str(slab.projection.get(key)) for key in ("crs_wkt", "epsg_code")] for slab in (a, b)]
    return same and (bool(axes) or places[0] == places[1]) and told[0] == told[1]


def _refuse_releases(slabs: Sequence[Slab]) -> None:
    """Raise where names tell of two releases, or of layers of two lengths."""
    names = [slab.name for slab in slabs if slab.name is not None]
    steps = sorted({step for name in names if (step := dict(name.parts).get("step", ""))})
    if len(steps) > 1:
        raise SelectionError(
            f"files of steps {', '.join(steps)}: their layers must not be mixed",
            fix="Keep the files of one step in time.",
        )
    releases = sorted({name.release for name in names if name.release})
    if len(releases) > 1:
        raise SelectionError(
            f"files of releases {', '.join(releases)}: their layers must not be mixed",
            fix="Keep the files of one release.",
        )
