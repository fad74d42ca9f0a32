"""Several files of a gridded product as one Dataset, and which must not be."""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray

import cryodata as cd
from cryodata.arrays.lazy import LazyArray
from cryodata.errors import FormatError, SelectionError, UnknownVariableError
from tests.grid_files import structure, write_grid
from tests.real import DATA

NORTH = DATA / "seaice_conc_monthly_nh_202112_f17_v04r00.nc"
SOUTH = DATA / "seaice_conc_daily_sh_20211231_f17_v04r00.nc"


def month_of(path: Path, year: int, month: int, seed: int, **changes: Any) -> Path:
    """A copy of the real file of December 2021, of another month and with other values."""
    name = f"seaice_conc_monthly_nh_{year}{month:02d}_f17_v04r00.nc"
    copy = shutil.copy(NORTH, path / changes.get("name", name))
    start = np.datetime64(f"{year}-{month:02d}-01") - np.datetime64("1601-01-01")
    with h5py.File(copy, "r+") as file:
        file["time"][0] = start.astype(int)
        file["cdr_seaice_conc_monthly"][...] = values_of(seed)
        for variable, name, value in changes.get("attributes", ()):
            file[variable].attrs[name] = value
        for axis, shift in changes.get("shift", {}).items():
            file[axis][...] = file[axis][...] + shift
        for variable in changes.get("without", ()):
            del file[variable]
    return Path(copy)


def values_of(seed: int) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 101, (1, 448, 304), "u1")


@pytest.fixture(name="months")
def _months(tmp_path: Path) -> list[Path]:
    """Given out of order."""
    return [month_of(tmp_path, 2021, month, month) for month in (11, 9, 10)]


def test_files_follow_each_other_in_time(months: list[Path]) -> None:
    """A map of October under the date of November is worse than none."""
    ds = cd.open(months, variables="cdr_seaice_conc_monthly")
    assert ds.time.values.astype("M8[M]").astype(str).tolist() == ["2021-09", "2021-10", "2021-11"]
    for number, month in enumerate((9, 10, 11)):
        found = ds.cdr_seaice_conc_monthly[number].values
        np.testing.assert_allclose(found, values_of(month)[0] * 0.01, rtol=1e-6)
    assert ds.sizes == {"time": 3, "y": 448, "x": 304}


def test_one_lazy_array_per_variable(months: list[Path]) -> None:
    """A thousand files make one array: xarray then has nothing to concatenate."""
    ds = cd.open(months)
    data: Any = ds.cdr_seaice_conc_monthly.variable._data
    while not isinstance(data, LazyArray):
        data = data.array
    assert len(data.parts) == 3
    assert len(ds.cryo.skipped) == 0


def test_cut_in_time_and_place(months: list[Path]) -> None:
    """Only the layers and the window asked for, of each file."""
    region = (-60, 60, 0, 80)
    ds = cd.open(months, region=region, time=("2021-10", "2021-11"))
    whole = cd.open(months, variables="cdr_seaice_conc_monthly").sel(x=ds.x, y=ds.y)
    np.testing.assert_array_equal(
        ds.cdr_seaice_conc_monthly.values, whole.cdr_seaice_conc_monthly.values[1:]
    )
    assert ds.in_region.dims == ("y", "x")
    split = cd.open(months, time="2021-09", chunks={})
    assert split.sizes["time"] == 1
    with pytest.warns(UserWarning, match="No layer"):
        assert cd.open(months, time="2020").sizes["time"] == 0


def test_chunks_over_files(months: list[Path]) -> None:
    """A chunk over two files would wait for both."""
    ds = cd.open(months, chunks={}, variables="cdr_seaice_conc_monthly")
    assert ds.cdr_seaice_conc_monthly.chunks == ((1, 1, 1), (448,), (304,))
    plain = cd.open(months, variables="cdr_seaice_conc_monthly")
    np.testing.assert_array_equal(
        ds.cdr_seaice_conc_monthly.values, plain.cdr_seaice_conc_monthly.values
    )


def test_files_that_must_not_be_mixed(months: list[Path], tmp_path: Path) -> None:
    """Each of these would give numbers that look right."""
    with pytest.raises(SelectionError, match="different grids") as caught:
        cd.open([NORTH, SOUTH])
    assert "open_tree" in caught.value.fix
    shifted = month_of(tmp_path, 2021, 8, 1, shift={"xgrid": 12_500})
    with pytest.raises(SelectionError, match="different grids"):
        cd.open([*months, shifted])
    newer = month_of(tmp_path, 2021, 8, 1, name="seaice_conc_monthly_nh_202108_f17_v05r00.nc")
    with pytest.raises(SelectionError, match="releases 04, 05"):
        cd.open([*months, newer])
    assert cd.open([*months, newer], version=4).sizes["time"] == 3
    assert cd.open([*months, newer], version="05").sizes["time"] == 1
    with pytest.raises(SelectionError, match="choose granules by their names"):
        cd.open(months, cycle=3)
    shorter = month_of(tmp_path, 2021, 8, 1, name="seaice_conc_daily_nh_20210801_f17_v04r00.nc")
    with pytest.raises(SelectionError, match="steps daily, monthly"):
        cd.open([*months, shorter])
    again = month_of(tmp_path, 2021, 10, 1, name="seaice_conc_monthly_nh_202110_am2_v04r00.nc")
    with pytest.raises(
        SelectionError, match="2021-10-01T00:00:00 is there more than once"
    ) as caught:
        cd.open([*months, again])
    assert "newer" in caught.value.fix
    with pytest.raises(SelectionError, match="no file of G02202"):
        cd.open([*months, next(DATA.glob("LT05_*"))])


