"""Whatever people have a region in is read as the same region, or refused with the remedy."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pyproj
import pytest
import shapely

from cryodata.errors import CryodataError, FormatError, NotFoundError, RegionError
from cryodata.region.region import Region
from cryodata.region_input import region_of

SHAPE = shapely.Polygon([(-50, 69), (-47, 69), (-46, 71), (-48.5, 72), (-50, 69)])
INSIDE, OUTSIDE = (-48.0, 70.0), (-49.9, 71.9)
GEOJSON = shapely.geometry.mapping(SHAPE)
FEATURE = {"type": "Feature", "properties": {}, "geometry": GEOJSON}
COLLECTION = {
    "type": "FeatureCollection",
    "features": [FEATURE, {"type": "Feature", "properties": None, "geometry": None}],
}


class Borrowed:
    """Something of another library that can say where it is."""

    def __init__(self, interface: dict[str, Any]) -> None:
        self.__geo_interface__ = interface


def table(crs: str | None = "EPSG:4326") -> geopandas.GeoDataFrame:
    return geopandas.GeoDataFrame({"a": [1]}, geometry=[SHAPE], crs=crs)


FORMS: dict[str, Any] = {
    "region": Region.of(SHAPE),
    "shapely": SHAPE,
    "multi": shapely.MultiPolygon([SHAPE]),
    "collection of shapes": shapely.GeometryCollection([SHAPE, shapely.Point(0, 0)]),
    "interface": Borrowed(GEOJSON),
    "interface of a feature": Borrowed(FEATURE),
    "geometry": GEOJSON,
    "feature": FEATURE,
    "features": COLLECTION,
    "geometries": {"type": "GeometryCollection", "geometries": [GEOJSON]},
    "table": table(),
    "table without crs": table(None),
    "series": table().geometry,
    "table in metres": table().to_crs("EPSG:3413"),
    "table of latitude first": table().to_crs("EPSG:4979"),
    "json of the web": json.loads(json.dumps(COLLECTION)),
}


@pytest.mark.parametrize("form", FORMS)
def test_forms(form: str) -> None:
    """Each form means the polygon it holds."""
    region = region_of(FORMS[form])
    assert region.contains(*INSIDE)
    assert not region.contains(*OUTSIDE)
    np.testing.assert_allclose(region.bounds, SHAPE.bounds, atol=2e-4)


@pytest.mark.parametrize(
    "numbers", [(-50, 69, -46, 72), [-50.0, 69, -46, 72], np.array([310, 69, 314, 72.0])]
)
def test_four_numbers(numbers: Any) -> None:
    """A tuple, a list and an array are boxes."""
    assert region_of(numbers) == Region.bbox(-50, 69, -46, 72)


WRITERS: dict[str, Callable[[Path], None]] = {
    "a.geojson": lambda path: table().to_file(path),
    "a.shp": lambda path: table().to_crs("EPSG:3413").to_file(path),
    "a.gpkg": lambda path: table().to_crs("EPSG:3413").to_file(path),
    "a.parquet": lambda path: table().to_parquet(path),
    "a.kml": lambda path: table().to_file(path, driver="KML"),
}


@pytest.mark.parametrize("name", WRITERS)
def test_files(name: str, tmp_path: Path) -> None:
    """A file of shapes is read with its own CRS, by path or by its text."""
    WRITERS[name](tmp_path / name)
    for path in (tmp_path / name, str(tmp_path / name)):
        region = region_of(path)
        assert region.contains(*INSIDE)
        assert not region.contains(*OUTSIDE)
        np.testing.assert_allclose(region.bounds, SHAPE.bounds, atol=2e-4)


def test_projected_shapes_round_a_pole() -> None:
    """A circle round the south pole in metres holds the pole, and its edge stays a circle."""
    circle = shapely.Point(0, 0).buffer(1_000_000, quad_segs=64)
    region = region_of(geopandas.GeoSeries([circle], crs="EPSG:3031"))
    lat = -90 + 8.95  # 1000 km on the ground, a little more on the map
    lon = np.arange(-180.0, 181.0, 7)
    assert region.contains(lon, np.full_like(lon, -85)).all()
    assert region.contains(lon, np.full_like(lon, lat - 0.3)).all()
    assert not region.contains(lon, np.full_like(lon, lat + 0.5)).any()
    assert region.contains(0, -90)


def test_projected_edges_are_curves() -> None:
    """A straight edge in metres is curved in degrees: two corners alone would cut it off."""
    box = shapely.box(-2_000_000, -2_500_000, 2_000_000, -2_400_000)
    series = geopandas.GeoSeries([box], crs="EPSG:3413")
    middle = geopandas.GeoSeries([shapely.Point(0, -2_450_000)], crs="EPSG:3413").to_crs(4326)
    assert region_of(series).contains(middle.x, middle.y).all()


BAD: list[tuple[Any, type[CryodataError], str, str]] = [
    ((1, 2, 3), RegionError, "4 numbers, not 3 values", "south"),
    ([], RegionError, "4 numbers, not 0 values", "south"),
    (7, RegionError, "int is no region", "GeoDataFrame"),
    ({"type": "Polygone"}, RegionError, "type 'Polygone'", "GeoJSON"),
    ({}, RegionError, "type 'None'", "GeoJSON"),
    ({"type": "FeatureCollection", "features": []}, RegionError, "no geometry", "GeoJSON"),
    ({"type": "Feature", "geometry": None}, RegionError, "no geometry", "GeoJSON"),
    ({"type": "Polygon", "coordinates": "x"}, RegionError, "geometry that is none", "GeoJSON"),
    ({"type": "Polygon", "coordinates": [[[0, 1]]]}, RegionError, "geometry that is none", "Geo"),
    ({"type": "Point", "coordinates": [0, 1]}, RegionError, "no area", "buffer"),
    (
        {**COLLECTION, "crs": {"properties": {"name": "urn:ogc:def:crs:EPSG::3413"}}},
        RegionError,
        "EPSG::3413",
        "re-projected",
    ),
    (table().iloc[:0], RegionError, "no shapes", "polygon"),
    (table().to_crs("EPSG:3413").set_crs(None, allow_override=True), RegionError, "degrees", "CRS"),
    ("no/such/file.geojson", NotFoundError, "no such file", "path"),
]  # fmt: skip


@pytest.mark.parametrize("what, error, said, fix", BAD)
def test_what_is_no_region(what: Any, error: type[CryodataError], said: str, fix: str) -> None:
    """What is none of the forms is refused by its class, with the remedy."""
    with pytest.raises(error, match=said) as caught:
        region_of(what)
    assert fix in str(caught.value)


@pytest.mark.parametrize("name", ["a.geojson", "a.shp", "a.parquet", "a.gpkg"])
def test_damaged_files(name: str, tmp_path: Path) -> None:
    """A file that is not what its name says is a FormatError, not one of a library below."""
    (tmp_path / name).write_bytes(b"no shapes in here")
    with pytest.raises(FormatError, match="No shapes can be read"):
        region_of(tmp_path / name)


def test_deep_geojson_is_refused() -> None:
    """Nesting without end must not end in a RecursionError."""
    deep: dict[str, Any] = GEOJSON
    for _ in range(5000):
        deep = {"type": "GeometryCollection", "geometries": [deep]}
    with pytest.raises(RegionError, match="nested too deep"):
        region_of(deep)


@pytest.mark.parametrize(
    "missing, what", [("shapely", GEOJSON), ("geopandas", "here.geojson")], ids=["shapes", "files"]
)
def test_missing_packages_are_named(missing: str, what: Any, tmp_path: Path) -> None:
    """Without the extra, the error says what to install."""
    (tmp_path / "here.geojson").write_text(json.dumps(FEATURE))
    script = (
        f"import sys; sys.modules[{missing!r}] = None\n"
        "from cryodata.region_input import region_of\n"
        "from cryodata.errors import MissingDependencyError\n"
        f"try: region_of({what!r})\n"
        "except MissingDependencyError as error: assert 'cryodata-earth[geo]' in str(error)\n"
        "else: raise SystemExit('no error')\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60, cwd=tmp_path)


@pytest.mark.parametrize(
    "shape, crs",
    [
        (shapely.Point(0, 0).buffer(3.35e6, quad_segs=90), 3413),
        (shapely.box(-2_000_000, -1_520_000, 2_000_000, -1_480_000), 3413),
        (shapely.box(-500_000, 300_000, 400_000, 1_200_000), 3031),
    ],
)
def test_projected_shapes_are_followed(shape: shapely.Polygon, crs: int) -> None:
    """Rows near the edge of a large glacier would be in the wrong half."""
    region = region_of(geopandas.GeoSeries([shape], crs=crs))
    rng = np.random.default_rng(1)
    at = shapely.line_interpolate_point(shape.exterior, rng.uniform(0, shape.length, 4000))
    edge = np.array([point.coords[0] for point in at])
    points = edge + rng.uniform(-20, 20, edge.shape)
    close = shapely.distance(shape.exterior, shapely.points(points)) < 0.2
    inside = shapely.contains_xy(shape, *points.T)
    back = pyproj.Transformer.from_crs(crs, "OGC:CRS84", always_xy=True)
    found = region.contains(*back.transform(*points.T))
    assert (found == inside)[~close].all()
    assert 100 < inside.sum() < 3900


def test_geojson_as_text() -> None:
    """Its text is what users read from a file; a long one made an error of the system."""
    text = json.dumps(shapely.geometry.mapping(shapely.box(-50, 69, -48, 70)))
    assert region_of(text) == region_of(json.loads(text)) == Region.bbox(-50, 69, -48, 70)
    with pytest.raises(RegionError, match="cannot be read"):
        region_of("{" + text)
    with pytest.raises(NotFoundError):
        region_of("x" * 5000)
    with pytest.raises(NotFoundError):
        region_of("a\0b")
    assert region_of({**json.loads(text), "crs": {"properties": None}}).box is not None
