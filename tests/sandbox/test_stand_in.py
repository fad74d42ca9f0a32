"""A session of its own: what a program meets after the one line that stands in for NASA."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from cryodata.sandbox.granules import atl06, atl15, granule
from cryodata.sandbox.granules.atl15 import QUARTER

PROGRAM = """
import os
import cryodata as cd
cd.sandbox.stand_in_for_nasa()
cd.sandbox.stand_in_for_nasa()
cd.login(quiet=True)
box = (-139.3, 59.5, -138.3, 59.8)
read = cd.Reader("ATL06", region=box, time="2021-08", variables="h_li", beams="gt2l")
near, far = read("ATL06"), read.replace(access="external")("ATL06")
print(near.sizes["segment"], float(near.h_li.sum()), near.identical(far))
print(*(len(cd.search(name, region=box)) for name in ("ATL03", "ATL06", "ATL08", "ATL11", "ATL15")))
print("EARTHDATA_PASSWORD" in os.environ, os.environ["CRYODATA_CACHE"])
"""


def run(tmp_path: Path) -> subprocess.CompletedProcess[str]:
    """A user's program in a process of its own."""
    environment = {
        **os.environ,
        "CRYODATA_CACHE": str(tmp_path / "cache"),
        "EARTHDATA_USERNAME": "me",
        "EARTHDATA_PASSWORD": "of the real one",
    }
    return subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )


def test_one_line_and_everything_works(tmp_path: Path) -> None:
    """Search, login and both ways to the data, in a process that knows nothing else."""
    done = run(tmp_path)
    rows, searched, rest = done.stdout.splitlines()[-3:]
    assert searched == "1 7 1 1 2"
    password, cache = rest.split()
    assert password == "False"
    assert not Path(cache).exists()  # gone with the process
    path = next((tmp_path / "cache-synthetic").rglob("ATL06_202108*.h5"))
    with h5py.File(path) as file:
        group = file["gt2l/land_ice_segments"]
        lat, lon, height = (group[name][:] for name in ("latitude", "longitude", "h_li"))
    inside = (lat >= 59.5) & (lat <= 59.8) & (lon >= -139.3) & (lon <= -138.3)
    height = np.where(height > 1e30, np.nan, height)[inside]
    count, total, same = rows.split()
    assert int(count) == inside.sum() > 1000
    assert float(total) == pytest.approx(float(np.nansum(height, dtype="f4")), rel=1e-6)
    assert same == "True"


def test_ground_changes_as_it_is_told(tmp_path: Path) -> None:
    """A rate found in synthetic heights is worth something if it is the one put in."""
    folder = tmp_path
    wanted: dict[str, Any] = {"segments": 1500, "seed": 1, "rgt": 600, "beams": ("gt2l",)}
    heights = []
    for cycle in (4, 12):
        with h5py.File(atl06(folder, cycle=cycle, change=-3.0, **wanted)) as file:
            group = file["gt2l/land_ice_segments"]
            known = group["h_li"][:] < 1e30
            heights.append((group["segment_id"][:][known], group["h_li"][:][known]))
    _, first, second = np.intersect1d(heights[0][0], heights[1][0], return_indices=True)
    rate = (heights[1][1][second] - heights[0][1][first]) / (8 * 91 / 365.25)
    middle = len(rate) // 2
    assert np.median(rate[middle - 50 : middle + 50]) == pytest.approx(-3.0, abs=0.1)
    assert abs(np.median(rate[:30])) < 0.1


def test_visits_of_a_granule_of_many_cycles_see_it_change(tmp_path: Path) -> None:
    """ATL11 holds all visits in one file: each is later than the one before."""
    path = granule("ATL11", tmp_path, rows=200, rgt=600, cycle=3, change=-3.0, length=12e3)
    with h5py.File(path) as file:
        height = file["pt2/h_corr"][:]
    height = np.where(height > 1e30, np.nan, height)[90:110]
    fallen = np.nanmedian(height[:, 12:16] - height[:, :4])
    assert fallen == pytest.approx(-3.0 * 12 * 91 / 365.25, abs=0.3)


def test_grid_says_rates_of_its_own_heights(tmp_path: Path) -> None:
    """Lags and heights of ATL15 belong together."""
    with h5py.File(atl15(tmp_path, center=(-3.3e6, 2e5), resolution=10)) as file:
        height, rate = file["delta_h/delta_h"][:], file["dhdt_lag4/dhdt"][:]
        days = file["delta_h/time"][:]
    ice = height[0] < 1e30
    assert 0 < ice.sum() < ice.size
    years = (days[4:] - days[:-4])[:, None] / 365.25
    assert np.allclose((height[4:] - height[:-4])[:, ice] / years, rate[:, ice], atol=1e-4)
    assert np.allclose(np.diff(days), QUARTER)
    assert rate[:, ice].min() == pytest.approx(-3.0, abs=0.2)  # no cell lies in the middle
