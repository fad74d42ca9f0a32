"""Gridded files through ``cryodata.open``, against h5py, numpy and pyproj."""

from __future__ import annotations

import pickle
import shutil
import sys
import warnings
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pyproj import CRS, Transformer

import cryodata as cd
from cryodata.errors import (
    ChunkCorruptError,
    FormatError,
    MissingDependencyError,
    RegionError,
    SelectionError,
    UnknownVariableError,
)
from cryodata.grids import projection
from cryodata.region.region import Region
from cryodata.region_input import region_of
from tests.grid_files import structure, write_grid
from tests.real import DATA

ICE_NORTH = DATA / "seaice_conc_monthly_nh_202112_f17_v04r00.nc"
ICE_SOUTH = DATA / "seaice_conc_daily_sh_20211231_f17_v04r00.nc"
PAIR = next(DATA.glob("LT05_*_P000.nc"))
FREEZE = DATA / "SC_SPL3FTP_004_Polar_prefetch.nc4"
CORNERS = DATA / "SMAP_L3_FT_P_corners_input.h5"

Bools = NDArray[np.bool_]


def decoded(dataset: h5py.Dataset) -> NDArray[Any]:
    """Values by the CF rules, in double precision; NaN where there are none."""
    stored = dataset[...]
    values = stored.astype("f8")
    for name in ("_FillValue", "missing_value"):
        if name in dataset.attrs:
            values[stored == dataset.attrs[name]] = np.nan
    return np.asarray(values * float(np.ravel(dataset.attrs.get("scale_factor", 1.0))[0]))


def same(found: xr.DataArray, expected: NDArray[Any]) -> None:
    np.testing.assert_allclose(found.values.astype("f8"), expected, rtol=1e-6)


def centres(x: NDArray[Any], y: NDArray[Any], crs: CRS) -> tuple[Any, Any]:
    transformer = Transformer.from_crs(crs, crs.geodetic_crs, always_xy=True)
    east, north = transformer.transform(*np.meshgrid(np.float64(x), np.float64(y)))
    return east, north


