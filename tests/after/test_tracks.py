"""The table of tracks against numpy, beam by beam."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest
import xarray as xr

import cryodata as cd
from cryodata.after import tracks as module
from cryodata.sandbox.granules import atl06
from tests.after.samples import EPOCH, REAL, WAYS, beams_of


def expected_of(paths: list[Path], group: str, latitude: str, longitude: str) -> list[Any]:
    """Granule, beam, rows, times, box and direction, of plain arrays."""
    found: list[Any] = []
    for path, beam, rows in beams_of(paths, group):
        name = path.stem.removeprefix("processed_")
        if rows is None:
            found.append([name, beam, 0, pd.NaT, pd.NaT, *[np.nan] * 4, pd.NA])
            continue
        seconds, lat, lon = (rows[n][()] for n in ("delta_time", latitude, longitude))
        instants = EPOCH + np.round(seconds * 1e9).astype("m8[ns]")
        smooth = np.diff(lat[:: max(1, len(lat) // 30)])
        up = True if (smooth > 0).all() else False if (smooth < 0).all() else pd.NA
        box = [lon.min(), lat.min(), lon.max(), lat.max()]
        found.append([name, beam, len(lat), instants.min(), instants.max(), *box, up])
    return found


def check(table: pd.DataFrame, expected: list[Any]) -> None:
    assert len(table) == len(expected)
    for (_, row), want in zip(table.iterrows(), expected, strict=True):
        assert [row.granule, row.beam, row["rows"]] == want[:3]
        for got, time in zip((row.first_time, row.last_time), want[3:5], strict=True):
            apart = pd.Timedelta(0) if pd.isna(time) else abs(got - pd.Timestamp(time))
            assert pd.isna(got) == pd.isna(time)
            assert apart <= pd.Timedelta(100, "ns")  # the file's doubles resolve no more
        np.testing.assert_array_equal(
            np.array([row.west, row.south, row.east, row.north], float), np.array(want[5:9], float)
        )
        assert (row.ascending is pd.NA) if want[9] is pd.NA else (row.ascending == want[9])


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("most", [250, 1 << 20])
def test_table_of_several_granules(
    way: str, most: int, granules: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Boxes and times are what users choose tracks by; long tracks come in several batches."""
    monkeypatch.setattr(module, "MOST_ROWS", most)
    ds = WAYS[way](granules, variables="h_li")
    table = ds.cryo.tracks()
    check(table, expected_of(granules, "land_ice_segments", "latitude", "longitude"))
    for name in ("spot", "strong", "rgt", "cycle"):
        assert table[name].tolist() == ds[name].values.tolist()
    assert table.ascending.dtype == "boolean"


def test_table_of_a_real_granule_and_of_photons(photon_granule: Path) -> None:
    """Photons of one pulse are apart in latitude, forth and back: no turn."""
    check(
        cd.open(REAL).cryo.tracks(),
        expected_of([REAL], "land_ice_segments", "latitude", "longitude"),
    )
    table = cd.open(photon_granule).cryo.tracks()
    check(table, expected_of([photon_granule], "heights", "lat_ph", "lon_ph"))
    assert table.ascending.all()


def test_over_the_pole_is_neither(tmp_path: Path) -> None:
    """From the name of the granule region 4 is the pole; only the latitudes say who turned."""
    path = atl06(tmp_path, segments=60_000, region=4, beams=("gt1l", "gt3r"))
    with h5py.File(path) as file:
        latitude = file["gt1l/land_ice_segments/latitude"][()]
    assert latitude.argmax() not in {0, len(latitude) - 1}
    assert cd.open(path).cryo.tracks().ascending.isna().all()
    top = cd.open(path, region=(-180, 80, 180, 85)).cryo.tracks()
    assert top.ascending.tolist() == [True, True]


def test_descending_and_dateline() -> None:
    """A box from -179 to 179 is the whole world but for the track."""
    row = xr.Variable("segment", np.array([70.0, 69.9, 69.8, 10.0, 10.1, 50.0]))
    east = xr.Variable("segment", np.array([179.9, -180.0, -179.8, -1.0, 1.0, 20.0]))
    ds = cd.open(REAL, variables="h_li").isel(segment=slice(0, 6)).load()
    ds = ds.assign_coords(
        latitude=row, longitude=east, rowSize=ds.rowSize.copy(data=[3, 2, 1, 0, 0, 0])
    )
    table = ds.cryo.tracks()
    assert table.loc[0, ["west", "east"]].tolist() == pytest.approx([179.9, -179.8])
    assert table.loc[1, ["west", "east"]].tolist() == [-1.0, 1.0]
    assert table.ascending.tolist() == [False, True, pd.NA, pd.NA, pd.NA, pd.NA]
    assert table.loc[5, ["first_time"]].isna().all()


def test_longitudes_to_360_and_no_time() -> None:
    """Older missions count east to 360; and not every row of every product has a time."""
    ds = cd.open(REAL, variables="h_li").load()
    other = ds.assign_coords(longitude=ds.longitude % 360.0).drop_vars("time")
    got, expected = other.cryo.tracks(), ds.cryo.tracks()
    for name in ("west", "east"):
        np.testing.assert_allclose(got[name], expected[name], atol=1e-12)
    assert got.first_time.isna().all()
    assert got.first_time.dtype == expected.first_time.dtype
    assert got.ascending.tolist() == expected.ascending.tolist()
    frame = other.cryo.to_geodataframe()
    np.testing.assert_allclose(frame.geometry.x, ds.longitude.values, atol=1e-12)
    np.testing.assert_array_equal(frame.longitude, other.longitude)


def test_rows_without_time_or_place() -> None:
    """One NaN in a column would make a box of NaN."""
    ds = cd.open(REAL, variables="h_li").load()
    latitude, time = ds.latitude.values.copy(), ds.time.values.copy()
    latitude[0], time[1] = np.nan, np.datetime64("NaT", "ns")
    table = ds.assign_coords(latitude=("segment", latitude), time=("segment", time)).cryo.tracks()
    whole = ds.cryo.tracks()
    count = int(whole["rows"][0])
    assert table.south[0] == np.nanmin(latitude[:count])
    assert table.first_time[0] == whole.first_time[0]
    assert bool(table.ascending[0])
