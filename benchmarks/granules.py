"""The granules that are read: synthetic, as large as real ones, made once and kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from itertools import product
from pathlib import Path
from types import MappingProxyType

from cryodata.options import default_cache_folder
from cryodata.sandbox.granules import atl03, atl06

__all__ = ["Granules", "make_granules", "make_practice"]

Granules = Mapping[str, tuple[Path, ...]]
"""Local files by the name that `Workload.granules` has for them."""
Maker = Callable[[Path], Path]

THROUGH = (234, 676, 1118)
"""Reference ground tracks within 0.1 degrees of each other: they cross the box of a job."""
BESIDE = (173, 295)
"""The next tracks to the west and to the east, 0.8 degrees away: they pass it."""


def _passes(segments: int, cycles: int) -> tuple[Maker, ...]:
    """Granules of several cycles over one area, in the order of their time."""
    passes = product(range(1, cycles + 1), (*THROUGH, *BESIDE))
    return tuple(
        partial(atl06, segments=segments, seed=number, rgt=rgt, cycle=cycle)
        for number, (cycle, rgt) in enumerate(passes)
    )


WHOLE: Mapping[str, tuple[Maker, ...]] = MappingProxyType(
    {
        "ATL06": (partial(atl06, segments=60_000, seed=1),),
        "ATL06 007": (partial(atl06, segments=60_000, seed=1, release="007"),),
        "ATL03": (partial(atl03, photons=10_000_000, seed=1),),
        "ATL03 007": (partial(atl03, photons=10_000_000, seed=1, release="007"),),
        "ATL06 x 20": _passes(segments=13_500, cycles=4),
    }
)
"""Release 006 but where 007 is said. Weak beams of ATL03 have 0.6 times as many photons: 6
million. Of the twenty, three in five cross the box and the others pass 20 km beside it."""

SMALL: Mapping[str, tuple[Maker, ...]] = MappingProxyType(
    {
        "ATL06": (partial(atl06, segments=2_000, seed=1),),
        "ATL06 007": (partial(atl06, segments=2_000, seed=1, release="007"),),
        "ATL03": (partial(atl03, photons=30_000, seed=1),),
        "ATL03 007": (partial(atl03, photons=30_000, seed=1, release="007"),),
        "ATL06 x 20": _passes(segments=2_000, cycles=1)[2:4],
    }
)
"""Of the many, one that crosses the box and one that passes it."""


def make_granules(names: Iterable[str], folder: Path | None = None) -> Granules:
    """Granules of whole size by name, in `folder` or in the cache of cryodata."""
    return _make(WHOLE, names, folder)


def make_practice(names: Iterable[str], folder: Path | None = None) -> Granules:
    """Small granules of the same layouts."""
    return _make(SMALL, names, folder)


def _make(
    makers: Mapping[str, tuple[Maker, ...]], names: Iterable[str], folder: Path | None
) -> Granules:
    folder = folder or default_cache_folder() / "benchmarks"
    return {name: tuple(make(folder) for make in makers[name]) for name in sorted(names)}
