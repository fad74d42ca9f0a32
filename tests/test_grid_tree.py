"""ATL15 and its like as trees of lags and resolutions, against h5py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import xarray as xr
from pyproj import CRS, Transformer

import cryodata as cd
from cryodata.errors import ConfigurationError, SelectionError, UnknownVariableError
from cryodata.region.region import Region
from tests.grid_files import structure, write_grid
from tests.real import DATA
from tests.test_grid import gridded_month

LAGS = {"delta_h": 21, "dhdt_lag1": 20, "dhdt_lag4": 17, "dhdt_lag8": 13}


def height_change(
    folder: Path, resolution: str, *, region: str = "GL", release: str = "002"
) -> Path:
    """An ATL15 of a corner of Greenland with four lags."""
    step = float(resolution.removesuffix("km")) * 1000
    x = np.arange(-240_000, 240_001, step)
    y = np.arange(-2_400_000, -2_000_001, step)
    rng = np.random.default_rng(int(step))
    values: dict[str, Any] = {}
    for group, layers in LAGS.items():
        days = 91.3125 * np.arange(layers) + 365.25 + (layers % 20) / 8
        values |= {f"/{group}/x": x, f"/{group}/y": y, f"/{group}/time": days}
        shape = (layers, len(y), len(x))
        for name in ("delta_h", "delta_h_sigma", "dhdt", "dhdt_sigma", "ice_area"):
            stored = rng.normal(0, 3, shape).astype("f4")
            stored[rng.random(shape) < 0.1] = np.finfo("f4").max
            values[f"/{group}/{name}"] = stored
    return write_grid(
        folder / f"ATL15_{region}_0314_{resolution}_{release}_01.nc",
        structure("atl15"),
        {1541: len(x), 2741: len(y)},
        values,
    )


def node(tree: xr.DataTree, path: str) -> xr.Dataset:
    found = tree[path]
    assert isinstance(found, xr.DataTree)
    return found.to_dataset(inherit=False)


def test_first_grid_and_others_by_group(tmp_path: Path) -> None:
    """Each lag has times of its own: rates of four quarters are not those of one."""
    path = height_change(tmp_path, "10km")
    with h5py.File(path) as file:
        for group in LAGS:
            ds = cd.open(path, group=None if group == "delta_h" else group)
            name = "delta_h" if group == "delta_h" else "dhdt"
            assert ds[name].dims == ("time", "y", "x")
            stored = file[f"{group}/{name}"][...]
            expected = np.where(stored == np.finfo("f4").max, np.nan, stored)
            np.testing.assert_array_equal(ds[name].values, expected)
            days = file[f"{group}/time"][...] * 86_400e9
            start = np.datetime64("2018-01-01", "ns")
            found = (ds.time.values - start).astype("i8")
            np.testing.assert_allclose(found, days, atol=10)
            assert CRS(ds.spatial_ref.attrs["crs_wkt"]) == CRS(3413)
            assert ds.spatial_ref.attrs["grid_mapping_name"] == "polar_stereographic"
            assert set(ds.data_vars) == {name, f"{name}_sigma", "ice_area"}
            assert ds[name].attrs["hdf5_path"] == f"{group}/{name}"
            assert ds.attrs["description"] == f"{group} group"
            assert ds.attrs["Conventions"] == "CF-1.6"
    assert "data_count" in cd.open(path, variables="all")
    assert set(cd.open(path, variables="delta_h/data_count").data_vars) == {"data_count"}


def test_group_that_is_none(tmp_path: Path) -> None:
    """A lag that this release does not have is answered with those it has."""
    path = height_change(tmp_path, "40km")
    with pytest.raises(UnknownVariableError, match="no grid 'dhdt_lag3'") as caught:
        cd.open(path, group="dhdt_lag3")
    assert "dhdt_lag4" in caught.value.fix
    with pytest.raises(UnknownVariableError, match="no variable 'dhdt' in delta_h"):
        cd.open(path, variables="dhdt")


def test_layers_and_window_of_a_lag(tmp_path: Path) -> None:
    """Time and place cut a lag as they cut any grid."""
    path = height_change(tmp_path, "10km")
    whole = cd.open(path, group="dhdt_lag4")
    part = cd.open(path, group="dhdt_lag4", time="2020", region=(-46, 69.5, -44, 70.5))
    times = whole.time.values
    kept = (times >= np.datetime64("2020-01-01")) & (times < np.datetime64("2021-01-01"))
    assert 3 <= kept.sum() <= 5
    expected = whole.isel(time=kept).sel(x=part.x, y=part.y)
    np.testing.assert_array_equal(part.dhdt.values, expected.dhdt.values)
    region = Region.bbox(-46, 69.5, -44, 70.5)
    crs = CRS(3413)
    transformer = Transformer.from_crs(crs, crs.geodetic_crs, always_xy=True)
    inside = region.contains(*transformer.transform(*np.meshgrid(whole.x, whole.y)))
    assert part.sizes["y"] == inside.any(axis=1).sum()
    assert part.in_region.values.sum() == inside.sum()


def test_tree_of_lags(tmp_path: Path) -> None:
    """A tree shows all grids of a file, and what else it has."""
    path = height_change(tmp_path, "10km")
    tree = cd.open_tree(path)
    assert set(tree.children) >= {*LAGS, "tile_stats", "METADATA"}
    for group, layers in LAGS.items():
        assert tree[group].sizes["time"] == layers
        assert "spatial_ref" in tree[group].coords
        xr.testing.assert_identical(
            node(tree, group).drop_encoding(),
            cd.open(path, group=group, variables="all").drop_encoding(),
        )
    assert tree["tile_stats"]["RMS_data"].shape == (40, 20)
    alone = cd.open_tree(path, group="dhdt_lag1")
    assert alone.sizes["time"] == 20
    assert not alone.children


def test_tree_of_resolutions(tmp_path: Path) -> None:
    """Grids of several resolutions have no rows in common: a branch for each."""
    files = [height_change(tmp_path, one) for one in ("10km", "20km")]
    tree = cd.open_tree(files)
    assert list(tree.children) == ["10km", "20km"]
    assert tree["20km/dhdt_lag8"].sizes == {"time": 13, "y": 20, "x": 25}
    with h5py.File(files[1]) as file:
        stored = file["dhdt_lag8/dhdt"][...]
    found = node(tree, "20km/dhdt_lag8").dhdt.values
    np.testing.assert_array_equal(found[stored < 1e30], stored[stored < 1e30])
    tree.close()
    with pytest.raises(SelectionError, match="different grids"):
        cd.open(files)


def test_files_that_make_no_tree(tmp_path: Path) -> None:
    """Two releases side by side would be taken for two resolutions."""
    files = [
        height_change(tmp_path, "20km"),
        height_change(tmp_path, "40km", release="003"),
        height_change(tmp_path, "40km", region="A1"),
    ]
    for other in files[1:]:
        with pytest.raises(ConfigurationError, match="not the resolutions of one grid"):
            cd.open_tree([files[0], other])
    with pytest.raises(ConfigurationError, match="one at a time"):
        cd.open_tree([DATA / "seaice_conc_monthly_nh_202112_f17_v04r00.nc", files[0]])


def test_superseded_versions_do_not_mix(tmp_path: Path) -> None:
    """Two releases over the same years hold the same quarters twice."""
    files = [height_change(tmp_path, "40km", release=one) for one in ("002", "003")]
    with pytest.raises(SelectionError, match="releases 002, 003"):
        cd.open(files)
    renamed = files[1].rename(tmp_path / "ATL15_GL_0314_40km_002_02.nc")
    with pytest.raises(SelectionError, match="more than once"):
        cd.open([files[0], renamed])


def test_tree_of_days(tmp_path: Path) -> None:
    """The days of a month are one node, not thirty; the root stays as the file has it."""
    path = gridded_month(tmp_path, "ATL20-01_20181101001332_05100101_004_01.h5")
    tree = cd.open_tree(path)
    assert list(tree.children) == ["daily", "monthly"]
    assert tree["daily"].sizes["time"] == 3
    assert {"grid_lat", "crs"} <= set(tree.data_vars)
    with h5py.File(path) as file:
        np.testing.assert_array_equal(
            node(tree, "daily").mean_fb.values[1], file["daily/day02/mean_fb"][:]
        )
    other = gridded_month(tmp_path, "ATL20-01_20181201001332_05100101_004_01.h5")
    both = cd.open([other, path], group="daily", variables="mean_fb")
    assert both.sizes["time"] == 6
    assert (np.diff(both.time.values) > np.timedelta64(0, "ns")).all()
    np.testing.assert_array_equal(both.mean_fb[:3].values, node(tree, "daily").mean_fb.values)


def test_tree_of_sea_ice() -> None:
    """Times since 1601 open in a tree, too."""
    tree = cd.open_tree(DATA / "seaice_conc_monthly_nh_202112_f17_v04r00.nc")
    assert tree.sizes == {"time": 1, "y": 448, "x": 304}
    assert tree.time.values[0] == np.datetime64("2021-12-01")
