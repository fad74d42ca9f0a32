"""What the stand-in for NASA holds: some synthetic granules of five products, of one place.

They lie where Yakutat Glacier in Alaska does. Heights are made up; they fall where a granule
is told to have a `change`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cryodata.sandbox.granules import atl03, atl06, atl08, atl15, granule, rgt_near

__all__ = ["granules_of_the_stand_in"]

LONGITUDES = (-139.05, -138.8, -138.55)
"""Where tracks enter region 3, at 59.5 degrees north, going north."""
CYCLES = (4, 12)
"""Two years apart: the summers of 2019 and 2021."""
CHANGES = (-1.5, -3.0, -2.0)
"""Of the heights of each track, m a year, where it is greatest."""
SEGMENTS = 1500
"""Of ATL06 in each beam: 33 km."""
LONG, LATER = 20_000, 16
"""Segments and cycle of one more granule, of the middle track: a third of a real one."""
PHOTONS = 40_000
"""Of ATL03 in a strong beam: 4.7 km."""
POINTS, APART = 550, 60.0
"""Of ATL11 in each pair, and their distance, m."""
CENTER = (-3.355e6, 2.2e5)
"""Of the grids of ATL15, in EPSG:3413, m."""
AROUND = ((-140.2, 59.2), (-137.4, 59.2), (-137.4, 60.1), (-140.2, 60.1), (-140.2, 59.2))
"""What a catalogue says of their place: longitude and latitude of corners."""


def granules_of_the_stand_in(folder: str | os.PathLike[str]) -> Iterator[tuple[Path, Any]]:
    """Make them, or find those made before; a file, and what to say when it is published.

    Parameters
    ----------
    folder : path
        Where they are kept.
    """
    folder = Path(folder)
    tracks = [rgt_near(longitude, 3) for longitude in LONGITUDES]
    for seed, (rgt, change) in enumerate(zip(tracks, CHANGES, strict=True)):
        for cycle in CYCLES:
            made = atl06(folder, segments=SEGMENTS, seed=seed, rgt=rgt, cycle=cycle, change=change)
            yield made, {}
    middle: dict[str, Any] = {"seed": 1, "rgt": tracks[1]}
    yield atl06(folder, **middle, segments=LONG, cycle=LATER), {}
    photons = {**middle, "photons": PHOTONS, "cycle": CYCLES[0]}
    yield atl03(folder, **photons), {}
    yield atl08(folder, **photons), {}
    visits: dict[str, Any] = {"rows": POINTS, "length": POINTS * APART, "change": CHANGES[1]}
    yield granule("ATL11", folder, **middle, **visits, cycle=3), {}
    for resolution in (1, 10):
        yield (
            atl15(folder, center=CENTER, resolution=resolution, change=CHANGES[1]),
            {"rings": [AROUND], "product": "ATL15", "version": "004"},
        )
