"""The window of a region on a grid, against all centres transformed by pyproj alone."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pyproj import CRS, Transformer

from cryodata.errors import FormatError
from cryodata.grids.cells import Cells
from cryodata.grids.projection import degrees_of, is_smooth, known_projection, wkt_of
from cryodata.region.region import Region

Bools = NDArray[np.bool_]

GRIDS = {  # EPSG: first column, last column, first row, last row
    3413: (-3.8e6, 3.8e6, 5.8e6, -5.3e6),  # around the north pole
    3031: (-3.0e6, 3.0e6, -3.0e6, 3.0e6),  # around the south pole, rows upwards
    3411: (-0.7e6, 0.9e6, -0.6e6, -3.4e6),  # on another ellipsoid, Greenland
    6931: (-8.9e6, 8.9e6, 8.9e6, -8.9e6),  # EASE-Grid 2.0, to beyond the equator
    6933: (-17.3e6, 17.3e6, 7.3e6, -7.3e6),  # the whole Earth, a cylinder
    4326: (-179.5, 179.5, 89.5, -89.5),
    32622: (3.0e5, 7.0e5, 7.8e6, 7.2e6),  # a zone of UTM
}
TRANSFORMERS = {
    code: Transformer.from_crs(CRS(code), CRS(code).geodetic_crs, always_xy=True) for code in GRIDS
}


def grid(code: int, columns: int = 61, rows: int = 47) -> Cells:
    west, east, first, last = GRIDS[code]
    return Cells(
        np.linspace(west, east, columns),
        np.linspace(first, last, rows),
        CRS(code).to_wkt(),
    )


def inside_by_hand(cells: Cells, code: int, region: Region) -> Bools:
    """Every centre, transformed and compared."""
    x, y = np.meshgrid(cells.x, cells.y)
    return region.contains(*TRANSFORMERS[code].transform(x, y))


def smallest(inside: Bools) -> tuple[slice, slice] | None:
    rows, columns = (np.flatnonzero(inside.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return None
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


@st.composite
def boxes(draw: st.DrawFn) -> Region:
    west = draw(st.floats(-180, 179.9))
    wide = draw(st.floats(0.05, 359))
    south = draw(st.floats(-90, 89.9))
    north = draw(st.floats(south, 90).filter(lambda lat: lat > south))
    east = west + wide
    return Region.bbox(west, south, east - 360 if east > 180 else east, north, sure=True)


@pytest.mark.parametrize("code", GRIDS)
@given(region=boxes())
@example(region=Region.bbox(-180, 60, 180, 90))  # round the pole
@example(region=Region.bbox(170, -80, -170, -60))  # over the antimeridian
@example(region=Region.bbox(170, 60, -170, 80))
@example(region=Region.bbox(-180, -90, 180, 90))  # everything
@example(region=Region.bbox(-180, -90, 180, -89.9))
@example(region=Region.bbox(-50.001, 69.0, -50.0, 69.001))  # between the centres
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_window_of_a_box(code: int, region: Region) -> None:
    """A window too small loses cells for ever; one too large reads what nobody asked for."""
    cells = grid(code)
    inside = inside_by_hand(cells, code, region)
    assert cells.window(region) == smallest(inside)
    rows, columns = slice(3, 40), np.array([0, 5, 6, 60])
    np.testing.assert_array_equal(cells.inside(region, rows, columns), inside[rows][:, columns])


@st.composite
def shapes(draw: st.DrawFn) -> Region:
    """A star-shaped polygon, perhaps with a hole, anywhere."""
    lon, lat = draw(st.floats(-180, 180)), draw(st.floats(-85, 85))
    count = draw(st.integers(4, 9))
    radii = draw(st.lists(st.floats(0.5, 25), min_size=count, max_size=count))
    angles = np.linspace(0, 2 * np.pi, count, endpoint=False)
    corners = [
        (lon + 2 * r * np.cos(a), float(np.clip(lat + r * np.sin(a), -89.9, 89.9)))
        for r, a in zip(radii, angles, strict=True)
    ]
    shape: shapely.geometry.base.BaseGeometry = shapely.Polygon(corners)
    if draw(st.booleans()):
        shape = shape.difference(shapely.Point(lon, lat).buffer(min(radii) / 2))
    return Region.of(shape)


@pytest.mark.parametrize("code", GRIDS)
@given(region=shapes())
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_window_of_a_polygon(code: int, region: Region) -> None:
    """Edges straight on a map are curves in a projection, and reach further than corners."""
    cells = grid(code)
    assert cells.window(region) == smallest(inside_by_hand(cells, code, region))


@pytest.mark.parametrize(
    "lon, lat, code",
    [(0.0, 90.0, 3413), (0.0, -90.0, 3031), (12.0, 90.0, 6931), (180.0, 72.0, 3411)],
)
def test_polygon_over_a_pole(lon: float, lat: float, code: int) -> None:
    """A cap around a pole has the pole in it, however its ring is written."""
    angles = np.linspace(0, 360, 73)[:-1]
    if abs(lat) == 90:
        ring = [(a - 180, np.sign(lat) * 78.0) for a in angles]
    else:
        ring = [(lon + 5 * np.cos(a), lat + 3 * np.sin(a)) for a in np.radians(angles)]
    region = Region.of(shapely.Polygon(ring))
    cells = grid(code, 101, 103)
    expected = inside_by_hand(cells, code, region)
    assert cells.window(region) == smallest(expected)
    if abs(lat) == 90 and code != 3411:
        assert expected[np.abs(cells.y).argmin(), np.abs(cells.x).argmin()]


def test_few_cells_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """BedMachine has 178 million cells: to place all of them takes minutes."""
    cells = Cells(
        np.arange(-3_333_000.0, 3_333_001, 500),
        np.arange(3_333_000.0, -3_333_001, -500),
        known_projection("EPSG:3031"),
    )
    seen = 0
    whole = Region.contains

    def counting(region: Region, lon: NDArray[np.float64], lat: NDArray[np.float64]) -> Bools:
        nonlocal seen
        seen += np.broadcast(lon, lat).size
        return whole(region, lon, lat)

    monkeypatch.setattr(Region, "contains", counting)
    window = cells.window(Region.bbox(-110, -76, -104, -74))  # Thwaites
    assert window is not None
    count = (window[0].stop - window[0].start) * (window[1].stop - window[1].start)
    assert 100_000 < count < 1_000_000
    assert seen < count / 3


def test_degrees_per_cell() -> None:
    """Grids without axes are placed by two-dimensional degrees; some cells have none."""
    lat, lon = np.meshgrid(np.linspace(85, 40, 30), np.linspace(-170, 190, 40), indexing="ij")
    lat[3:5] = np.nan
    region = Region.bbox(160, 50, -160, 60)
    inside = np.zeros(lat.shape, bool)
    known = np.isfinite(lat)
    inside[known] = region.contains(lon[known], lat[known])
    cells = Cells(lon, lat)
    assert cells.window(region) == smallest(inside)
    np.testing.assert_array_equal(cells.inside(region, slice(None), slice(None)), inside)


def test_published_corner_of_a_grid() -> None:
    """NSIDC gives the upper left corner of its northern grid as 168.35 E, 30.98 N."""
    lon, lat = degrees_of(known_projection("EPSG:3411"), [-3_850_000.0], [5_850_000.0])
    np.testing.assert_allclose([lon[0], lat[0]], [168.35, 30.98], atol=0.01)


def test_texts_count_more_than_parameters() -> None:
    """ATL15 names the axes of the Earth in km, which would shrink it a thousandfold."""
    said = {
        "grid_mapping_name": "polar_stereographic",
        "semi_major_axis": 6378.137,
        "spatial_epsg": "3413",
    }
    assert CRS(wkt_of(said)) == CRS(3413)
    assert CRS(wkt_of({"crs_wkt": CRS(3031).to_wkt()})) == CRS(3031)
    assert CRS(wkt_of({"spatial_epsg": 3031.0})) == CRS(3031)
    cf = {k: v for k, v in CRS(3413).to_cf().items() if k != "crs_wkt"}
    operation = CRS(wkt_of(cf)).coordinate_operation
    assert operation is not None
    told = {p.name: float(p.value) for p in operation.params}
    assert told["Latitude of standard parallel"] == 70
    assert not wkt_of({"long_name": "projection"})
    with pytest.raises(FormatError, match="projection"):
        wkt_of({"grid_mapping_name": "flat_earth"})


@pytest.mark.parametrize(
    "crs, smooth",
    [
        ("EPSG:3413", True),
        ("EPSG:3031", True),
        ("EPSG:6931", True),
        ("EPSG:6933", True),
        ("EPSG:4326", True),
        ("EPSG:32622", False),
        ("EPSG:3035", False),  # azimuthal, in the middle of Europe
        ("+proj=cea +lon_0=90 +lat_ts=30", False),  # torn at 90 W
    ],
)
def test_projections_without_a_tear(crs: str, smooth: bool) -> None:
    """The edge of a region tells its window only where the projection is not torn inside."""
    assert is_smooth(CRS(crs).to_wkt()) is smooth
