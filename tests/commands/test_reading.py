"""Search, plan, open and get: from the catalogue to a file, beside h5py."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from cryodata.sandbox.earthdata import Earth
from cryodata.types import AnyArray
from tests.commands.conftest import Told

BEAMS = ("gt1l", "gt1r", "gt2l", "gt2r", "gt3l", "gt3r")


def heights(granules: list[Path], name: str = "h_li") -> AnyArray:
    """As h5py reads them, sorted: granules come in the order of time; fill values are NaN."""
    parts = []
    for path in granules:
        with h5py.File(path) as file:
            parts += [file[f"{b}/land_ice_segments/{name}"][:] for b in BEAMS if b in file]
    values = np.concatenate(parts).astype("f4")
    values[values > 1e30] = np.nan
    return np.sort(values)


def test_search_lists_what_is_published(cryodata: Told, earth: Earth, granules: list[Path]) -> None:
    """As text, as JSON, and no more than asked for."""
    said = cryodata("search", "ATL06", "--json")
    assert said.code == 0
    assert {one["name"] for one in said.data["granules"]} == {path.name for path in granules}
    assert said.data["size"] == sum(path.stat().st_size for path in granules)
    assert cryodata("search", "ATL06").out.startswith("<Granules: 3 granules")
    limited = cryodata("search", "ATL06", "--limit", 1, "--json").data["granules"]
    assert len(limited) == 1


def test_a_list_that_was_saved_is_read(
    cryodata: Told, earth: Earth, granules: list[Path], tmp_path: Path
) -> None:
    """So that a search is made once."""
    file = tmp_path / "found.parquet"
    assert cryodata("search", "ATL06", "--save", file).code == 0
    said = cryodata("plan", file, "--json")
    assert said.code == 0
    assert said.data["granules"] == len(granules)


def test_open_shows_a_dataset(cryodata: Told, earth: Earth, granules: list[Path]) -> None:
    """The product by its name, over the wire."""
    said = cryodata("open", "ATL06", "--beams", "gt1l,gt1r")
    assert said.code == 0
    assert "<xarray.Dataset>" in said.out
    data = cryodata("open", "ATL06", "--json").data
    assert data["sizes"]["segment"] == len(heights(granules))
    assert data["variables"]["h_li"]["dtype"] == "float32"


def test_a_plan_is_what_a_read_costs(
    cryodata: Told, earth: Earth, granules: list[Path], tmp_path: Path
) -> None:
    """Counted before, and on the wire."""
    planned = cryodata("plan", granules[0], "--variables", "h_li", "--json").data
    assert planned["granules"] == 1
    assert planned["rows"] == len(heights(granules[:1]))
    assert 0 < planned["bytes"] <= planned["stored_bytes"] == granules[0].stat().st_size
    assert {one["way"] for one in planned["estimates"]}
    assert cryodata("plan", granules[0], "--variables", "h_li").out.startswith("<Plan: 1 granule")


def test_get_writes_geoparquet(
    cryodata: Told, earth: Earth, granules: list[Path], tmp_path: Path
) -> None:
    """Every height of every granule."""
    target = tmp_path / "heights.parquet"
    said = cryodata("get", "ATL06", "--variables", "h_li", "--to", target, "--json")
    assert said.code == 0
    assert said.data["bytes"] == target.stat().st_size
    found = np.sort(pd.read_parquet(target)["h_li"].to_numpy())
    np.testing.assert_array_equal(found, heights(granules))


def test_get_writes_netcdf(cryodata: Told, granules: list[Path], tmp_path: Path) -> None:
    """As xarray reads it again."""
    target = tmp_path / "heights.nc"
    assert cryodata("get", *granules, "--to", target).code == 0
    with xr.open_dataset(target, engine="h5netcdf") as ds:
        np.testing.assert_array_equal(np.sort(ds.h_li.to_numpy()), heights(granules))
    assert [path.name for path in tmp_path.iterdir()] == [target.name]


@pytest.mark.filterwarnings("ignore:Nothing is inside")
def test_get_of_nothing_writes_nothing(
    cryodata: Told, granules: list[Path], tmp_path: Path
) -> None:
    """A file without rows looks like an answer to the program that comes next."""
    target = tmp_path / "heights.parquet"
    assert cryodata("get", *granules, "--region", "10,10,11,11", "--to", target).code == 4
    assert not target.exists()


def test_get_writes_over_nothing(cryodata: Told, granules: list[Path], tmp_path: Path) -> None:
    """Unless told to; and reads nothing for a file that it cannot write."""
    target = tmp_path / "heights.parquet"
    target.write_text("mine")
    said = cryodata("get", granules[0], "--to", target)
    assert (said.code, target.read_text()) == (2, "mine")
    assert "--overwrite" in said.err
    assert cryodata("get", granules[0], "--to", target, "--overwrite").code == 0
    assert len(pd.read_parquet(target)) == len(heights(granules[:1]))
    said = cryodata("get", granules[0], "--to", tmp_path / "heights.xlsx")
    assert said.code == 2
    assert ".parquet or .nc" in said.err


def test_a_box_that_begins_in_the_west(
    cryodata: Told, granules: list[Path], tmp_path: Path
) -> None:
    """``-50,69,...`` is a value and no option; rows outside it are not written."""
    with h5py.File(granules[0]) as file:
        lat = file["gt1l/land_ice_segments/latitude"][:]
        lon = file["gt1l/land_ice_segments/longitude"][:]
        h_li = file["gt1l/land_ice_segments/h_li"][:]
    middle = float(np.median(lat))
    west = float(lon.min()) - 0.001
    assert west < 0
    box = f"{west},{middle},{float(lon.max()) + 0.001},{float(lat.max()) + 0.001}"
    target = tmp_path / "box.parquet"
    said = cryodata("get", granules[0], "--beams", "gt1l", "--region", box, "--to", target)
    assert said.code == 0, said.err
    expected = h_li[lat >= middle].astype("f4")
    expected[expected > 1e30] = np.nan
    found = np.sort(pd.read_parquet(target)["h_li"].to_numpy())
    np.testing.assert_array_equal(found, np.sort(expected))


@pytest.mark.parametrize(
    "arguments, code, words",
    [
        (("--region", "1,2,3"), 2, "west, south, east, north"),
        (("--cycle", "x"), 2, "list of numbers"),
        (("--budget", "1 B"), 8, "budget"),
    ],
)
def test_what_makes_no_sense_is_refused(
    cryodata: Told, granules: list[Path], arguments: tuple[str, ...], code: int, words: str
) -> None:
    said = cryodata("open", granules[0], *arguments)
    assert said.code == code
    assert words in said.err.lower()