def bounds(inside: Bools) -> tuple[slice, slice]:
    rows, columns = (np.flatnonzero(inside.any(axis=axis)) for axis in (1, 0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


@pytest.mark.parametrize("path", [ICE_NORTH, ICE_SOUTH], ids=["north", "south"])
def test_sea_ice_is_what_h5py_reads(path: Path) -> None:
    """Flags above 100 % stay in the data, bytes are unsigned, and 1601 is a year like any."""
    with cd.open(path) as ds, h5py.File(path) as file:
        assert set(ds.dims) == {"time", "y", "x"}
        assert not {"tdim", "xgrid", "ygrid", "projection"} & set(ds.variables)
        np.testing.assert_array_equal(ds.x.values, file["xgrid"][:])
        np.testing.assert_array_equal(ds.y.values, file["ygrid"][:])
        day = np.datetime64("1601-01-01") + np.timedelta64(int(file["time"][0]), "D")
        np.testing.assert_array_equal(ds.time.values, np.array([day], "M8[ns]"))
        grids = [name for name in file if file[name].ndim == 3]
        assert set(ds.data_vars) == set(grids)
        for name in grids:
            assert ds[name].dims == ("time", "y", "x")
            same(ds[name], decoded(file[name]))
            assert ds[name].attrs["grid_mapping"] == "spatial_ref"
        concentration = next(name for name in grids if name.startswith("cdr_seaice"))
        assert float(ds[concentration].max()) == pytest.approx(2.54)  # land
        wkt = text(file["projection"].attrs["spatial_ref"])
        assert CRS(ds.spatial_ref.attrs["crs_wkt"]) == CRS(wkt)


def test_pair_of_its_live_is_what_h5py_reads() -> None:
    """The date of a pair stands in an attribute of a text; its projection, in another."""
    with cd.open(PAIR) as ds, h5py.File(PAIR) as file:
        assert ds.sizes == {"time": 1, "y": 1879, "x": 2016}
        assert ds.time.values[0] == np.datetime64("1984-12-31T01:13:56.940528")
        for name in ("vx", "v_error", "chip_size_width", "interp_mask"):
            same(ds[name], decoded(file[name])[None])
        assert ds.img_pair_info.attrs["date_center"] == "19841231T01:13:56.940528"
        assert ds.img_pair_info.item() == text(file["img_pair_info"][()])
        assert CRS(ds.spatial_ref.attrs["crs_wkt"]) == CRS(3031)


@given(
    west=st.floats(-180, 180),
    wide=st.floats(1, 350),
    south=st.floats(-89, 85),
    high=st.floats(0.5, 60),
)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@pytest.mark.parametrize("path", [ICE_NORTH, ICE_SOUTH], ids=["north", "south"])
def test_cut_equals_read_everything(
    path: Path, west: float, wide: float, south: float, high: float
) -> None:
    """What a cut leaves out, and what it marks, is all a user ever sees of the region."""
    east = west + wide
    box = (west, south, east - 360 if east > 180 else east, min(90, south + high))
    region = Region.bbox(*box, sure=True)
    with h5py.File(path) as file:
        name = next(n for n in file if n.startswith("cdr_seaice"))
        crs = CRS(text(file["projection"].attrs["spatial_ref"]))
        inside = region.contains(*centres(file["xgrid"][:], file["ygrid"][:], crs))
        whole = decoded(file[name])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ds = cd.open(path, region=region, variables=name)
    if not inside.any():
        assert ds.sizes == {"time": 1, "y": 0, "x": 0}
        assert "No cell has its centre" in str(caught[0].message)
        assert caught[0].filename == __file__
        return
    rows, columns = bounds(inside)
    same(ds[name], whole[:, rows, columns])
    np.testing.assert_array_equal(ds.in_region.values, inside[rows, columns])
    assert ds.in_region.dims == ("y", "x")
    assert not caught


def test_polygon_and_its_mask_on_a_pair() -> None:
    """Only the cells of a polygon are marked, not those of the box around it."""
    ring = [[-128, -81.8], [-126, -81.2], [-129, -80.9], [-129.5, -81.5], [-128, -81.8]]
    geometry = {"type": "Polygon", "coordinates": [ring]}
    with cd.open(PAIR, region=geometry, variables=["vx", "v"]) as ds, h5py.File(PAIR) as file:
        region = region_of(geometry)
        inside = region.contains(*centres(file["x"][:], file["y"][:], CRS(3031)))
        rows, columns = bounds(inside)
        np.testing.assert_array_equal(ds.in_region.values, inside[rows, columns])
        assert 0.2 < float(ds.in_region.mean()) < 0.9
        same(ds.v, decoded(file["v"])[None, rows, columns])
        np.testing.assert_array_equal(ds.x.values, file["x"][columns])
        kept = ds.where(ds.in_region).v.values
        expected = np.where(inside, decoded(file["v"]), np.nan)[None, rows, columns]
        np.testing.assert_allclose(kept, expected, rtol=1e-6)


def height_model(folder: Path) -> tuple[Path, NDArray[Any], NDArray[Any], NDArray[Any]]:
    """An ATL14 in small chunks; its axes and its heights."""
    recorded = structure("atl14")
    noise = np.random.default_rng(3).normal(0, 1, (400, 300)).astype("f4")
    x, y = -200_000 + 1000.0 * np.arange(300), -2_000_000 + 1000.0 * np.arange(400)
    for spec in recorded["arrays"].values():
        if spec["chunks"] == [1000, 1000]:
            spec["chunks"] = [50, 50]
    values = {"/x": x, "/y": y, "/h": noise, "/h_sigma": noise + 1, "/ice_area": noise + 2}
    sizes = {27000: 400, 13000: 300}
    path = write_grid(folder / "ATL14_GL_0314_100m_002_02.nc", recorded, sizes, values)
    return path, x, y, noise


def test_only_chunks_of_the_window_are_read(tmp_path: Path) -> None:
    """The promise of cutting before reading: bytes that do not travel."""
    path, x, y, noise = height_model(tmp_path)
    whole = cd.open(path, variables="h")
    whole.h.load()
    east, north = centres(x[100:103], y[200:203], CRS(3413))
    box = (east.min(), north.min(), east.max(), north.max())
    part = cd.open(path, region=box, variables="h")
    before = part.cryo.receipt
    part.h.load()
    spent = (part.cryo.receipt - before).nbytes
    with h5py.File(path) as file:
        assert 0 < spent < file["h"].id.get_storage_size() / 10
    rows = slice(*np.searchsorted(y, [part.y.values[0], part.y.values[-1] + 1]))
    columns = slice(*np.searchsorted(x, [part.x.values[0], part.x.values[-1] + 1]))
    np.testing.assert_array_equal(part.h.values, noise[rows, columns])


def test_cells_of_smap_lie_where_the_file_says(tmp_path: Path) -> None:
    """The lattice in the table replaces axes that the file lacks; its degrees are the check."""
    path = tmp_path / "SMAP_L3_FT_P_20150410_R19240_001.h5"
    shutil.copy(FREEZE, path)
    with cd.open(path) as ds, h5py.File(path) as file:
        assert ds.latitude.dims == ("time", "am_pm", "y", "x")
        assert ds.time.values == np.array(["2015-04-10"], "M8[ns]")
        assert {"latitude", "longitude"} <= set(ds.coords)
        north = file["Freeze_Thaw_Retrieval_Data_Polar/latitude"][0]
        east = file["Freeze_Thaw_Retrieval_Data_Polar/longitude"][0]
        told_east, told_north = centres(ds.x.values, ds.y.values, CRS(6931))
        known = north > -90
        assert known.sum() > 1000
        np.testing.assert_allclose(told_north[known], north[known], atol=2e-4)
        turn = (told_east - east + 180) % 360 - 180
        assert np.abs(turn[known] * np.cos(np.radians(north[known]))).max() < 2e-4
    assert cd.open(FREEZE).sizes["x"] == 500  # also under a name that tells nothing
    with pytest.raises(SelectionError, match="tells the time"):
        cd.open(FREEZE, time="2015")
    region = Region.bbox(100, 60, 120, 75)
    cut = cd.open(path, region=region)
    inside = region.contains(told_east, told_north)
    np.testing.assert_array_equal(cut.in_region.values, inside[bounds(inside)])


def test_cells_placed_by_their_degrees(tmp_path: Path) -> None:
    """A subset of SMAP has lost its place in the lattice, but each cell knows its own."""
    recorded = structure("spl3ftp")
    north, east = np.meshgrid(np.linspace(80, 60, 40), np.linspace(-30, 50, 60), indexing="ij")
    north = np.stack([north, north]).astype("f4")
    east = np.stack([east, east]).astype("f4")
    north[0, :, :30] = east[0, :, :30] = -9999  # no pass in the morning there
    north[1, 35:] = east[1, 35:] = -9999
    group = "/Freeze_Thaw_Retrieval_Data_Polar"
    path = write_grid(
        tmp_path / recorded["name"],
        {
            **recorded,
            "arrays": {
                name: {**spec, "shape": [2, 40, 60] if len(spec["shape"]) == 3 else [0]}
                for name, spec in recorded["arrays"].items()
                if "dim" not in name
            }
            | {
                f"/dim{i}": {**recorded["arrays"][f"/dim{i}"], "shape": [size]}
                for i, size in enumerate((2, 40, 60))
            },
        },
        {},
        {f"{group}/latitude": north, f"{group}/longitude": east},
    )
    region = Region.bbox(-10, 62, 20, 70)
    ds = cd.open(path, region=region)
    assert "x" not in ds.variables
    where = [np.where(part[0] > -9999, part[0], part[1]) for part in (east, north)]
    inside = region.contains(*where) & (where[0] > -9999)
    rows, columns = bounds(inside)
    np.testing.assert_array_equal(ds.in_region.values, inside[rows, columns])
    np.testing.assert_array_equal(ds.latitude.values[0], north[:, rows, columns])
    assert ds.latitude.dims[0] == "time"
    assert ds.in_region[3, 5].item() == inside[rows, columns][3, 5]
    picked = ds.in_region[np.array([0, 2]), 1:4].values
    np.testing.assert_array_equal(picked, inside[rows, columns][[0, 2], 1:4])


def test_without_pyproj(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a region needs it: the maps themselves do not."""
    for cached in (projection.known_projection, projection._crs, projection._transformer):
        cached.cache_clear()
    monkeypatch.setitem(sys.modules, "pyproj", None)
    with cd.open(PAIR) as ds:
        assert ds.sizes["x"] == 2016
        assert ds.spatial_ref.attrs["spatial_epsg"] == 3031
    for path in (PAIR, ICE_NORTH):
        with pytest.raises(MissingDependencyError, match="pyproj") as caught:
            cd.open(path, region=(-130, -82, -128, -80))
        assert "cryodata-earth[geo]" in caught.value.fix


def test_grid_that_nobody_can_place() -> None:
    """Without axes, lattice or degrees, a region is no question that has an answer."""
    ds = cd.open(CORNERS)
    with h5py.File(CORNERS) as file:
        group = file["Freeze_Thaw_Retrieval_Data_Global"]
        same(ds["altitude_dem.Bands_01"], decoded(group["altitude_dem.Bands_01"]))
    with pytest.raises(SelectionError, match="where its cells lie") as caught:
        cd.open(CORNERS, region=(100, 60, 120, 75))
    assert "isel" in caught.value.fix


def smap_9km(tmp_path: Path, values: NDArray[Any], at: tuple[slice, slice]) -> Path:
    """An SPL4SMGP of full size, of which one patch holds values."""
    recorded = structure("spl4smgp")
    cell = 9008.055210146
    x = (np.arange(3856) - 1927.5) * cell
    y = (811.5 - np.arange(1624)) * cell
    path = write_grid(
        tmp_path / recorded["name"], recorded, {}, {"/x": x, "/y": y}, leave_out=("/cell_l",)
    )
    with h5py.File(path, "r+") as file:
        file["Geophysical_Data/sm_surface"][at] = values
    return path


def test_soil_moisture_with_axes_in_the_root(tmp_path: Path) -> None:
    """Axes in one group, values in another, and nothing that ties them together."""
    at = (slice(150, 160), slice(3000, 3020))
    values = np.random.default_rng(0).random((10, 20)).astype("f4")
    path = smap_9km(tmp_path, values, at)
    ds = cd.open(path, variables="sm_surface")
    assert ds.sm_surface.dims == ("time", "y", "x")
    assert ds.time.values == np.array(["2015-04-14T01:30"], "M8[ns]")
    assert CRS(ds.spatial_ref.attrs["crs_wkt"]) == CRS(6933)
    np.testing.assert_array_equal(ds.sm_surface.isel(y=at[0], x=at[1]).values[0], values)
    x, y = ds.x.values[at[1]], ds.y.values[at[0]]
    east, north = centres(x, y, CRS(6933))
    box = (east.min() - 1e-6, north.min() - 1e-6, east.max() + 1e-6, north.max() + 1e-6)
    cut = cd.open(path, region=box, variables="sm_surface")
    np.testing.assert_array_equal(cut.sm_surface.values[0], values)
    np.testing.assert_array_equal(cut.x.values, x)
    assert cut.in_region.values.all()
    over = cd.open(path, region=(170, 60, -170, 70), variables="sm_surface")
    assert over.sizes["x"] == 3856  # both ends of the map
    assert 0.05 < float(over.in_region.mean()) < 0.06


def test_landcover_of_smap_keeps_its_last_axis(tmp_path: Path) -> None:
    """Rows and columns are not always the last axes."""
    recorded = structure("spl3smp_e")
    path = write_grid(tmp_path / recorded["name"], recorded, {}, {})
    with h5py.File(path, "r+") as file:
        group = file["Soil_Moisture_Retrieval_Data_AM"]
        group["landcover_class"][700:702, 30:33] = np.arange(18, dtype="u1").reshape(2, 3, 3)
    ds = cd.open(path, variables="landcover_class")
    assert ds.landcover_class.dims[:3] == ("time", "y", "x")
    found = ds.landcover_class.isel(y=slice(700, 702), x=slice(30, 33)).values
    np.testing.assert_array_equal(found[0], np.arange(18).reshape(2, 3, 3))
    evening = cd.open(path, group="Soil_Moisture_Retrieval_Data_PM")
    assert set(evening.data_vars) == {
        "soil_moisture_pm",
        "retrieval_qual_flag_pm",
        "surface_flag_pm",
    }


def bed(tmp_path: Path, short_name: str, x: NDArray[Any], y: NDArray[Any]) -> Path:
    recorded = structure(short_name)
    values = {
        "/x": x,
        "/y": y,
        "/bed": np.arange(x.size * y.size, dtype="f4").reshape(y.size, x.size),
        "/mask": np.full((y.size, x.size), 2, "i1"),
    }
    sizes = {13333: len(x), 10218: len(x), 18346: len(y)}
    return write_grid(tmp_path / recorded["name"], recorded, sizes, values)


@pytest.mark.parametrize("short_name, code", [("IDBMG4", 3413), ("NSIDC-0756", 3031)])
def test_bed_of_the_ice_sheets(tmp_path: Path, short_name: str, code: int) -> None:
    """The file names another ellipsoid than the projection it is published in."""
    axis = np.arange(-3_000_000, -2_800_000, 5_000, dtype="i4")
    path = bed(tmp_path, short_name, axis, axis[::-1].copy())
    ds = cd.open(path)
    assert "time" not in ds.dims
    assert CRS(ds.spatial_ref.attrs["crs_wkt"]) == CRS(code)
    assert ds.bed.dims == ("y", "x")
    assert ds.mask.dtype == np.int8
    with h5py.File(path) as file:
        same(ds.bed, decoded(file["bed"]))
    assert "source" not in ds
    assert {"source", "dataid"} <= set(cd.open(path, variables="all"))
    east, north = centres(axis[10:20], axis[::-1][5:9], CRS(code))
    region = Region.bbox(east.min(), north.min(), east.max(), north.max())
    cut = cd.open(path, region=region, variables="bed")
    inside = region.contains(*centres(axis, axis[::-1], CRS(code)))
    same(cut.bed, ds.bed.values[bounds(inside)])


def gridded_month(tmp_path: Path, name: str, *, turned: float = 0.0) -> Path:
    """An ATL20 whose degrees may be turned against its axes."""
    recorded = structure("atl20")
    x = -3_837_500 + 25_000.0 * np.arange(304)
    y = 5_837_500 - 25_000.0 * np.arange(448)
    east, north = centres(x, y, CRS(3411))
    values = {"/grid_x": x, "/grid_y": y, "/grid_lat": north, "/grid_lon": east + turned}
    rng = np.random.default_rng(7)
    month = name[9:15]
    first = (np.datetime64(f"{month[:4]}-{month[4:]}-01") - np.datetime64("2018-01-01")).astype(int)
    for number, group in enumerate(["/monthly", "/daily/day01", "/daily/day02", "/daily/day03"]):
        values[f"{group}/mean_fb"] = rng.random((448, 304)).astype("f4")
        day = first + max(0, number - 1)
        values[f"{group}/delta_time_beg"] = 86_400.0 * day + 812.25
        values[f"{group}/delta_time_end"] = 86_400.0 * (day + 1)
    return write_grid(tmp_path / name, recorded, {}, values)


def test_freeboard_by_month_and_by_day(tmp_path: Path) -> None:
    """Days lie in groups of their own: together they are one grid with a layer each."""
    path = gridded_month(tmp_path, "ATL20-01_20181101001332_05100101_004_01.h5")
    with h5py.File(path) as file:
        month = cd.open(path)
        assert month.sizes == {"time": 1, "y": 448, "x": 304}
        assert CRS(month.spatial_ref.attrs["crs_wkt"]) == CRS(3411)
        assert month.time.values == np.array(["2018-11-01T00:13:32.25"], "M8[ns]")
        same(month.mean_fb, decoded(file["monthly/mean_fb"])[None])
        days = cd.open(path, group="daily")
        assert days.sizes == {"time": 3, "y": 448, "x": 304}
        expected = np.stack([decoded(file[f"daily/day0{i}/mean_fb"]) for i in (1, 2, 3)])
        same(days.mean_fb, expected)
        assert days.delta_time_end.dims == ("time",)
        cut = cd.open(path, group="daily", time="2018-11-02", region=(-180, 70, 180, 90))
        assert cut.sizes["time"] == 1
        region = Region.bbox(-180, 70, 180, 90)
        axes = file["grid_x"][:], file["grid_y"][:]
        inside = region.contains(*centres(*axes, CRS(3411)))
        same(cut.mean_fb, expected[1:2][:, *bounds(inside)])
        np.testing.assert_array_equal(cut.in_region.values, inside[bounds(inside)])
        one = cd.open(path, group="daily/day03")
        same(one.mean_fb, expected[2:])


def test_degrees_that_contradict_the_projection(tmp_path: Path) -> None:
    """The first release of ATL20 had its longitudes turned by 180 degrees."""
    name = "ATL20-01_20181101001332_05100101_001_01.h5"
    path = gridded_month(tmp_path, name, turned=180.0)
    assert cd.open(path).mean_fb.shape == (1, 448, 304)
    with pytest.raises(FormatError, match="km from its latitude") as caught:
        cd.open(path, region=(-180, 70, 180, 90))
    assert "ds.sel" in caught.value.fix


def test_grid_without_a_projection(tmp_path: Path) -> None:
    """A file that neither says its projection nor by its name which one, is not placed."""
    path = gridded_month(tmp_path, "ATL20-01_20181101001332_05100101_004_01.h5")
    renamed = path.rename(tmp_path / "ATL20_november.h5")
    with h5py.File(renamed, "r+") as file:
        file.attrs["short_name"] = np.bytes_(b"ATL20")
        del file["grid_lat"]
    ds = cd.open(renamed)
    assert "spatial_ref" not in ds
    assert ds.mean_fb.shape == (1, 448, 304)
    with pytest.raises(SelectionError, match="where its cells lie"):
        cd.open(renamed, region=(-180, 70, 180, 90))


def test_impossible_wishes() -> None:
    """Each gets its own answer, before anything is read."""
    with pytest.raises(RegionError):
        cd.open(ICE_NORTH, region=(0, 80, 10, 70))
    with pytest.raises(SelectionError, match="before it begins"):
        cd.open(ICE_NORTH, time=("2022", "2021"))
    with pytest.raises(SelectionError, match="no beams"):
        cd.open(ICE_NORTH, beams="strong")
    with pytest.raises(UnknownVariableError, match="no variable 'cdr_seaice'") as caught:
        cd.open(ICE_NORTH, variables=["cdr_seaice"])
    assert "cdr_seaice_conc_monthly" in caught.value.fix
    with pytest.raises(UnknownVariableError, match="no grid 'dhdt'"):
        cd.open(ICE_NORTH, group="dhdt")
    with pytest.raises(SelectionError, match="group= chooses"):
        cd.open(next(DATA.glob("processed_ATL06*006*")), group="gt1l")


def test_no_layer_in_time() -> None:
    """An empty result has its dimensions, and says what there would have been."""
    with pytest.warns(UserWarning, match=r"No layer is of 2020.*2021-12-01") as caught:
        ds = cd.open(ICE_NORTH, time="2020")
    assert caught[0].filename == __file__
    assert ds.sizes == {"time": 0, "y": 448, "x": 304}
    assert ds.cdr_seaice_conc_monthly.values.shape == (0, 448, 304)
    assert cd.open(ICE_NORTH, time="2021-12-01").sizes["time"] == 1


def test_lazy_pickled_and_in_chunks() -> None:
    """What dask carries to its workers must read the same there."""
    region = (-60, 60, 0, 80)
    plain = cd.open(ICE_NORTH, region=region)
    again = pickle.loads(pickle.dumps(plain))
    xr.testing.assert_identical(again.load(), plain.load())
    chunked = cd.open(PAIR, region=(-130, -82, -128, -80), chunks={}, variables=["v", "vx"])
    assert chunked.v.chunks is not None
    rows = np.cumsum([0, *chunked.v.chunks[1]])
    with h5py.File(PAIR) as file:
        first = int(np.flatnonzero(file["y"][:] == chunked.y.values[0])[0])
    assert all((first + edge) % 640 == 0 for edge in rows[1:-1])  # whole chunks of the file
    whole = cd.open(PAIR, region=(-130, -82, -128, -80), variables=["v", "vx"])
    xr.testing.assert_equal(chunked.compute(), whole.load())


def test_named_variables_are_read_together(tmp_path: Path) -> None:
    """Three maps of one window are one round, not three."""
    path, x, y, noise = height_model(tmp_path)
    east, north = centres(x[100:140], y[200:240], CRS(3413))
    box = (east.min(), north.min(), east.max(), north.max())
    with cd.open(path) as known:  # its index is kept, so that the next reads no structure
        for file in known.encoding["cryodata"].files:
            file.flush()
    ds = cd.open(path, region=box, variables=["h", "h_sigma", "ice_area"])
    before = ds.cryo.receipt
    sigma = ds.h_sigma.values
    after = ds.cryo.receipt
    h, area = ds.h.values, ds.ice_area.values
    assert ds.cryo.receipt == after
    assert (after - before).rounds == 1
    np.testing.assert_array_equal(sigma, h + 1)
    np.testing.assert_array_equal(area, h + 2)
    rows, columns = y.searchsorted(ds.y.values), x.searchsorted(ds.x.values)
    np.testing.assert_array_equal(h, noise[np.ix_(rows, columns)])
    every = cd.open(path, region=box)
    before = every.cryo.receipt
    xr.testing.assert_identical(every.cryo.load(), cd.open(path, region=box).load())
    assert (every.cryo.receipt - before).rounds == 1
    part = cd.open(path, region=box, variables=["h", "h_sigma"])
    np.testing.assert_array_equal(part.h[5:9, 3].values, h[5:9, 3])
    np.testing.assert_array_equal(part.h_sigma[2:4, 3].values, sigma[2:4, 3])


def test_damaged_variable_is_no_obstacle(tmp_path: Path) -> None:
    """Only who asks for the damaged map hears of it."""
    path = tmp_path / PAIR.name
    raw = bytearray(PAIR.read_bytes())
    with h5py.File(PAIR) as file:
        chunk = file["vy"].id.get_chunk_info(0)
    raw[chunk.byte_offset + 20 : chunk.byte_offset + 400] = bytes(380)
    path.write_bytes(raw)
    ds = cd.open(path, variables=["vx", "vy"])
    np.testing.assert_array_equal(ds.vx.values, cd.open(PAIR).vx.values)
    with pytest.raises(ChunkCorruptError):
        ds.vy.load()


def test_receipt_and_close() -> None:
    """A grid is a Dataset like the others: it tells what it cost, and gives files back."""
    ds = cd.open(ICE_NORTH)
    ds.load()
    assert ds.cryo.receipt.requests > 0
    ds.close()
