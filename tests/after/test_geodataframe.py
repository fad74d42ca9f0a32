"""Rows as a GeoDataFrame, against h5py."""

from __future__ import annotations

import builtins
from pathlib import Path
from typing import Any

import geopandas
import h5py
import numpy as np
import pytest
import xarray as xr

import cryodata as cd
from cryodata.errors import MissingDependencyError, SelectionError, UnknownVariableError
from tests.after.samples import REAL, WAYS, beams_of, column, times

SURFACES = ("land", "ocean", "sea_ice", "land_ice", "inland_water")


@pytest.mark.parametrize("way", WAYS)
def test_points_are_the_rows(way: str, granules: list[Path]) -> None:
    """A column that slips by one row puts heights on other places."""
    ds = WAYS[way](granules, variables=["h_li", "segment_id"])
    frame = ds.cryo.to_geodataframe()
    assert isinstance(frame, geopandas.GeoDataFrame)
    assert frame.crs.to_epsg() == 4326
    assert frame.columns.tolist() == [
        *("time", "latitude", "longitude", "h_li", "segment_id"),
        *("granule", "beam", "spot", "strong", "ascending", "rgt", "cycle", "geometry"),
    ]
    for name in ("h_li", "segment_id", "latitude", "longitude"):
        np.testing.assert_array_equal(frame[name].to_numpy(float), column(granules, name))
    np.testing.assert_array_equal(frame.geometry.x, column(granules, "longitude"))
    np.testing.assert_array_equal(frame.geometry.y, column(granules, "latitude"))
    assert np.abs(frame.time.to_numpy() - times(granules)).astype(int).max() <= 100
    assert frame.h_li.dtype == np.float32
    labels = [
        (path.stem, beam)
        for path, beam, rows in beams_of(granules, "land_ice_segments")
        if rows is not None
        for _ in range(rows["h_li"].shape[0])
    ]
    assert list(zip(frame.granule, frame.beam, strict=True)) == labels
    assert [str(frame[name].dtype) for name in ("beam", "granule")] == ["category"] * 2
    assert set(zip(frame.rgt, frame.cycle, strict=True)) == {(50, 4), (50, 5), (51, 4)}
    assert frame[frame.cycle > 4].strong.sum() == (frame[frame.cycle > 4].spot % 2 == 1).sum()


def test_columns_of_photons_have_the_names_of_surfaces(photon_granule: Path) -> None:
    """signal_conf_ph_3 would have to be looked up, and miscounted."""
    ds = cd.open(photon_granule, variables=["signal_conf_ph", "h_ph"])
    frame = ds.cryo.to_geodataframe()
    with h5py.File(photon_granule) as file:
        expected = np.concatenate(
            [rows["heights/signal_conf_ph"][()] for _, rows in sorted(file.items()) if "gt" in _]
        )
    for i, surface in enumerate(SURFACES):
        np.testing.assert_array_equal(frame[f"signal_conf_{surface}"], expected[:, i])
    turned = ds.transpose("ds_surf_type", ...).cryo.to_geodataframe("signal_conf_ph")
    np.testing.assert_array_equal(turned.signal_conf_ocean, expected[:, 1])
    assert "h_ph" not in turned
    some = ds.isel(ds_surf_type=[3, 4])
    numbered = some.cryo.to_geodataframe("signal_conf_ph")
    np.testing.assert_array_equal(numbered.signal_conf_ph_1, expected[:, 4])
    by_cycle = some.signal_conf_ph.variable.values
    crowded = some.assign(many=(("photon", "cycle"), by_cycle)).cryo.to_geodataframe("many")
    np.testing.assert_array_equal(crowded.many_0, expected[:, 3])
    labelled = some.assign_coords(ds_surf_type=["land_ice", "water"]).cryo.to_geodataframe()
    np.testing.assert_array_equal(labelled.signal_conf_ph_water, expected[:, 4])


def test_a_real_granule(tmp_path: Path) -> None:
    """All defaults of a granule of NASA's, which has gaps that the synthetic ones have not."""
    frame = cd.open(REAL).cryo.to_geodataframe()
    assert len(frame) == len(column([REAL], "latitude"))
    np.testing.assert_array_equal(frame.h_li.to_numpy(float), column([REAL], "h_li"))
    assert frame.granule.cat.categories.tolist() == ["ATL06_20191106230008_06270503_006_01"]


def test_rows_without_place_have_no_geometry() -> None:
    """A point at NaN is drawn nowhere, and joined with everything."""
    ds = cd.open(REAL, variables="h_li").load()
    longitude = ds.longitude.values.copy()
    longitude[5] = np.nan
    frame = ds.assign_coords(longitude=("segment", longitude)).cryo.to_geodataframe()
    assert np.flatnonzero(frame.geometry.isna()).tolist() == [5]


def test_coordinates_of_a_projection_come_along() -> None:
    """Who projected first wants x and y in the table."""
    ds = cd.open(REAL, variables="h_li").cryo.project("EPSG:3413")
    frame = ds.cryo.to_geodataframe()
    again = frame.to_crs("EPSG:3413")
    np.testing.assert_allclose(frame.x, again.geometry.x, atol=1e-6)


def test_variables_that_cannot_be_columns(granules: list[Path]) -> None:
    """What is left out in silence is missed late."""
    ds = cd.open(granules, variables="h_li")
    with pytest.raises(UnknownVariableError, match="h_li"):
        ds.cryo.to_geodataframe("h_lii")
    by_track = ds.assign(offset=("track", np.arange(ds.sizes["track"])))
    assert "offset" not in by_track.cryo.to_geodataframe()
    with pytest.raises(SelectionError, match="along segment"):
        by_track.cryo.to_geodataframe(["h_li", "offset"])
    with pytest.raises(SelectionError, match="called bbox"):
        ds.rename(h_li="bbox").cryo.to_geodataframe()
    with pytest.raises(SelectionError, match="names"):
        ds.cryo.to_geodataframe(3)


def test_without_geopandas(monkeypatch: pytest.MonkeyPatch) -> None:
    """The name of the extra is what helps."""
    real_import = builtins.__import__

    def without(name: str, *args: Any, **options: Any) -> Any:
        if name in {"geopandas", "pyproj", "matplotlib"} or name.startswith("matplotlib."):
            raise ImportError(name)
        return real_import(name, *args, **options)

    ds: xr.Dataset = cd.open(REAL, variables="h_li")
    with monkeypatch.context() as patch:
        patch.setattr(builtins, "__import__", without)
        with pytest.raises(MissingDependencyError, match=r"cryodata-earth\[geo\]"):
            ds.cryo.to_geodataframe()
        with pytest.raises(MissingDependencyError, match=r"cryodata-earth\[geo\]"):
            ds.cryo.project("EPSG:3413")
        with pytest.raises(MissingDependencyError, match=r"cryodata-earth\[plot\]"):
            ds.cryo.quicklook()
