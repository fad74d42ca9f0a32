"""Places in a projection, against pyproj and against the formula."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyproj
import pytest
import xarray as xr

import cryodata as cd
from cryodata.errors import ConfigurationError, SelectionError
from cryodata.types import AnyArray
from tests.after.samples import REAL, WAYS, column


def polar_stereographic(longitude: AnyArray, latitude: AnyArray) -> tuple[AnyArray, AnyArray]:
    """EPSG:3413 on WGS 84, true at 70 N, -45 down.

    Snyder, Map Projections - A Working Manual (1987), eq. 15-9, 14-15, 21-30, 21-31, 21-34.
    """
    a, f = 6378137.0, 1 / 298.257223563
    e = np.sqrt(f * (2 - f))

    def t(phi: AnyArray) -> AnyArray:
        s = e * np.sin(phi)
        return np.asarray(np.tan(np.pi / 4 - phi / 2) / ((1 - s) / (1 + s)) ** (e / 2))

    phi, true = np.radians(latitude), np.radians(70.0)
    m = np.cos(true) / np.sqrt(1 - (e * np.sin(true)) ** 2)
    rho = a * m * t(phi) / t(true)
    angle = np.radians(longitude + 45.0)
    return rho * np.sin(angle), -rho * np.cos(angle)


@pytest.mark.parametrize("way", WAYS)
def test_x_and_y_are_those_of_pyproj(way: str, granules: list[Path]) -> None:
    """Axes in the order of the authority would be swapped for half of the projections."""
    ds = WAYS[way](granules, variables="h_li")
    longitude, latitude = column(granules, "longitude"), column(granules, "latitude")
    for crs in ("EPSG:3413", "EPSG:3995", pyproj.CRS.from_epsg(6933)):
        got = ds.cryo.project(crs)
        if way == "chunked":
            assert got.x.chunks == got.h_li.chunks
        forward = pyproj.Transformer.from_crs("EPSG:4326", crs, always_xy=True)
        x, y = forward.transform(longitude, latitude)
        np.testing.assert_allclose(got.x.values, x, rtol=0, atol=1e-6)
        np.testing.assert_allclose(got.y.values, y, rtol=0, atol=1e-6)
        np.testing.assert_array_equal(got.h_li.values.astype("f8"), column(granules, "h_li"))


def test_known_formula() -> None:
    """Pyproj against itself would not see a wrong datum or a swapped pair."""
    got = cd.open(REAL, variables="h_li").cryo.project("EPSG:3413")
    x, y = polar_stereographic(column([REAL], "longitude"), column([REAL], "latitude"))
    np.testing.assert_allclose(got.x.values, x, rtol=0, atol=1e-4)
    np.testing.assert_allclose(got.y.values, y, rtol=0, atol=1e-4)


def test_as_cf_says(tmp_path: Path) -> None:
    """Other tools find the projection by grid_mapping, also after a round trip to disk."""
    ds = cd.open(REAL, variables=["h_li", "h_li_sigma"])
    got = ds.cryo.project("EPSG:3413")
    assert {"x", "y", "spatial_ref"} <= set(got.coords)
    assert got.x.attrs["standard_name"] == "projection_x_coordinate"
    assert got.y.attrs["standard_name"] == "projection_y_coordinate"
    assert got.x.attrs["units"] == got.y.attrs["units"] == "m"
    mapping = got.spatial_ref.attrs
    assert mapping["grid_mapping_name"] == "polar_stereographic"
    assert pyproj.CRS.from_cf(mapping) == pyproj.CRS("EPSG:3413")
    assert got.h_li.attrs["grid_mapping"] == got.h_li_sigma.attrs["grid_mapping"] == "spatial_ref"
    assert "grid_mapping" not in ds.h_li.attrs
    assert set(ds.coords) == set(got.coords) - {"x", "y", "spatial_ref"}
    assert got.cryo.receipt.requests > 0
    got.to_netcdf(tmp_path / "p.nc", engine="h5netcdf")
    with xr.open_dataset(tmp_path / "p.nc", engine="h5netcdf", decode_coords="all") as kept:
        assert pyproj.CRS.from_cf(kept.spatial_ref.attrs) == pyproj.CRS("EPSG:3413")
        np.testing.assert_array_equal(kept.x, got.x)
        assert kept.cryo.tracks()["rows"].tolist() == ds.rowSize.values.tolist()


def test_again_in_another_projection() -> None:
    """The x of one projection beside the name of another is a place nobody meant."""
    ds = cd.open(REAL, variables="h_li")
    twice = ds.cryo.project("EPSG:3413").cryo.project("EPSG:2225")
    xr.testing.assert_identical(twice.load(), ds.cryo.project("EPSG:2225").load())
    assert twice.x.attrs["units"] == "US survey foot"
    taken = ds.rename(h_li="x")
    with pytest.raises(SelectionError, match="variable x already"):
        taken.cryo.project("EPSG:3413")


@pytest.mark.parametrize("chunks", [None, 300])
def test_places_that_are_none(chunks: int | None) -> None:
    """A row without place has no x; a place the projection cannot show is no NaN."""
    ds = cd.open(REAL, variables="h_li").load()
    latitude, longitude = ds.latitude.values.copy(), ds.longitude.values.copy()
    latitude[7] = np.nan
    ds = ds.assign_coords(latitude=("segment", latitude))
    if chunks:
        ds = ds.chunk({"segment": chunks})
    got = ds.cryo.project("EPSG:3413").load()
    assert np.flatnonzero(np.isnan(got.x)).tolist() == [7]
    assert np.flatnonzero(np.isnan(got.y)).tolist() == [7]
    latitude[9], longitude[9] = 10.0, 140.0
    far = ds.assign_coords(latitude=("segment", latitude), longitude=("segment", longitude))
    with pytest.raises(SelectionError, match=r"\d+ rows lie where"):
        far.cryo.project("+proj=ortho +lat_0=-90").load()


def test_what_is_no_projection() -> None:
    """Degrees in x and y, in m, would be off by five orders of magnitude."""
    ds = cd.open(REAL, variables="h_li")
    with pytest.raises(ConfigurationError, match=r"no projection(.|\n)*EPSG:3413"):
        ds.cryo.project("EPSG:nonsense")
    with pytest.raises(ConfigurationError, match="is not a projection"):
        ds.cryo.project("EPSG:4326")
    with pytest.raises(ConfigurationError, match="is not a projection"):
        ds.cryo.project("EPSG:4978")
