"""The demo's second act: an archive of one's own, logged in to, searched, read by name."""

from __future__ import annotations

import os

import numpy as np
import xarray as xr

import cryodata
from cryodata.access import forget_ways
from cryodata.sandbox.granules import atl06
from cryodata.sandbox.sky import Sky, cloud

__all__ = ["tell_archive"]

REGION = (-180.0, 59.6, 180.0, 59.9)
PASSES = ((50, 4), (50, 5), (51, 4))
"""Reference ground track and cycle of each granule."""


def tell_archive(folder: str | os.PathLike[str], *, profile: str, segments: int = 2000) -> None:
    """Log in, search, open by product name; inside the region and outside of it.

    Parameters
    ----------
    folder : path
        Where granules are made.
    profile : str
        Distance of the cloud, see `cryodata.sandbox.PROFILES`.
    segments : int
        Rows of each beam of each granule.

    Raises
    ------
    MissingDependencyError
        If the extras ``earthdata``, ``geo`` and ``sandbox`` are not installed.
    """
    with cloud(profile, seed=1, earthdata=True) as sky:
        earth = sky.earthdata
        for seed, (rgt, cycle) in enumerate(PASSES):
            earth.publish(atl06(folder, segments=segments, seed=seed, rgt=rgt, cycle=cycle))
        print(
            "\nAn Earthdata of your own: login, catalogue, keys of S3 that end, signed links.\n"
            "Against the real one the lines are the same, but for the argument of login.\n"
        )
        _say("cd.login()")
        cryodata.login(token=earth.token(), system=earth.system)
        _say(f'cd.search("ATL06", region={REGION})')
        print(cryodata.search("ATL06", region=REGION), end="\n\n")
        heights = _read(sky)
        earth.outside()
        forget_ways()
        print("The same from a computer outside of the region:")
        same = xr.Dataset.identical(heights, _read(sky))
        print(f"Values of both ways are {'equal' if same else 'DIFFERENT'}.")


def _read(sky: Sky) -> xr.Dataset:
    _say(f'cd.open("ATL06", region={REGION}, variables="h_li").load()')
    dataset = cryodata.open("ATL06", region=REGION, variables="h_li")
    heights = dataset.load()
    mean = float(np.nanmean(heights.h_li))
    print(f"{heights.h_li.size:,} heights of {heights.sizes['track']} tracks, mean {mean:.2f} m")
    print(f"{dataset.cryo.receipt}\n")
    return heights


def _say(line: str) -> None:
    print(f">>> {line}", flush=True)