def test_variables_that_cannot_be_joined(months: list[Path], tmp_path: Path) -> None:
    """Another scale in one file changes the numbers of that file only."""
    name = "cdr_seaice_conc_monthly"
    scaled = month_of(tmp_path, 2021, 7, 1, attributes=[(name, "scale_factor", np.float32(0.02))])
    with pytest.raises(FormatError, match="another scale_factor"):
        cd.open([*months, scaled])
    lacking = month_of(tmp_path, 2021, 6, 1, without=[name])
    with pytest.warns(UserWarning, match="missing in 1 of 4 files: left out"):
        ds = cd.open([*months, lacking])
    assert name not in ds
    assert "nsidc_nt_seaice_conc_monthly" in ds
    with pytest.raises(SelectionError, match="missing in 1 of 4"):
        cd.open([*months, lacking], variables=name)


def test_what_cannot_be_opened_is_skipped_or_told(months: list[Path], tmp_path: Path) -> None:
    """One file of a thousand that is cut off must not take the others along."""
    broken = tmp_path / "seaice_conc_monthly_nh_202105_f17_v04r00.nc"
    broken.write_bytes(NORTH.read_bytes()[:5000])
    with pytest.raises(FormatError):
        cd.open([*months, broken])
    ds = cd.open([broken, *months], on_missing="skip")
    assert ds.sizes["time"] == 3
    assert [skipped.url.rsplit("/", 1)[-1] for skipped in ds.cryo.skipped] == [broken.name]
    with pytest.raises(UnknownVariableError):
        cd.open(months, group="nothing")


def smap(tmp_path: Path, name: str, seed: int) -> Path:
    recorded = structure("spl3smp_e")
    path = write_grid(
        tmp_path / name,
        recorded,
        {},
        {},
        leave_out=("/Soil_Moisture_Retrieval_Data_P",),
    )
    with h5py.File(path, "r+") as file:
        patch = np.random.default_rng(seed).random((4, 5)).astype("f4")
        file["Soil_Moisture_Retrieval_Data_AM/soil_moisture"][200:204, 300:305] = patch
    return path


def damaged(files: list[Path]) -> list[Path]:
    """Files of other years, in which there is nothing to be found."""
    named = [file.with_name(file.name.replace("_2020", "_2019")) for file in files]
    for file in named:
        file.write_bytes(b"nothing")
    return named


def test_days_told_by_names(tmp_path: Path) -> None:
    """SMAP's daily grids hold no date: their names do, and become an axis."""
    files = [
        smap(tmp_path, f"SMAP_L3_SM_P_E_202008{day}_R17000_001.h5", day) for day in (27, 25, 26)
    ]
    ds = cd.open(files, variables="soil_moisture")
    days = np.array(["2020-08-25", "2020-08-26", "2020-08-27"], "M8[ns]")
    np.testing.assert_array_equal(ds.time.values, days)
    part = ds.soil_moisture[:, 200:204, 300:305].values
    for number, seed in enumerate((25, 26, 27)):
        patch = np.random.default_rng(seed).random((4, 5)).astype("f4")
        np.testing.assert_array_equal(part[number], patch)
    assert np.isnan(ds.soil_moisture[1, 0, :5].values).all()
    one = cd.open([*files, *damaged(files[:2])], variables="soil_moisture", time="2020-08-26")
    assert one.soil_moisture.shape == (1, 1624, 3856)
    with pytest.warns(UserWarning, match=r"No layer is of 2019.*2020-08-27"):
        assert cd.open(files, variables="soil_moisture", time="2019").sizes["time"] == 0
    chunked = cd.open(files, variables="soil_moisture", chunks={})
    assert chunked.soil_moisture.chunks[0] == (1, 1, 1)
    np.testing.assert_array_equal(chunked.soil_moisture[:, 200:204, 300:305].values, part)
    nameless = shutil.copy(files[0], tmp_path / "smap.h5")
    with h5py.File(nameless, "r+") as file:
        file["Metadata/DatasetIdentification"].attrs["shortName"] = np.bytes_(b"SPL3SMP_E")
    assert "time" not in cd.open(nameless, variables="soil_moisture").dims
    with pytest.raises(SelectionError, match="tells a time to join it by"):
        cd.open([*files, nameless], variables="soil_moisture")


def test_what_says_something_of_each_file_is_left_out(tmp_path: Path) -> None:
    """Of many pairs, the text about the first one is no text about all."""
    recorded = structure("its_live")
    sizes = {1879: 12, 2016: 10}
    files = []
    for number, date in enumerate(("20190101T00:00:00", "20180101T00:00:00")):
        values = {"/x": np.arange(10) * 120.0, "/y": -np.arange(12) * 120.0}
        values["/vx"] = np.full((12, 10), number + 1, "i2")
        name = recorded["name"].replace("226120_19850124", f"226120_1985012{number}")
        recorded["arrays"]["/img_pair_info"]["attributes"]["date_center"] = date
        files.append(write_grid(tmp_path / name, recorded, sizes, values))
    with pytest.warns(UserWarning, match="img_pair_info has no layer for each file: left out"):
        ds = cd.open(files)
    assert "img_pair_info" not in ds
    np.testing.assert_array_equal(ds.vx.values[:, 0, 0], [2.0, 1.0])
    with pytest.raises(SelectionError, match="no layer for each file"):
        cd.open(files, variables=["vx", "img_pair_info"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cd.open(files, variables=["vx"])
