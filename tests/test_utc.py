"""Times are UTC: no leap second is lost, none is made up."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

import cryodata as cd
from cryodata import products
from cryodata.decoding.finish import UtcTime
from cryodata.options import Options
from cryodata.sandbox.granules import atl06
from tests.real import real_files

LEAP_SECONDS = ("2012-07-01", "2015-07-01", "2017-01-01")
"""UTC instants after which GPS was one second further ahead, up to now (IERS bulletin C)."""
GPS_EPOCH = np.datetime64("1980-01-06T00:00:00", "ns")
GPS_AHEAD_IN_2012 = 16


@pytest.mark.parametrize(
    "instant, seconds",
    [
        ("2018-01-01T00:00:00", 0.0),
        ("2018-01-01T00:00:01", 1.0),
        ("2019-07-01T00:00:00", 546 * 86400.0),
        ("2026-11-26T00:00:00", 3251 * 86400.0),
    ],
)
def test_delta_time_counts_utc_from_2018(instant: str, seconds: float, tmp_path: Path) -> None:
    """18 or 27 s, as others have it, are 124 or 187 km along the orbit."""
    path = atl06(tmp_path, segments=20, seed=1, beams=("gt1l",))
    with h5py.File(path, "a") as file:
        file["gt1l/land_ice_segments/delta_time"][0] = seconds
    ds = cd.open(path, variables="h_li", options=Options(cache=None))
    assert ds.time.values[0] == np.datetime64(instant, "ns")


def test_epoch_of_the_mission_is_its_gps_seconds_less_the_leap_seconds() -> None:
    """``atlas_sdp_gps_epoch`` counts GPS seconds: 18 of them are no UTC."""
    ahead = GPS_AHEAD_IN_2012 + sum(leap > "2012-07-01" for leap in LEAP_SECONDS)
    assert ahead == 18
    epoch = GPS_EPOCH + np.timedelta64(1198800018 - ahead, "s")
    for name in products.known():
        product = products.get(name)
        if name.startswith("ATL") and product.epoch is not None:
            assert product.epoch == epoch
            assert all(np.datetime64(leap, "ns") <= epoch for leap in LEAP_SECONDS)


def test_times_of_real_granules_are_those_they_say() -> None:
    """Each granule says its first instant twice: in UTC, and in seconds since the epoch."""
    compared = 0
    for path in real_files().values():
        with h5py.File(path) as file:
            if "ancillary_data/start_delta_time" not in file:
                continue
            said = file["ancillary_data/data_start_utc"][()].ravel()[0].decode().rstrip("Z")
            seconds = np.ravel(file["ancillary_data/start_delta_time"][()])
        found = UtcTime(np.datetime64("2018-01-01", "ns"))(seconds)[0]
        assert abs((found - np.datetime64(said, "ns")).astype(int)) < 1000  # written to 1 us
        compared += 1
    assert compared >= 1
