"""Regions hold the points they should, and the catalogue is asked for no less."""

from __future__ import annotations

import math
import pickle
import subprocess
import sys

import numpy as np
import pytest
import shapely
import shapely.affinity
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from cryodata.errors import RegionError
from cryodata.region.region import Region
from cryodata.sandbox.earthdata import sphere

FloatArray = NDArray[np.float64]

SEED = st.integers(0, 2**32 - 1)


def star(rng: np.random.Generator, *, corners: int = 12) -> shapely.Polygon:
    """A simple polygon; its coordinates are multiples of 1/64, so that shifts are exact."""
    while True:  # corners moved to the next 64th now and then cross: one in 700 is not simple
        middle = rng.uniform([-150, -70], [150, 70])
        size = rng.uniform(1, 30)
        angles = np.sort(rng.uniform(0, 2 * np.pi, corners))
        radius = rng.uniform(0.3, 1, corners) * size
        x = middle[0] + radius * np.cos(angles)
        y = np.clip(middle[1] + radius * np.sin(angles) * 0.6, -89, 89)
        shape = shapely.Polygon(np.round(np.column_stack([x, y]) * 64) / 64)
        if shape.is_valid:
            return shape


def points_around(rng: np.random.Generator, shape: shapely.Polygon) -> FloatArray:
    """Points in and near a shape, and its corners and edges."""
    west, south, east, north = shape.bounds
    near = rng.uniform([west - 3, max(south - 3, -90)], [east + 3, min(north + 3, 90)], (300, 2))
    corners = shapely.get_coordinates(shape)
    return np.vstack([near, corners])


def turned(shape: shapely.Polygon, shift: float, *, back: bool) -> shapely.Polygon:
    """The shape moved east, its longitudes back within -180 to 180, perhaps wound backwards."""
    ring = shapely.get_coordinates(shape)
    ring[:, 0] = (ring[:, 0] + shift + 180) % 360 - 180
    return shapely.Polygon(ring[::-1] if back else ring)


@given(SEED, st.sampled_from([0, 60, 133, 180, 250]), st.booleans())
@settings(max_examples=120, deadline=None)
def test_contains_what_shapely_says(seed: int, shift: float, back: bool) -> None:
    """A polygon over the antimeridian holds the points it would hold elsewhere, edges too."""
    rng = np.random.default_rng(seed)
    shape = star(rng)
    if not shape.is_valid:
        return
    points = points_around(rng, shape)
    expected = shapely.intersects_xy(shape, points)
    region = Region.of(turned(shape, shift, back=back))
    lon, lat = points[:, 0] + shift, points[:, 1]
    assert (region.contains((lon + 180) % 360 - 180, lat) == expected).all()
    assert (region.contains(lon % 360, lat) == expected).all()


@given(SEED)
@settings(max_examples=60, deadline=None)
def test_corners_stay_where_they_are(seed: int) -> None:
    """Moving by 360 degrees costs last digits: corners must not leave their own region by it."""
    rng = np.random.default_rng(seed)
    angles = np.sort(rng.uniform(0, 2 * np.pi, 9))
    lon = (180 + 20 * np.cos(angles) + 180) % 360 - 180
    lat = 70 + 15 * np.sin(angles)
    region = Region.of(shapely.Polygon(np.column_stack([lon, lat])))
    assert region.contains(lon, lat).all()


@given(SEED, st.sampled_from([1, -1]), st.booleans())
@settings(max_examples=80, deadline=None)
def test_ring_round_a_pole_holds_the_pole(seed: int, pole: int, back: bool) -> None:
    """A ring of growing longitudes encloses the nearer pole, in whichever direction it runs."""
    rng = np.random.default_rng(seed)
    lon = np.sort(rng.choice(np.arange(-180, 180, 2.0), 24, replace=False))
    lon[0] = -180.0  # no gap of half a turn, and an edge on the antimeridian itself
    lat = pole * rng.uniform(55, 85, len(lon))
    ring = np.column_stack([lon, lat])
    start = int(rng.integers(len(ring)))
    ring = np.roll(ring, start, axis=0)
    region = Region.of(shapely.Polygon(ring[::-1] if back else ring))
    x, y = rng.uniform(-180, 180, 400), pole * rng.uniform(40, 90, 400)
    edge = np.interp(x, [*lon, 180.0], [*lat, lat[0]])
    assert (region.contains(x, y) == (pole * y >= pole * edge)).all()
    assert region.contains([0.0, 77.0, 180.0], [pole * 90.0] * 3).all()
    assert region.bounds[::2] == (-180.0, 180.0)


@given(SEED, st.sampled_from([0, 100, 180]))
@settings(max_examples=60, deadline=None)
def test_catalogue_is_asked_for_no_less(seed: int, shift: float) -> None:
    """A polygon of the catalogue has great circles for edges: none may cut a piece off."""
    rng = np.random.default_rng(seed)
    shape = star(rng, corners=6)
    if not shape.is_valid:
        return
    region = Region.of(turned(shape, shift, back=False))
    _assert_covers(region, rng)


@pytest.mark.parametrize(
    "shape",
    [
        shapely.Polygon([(lon, -66 + 8 * math.sin(lon / 9)) for lon in range(-180, 180, 5)]),
        shapely.Polygon([(lon, 70 + 15 * math.sin(lon / 20)) for lon in range(-180, 180, 5)]),
        shapely.box(-180, 60, 180, 90).difference(shapely.box(-10, 70, 10, 80)),
        shapely.box(-180, -90, 180, 90).difference(shapely.box(-10, -10, 10, 10)),
        shapely.Polygon([(-60, 60), (0, 62), (60, 60), (30, 84), (-30, 84)]),
        shapely.Polygon([(0, 89), (90, 89.5), (180, 89), (-90, 89.5)]),
        shapely.Point(100, 88).buffer(1.5),
        shapely.MultiPolygon([shapely.Point(x, 75).buffer(0.05) for x in range(-170, 170, 3)]),
        shapely.Point(0, -75).buffer(14).difference(shapely.Point(0, -75).buffer(13)),
        shapely.LineString([(-170, 60), (0, 80), (170, 60), (175, 20)]).buffer(0.2),
    ],
    ids=lambda shape: f"{shape.geom_type}-{shape.bounds}",
)
def test_catalogue_covers_awkward_shapes(shape: shapely.Polygon) -> None:
    """Around poles, with holes, of many parts: what the catalogue is asked holds all of it."""
    with_holes = Region.of(shape)
    _assert_covers(with_holes, np.random.default_rng(7))


@pytest.mark.parametrize(
    "shape",
    [
        shapely.Polygon([(0, 90), (-10, 80), (10, 80)]),
        shapely.Polygon([(0, -90), (50, -70), (10, -60), (-30, -80)]),
        shapely.Point(-45, 70).buffer(3),
        shapely.Polygon([(-60, 60), (60, 60), (0, 80)]),
    ],
    ids=["at the pole", "at the other", "small", "wide"],
)
def test_catalogue_is_asked_for_little_more(shape: shapely.Polygon) -> None:
    """A margin that is not needed lists granules that have nothing in the region."""
    texts = Region.of(shape).cmr_parameters()["polygon"]
    texts = [texts] if isinstance(texts, str) else texts
    values = np.array([float(v) for text in texts for v in text.split(",")]).reshape(-1, 2)
    west, south, east, north = shape.bounds
    asked = (*values.min(axis=0), *values.max(axis=0))
    np.testing.assert_allclose(asked, (west, south, east, north), atol=0.05)


def _assert_covers(region: Region, rng: np.random.Generator) -> None:
    """Each point of the region is in a polygon that the catalogue takes."""
    asked = region.cmr_parameters()
    texts = asked["polygon"]
    texts = [texts] if isinstance(texts, str) else texts
    assert ("options[polygon][or]" in asked) == (len(texts) > 1)
    assert len(texts) <= 30
    assert sum(len(text) for text in texts) < 25_000
    numbers = [[float(value) for value in text.split(",")] for text in texts]
    rings = [list(zip(ring[::2], ring[1::2], strict=True)) for ring in numbers]
    polygons = [sphere.Polygon(ring) for ring in rings]  # raises where the catalogue would
    west, south, east, north = shapely.from_wkt(_wkt(region)).bounds
    lon, lat = rng.uniform([west, south], [east, north], (4000, 2)).T
    inside = region.contains(lon, lat)
    edges = np.vstack([_along(ring) for polygon in region.polygons for ring in polygon])
    lon = np.concatenate([lon[inside], edges[:, 0]])
    lat = np.concatenate([lat[inside], edges[:, 1]])
    away = np.abs(lat) < 89.99  # all sectors meet at the pole, where rounding decides
    places = sphere.vectors(lon[away], lat[away])
    assert np.any([polygon.contains(places) for polygon in polygons], axis=0).all()


def _wkt(region: Region) -> str:
    return shapely.geometry.shape(region.__geo_interface__).wkt


def _along(ring: tuple[tuple[float, float], ...]) -> FloatArray:
    """Points on the straight edges of a ring."""
    points = np.array(ring)
    share = np.linspace(0, 1, 9)[:, None, None]
    return np.asarray(points[:-1] + share * np.diff(points, axis=0)).reshape(-1, 2)


BOXES = [
    ((-50, 69, -48, 70), (-50, 69, -48, 70), [(-49, 69.5), (311, 69.5)], [(-51, 69.5)]),
    ((310, 69, 312, 70), (-50, 69, -48, 70), [(-49, 69.5)], [(49, 69.5)]),
    ((170, -78, -170, -74), (170, -78, -170, -74), [(180, -75), (-180, -75)], [(0, -75)]),
    ((170, -78, 190, -74), (170, -78, -170, -74), [(180, -75), (185, -75)], [(0, -75)]),
    ((-190, -78, -170, -74), (170, -78, -170, -74), [(179, -75), (-171, -75)], [(0, -75)]),
    ((350, 0, 10, 5), (-10, 0, 10, 5), [(0, 0), (355, 5)], [(180, 1)]),
    ((0, -90, 360, -60), (-180, -90, 180, -60), [(0, -90), (359, -60), (-180, -61)], [(0, -59)]),
    ((-180, 60, 0, 90), (-180, 60, 0, 90), [(180, 70), (-180, 70), (-1, 90)], [(1, 70)]),
    ((0, 60, 180, 90), (0, 60, 180, 90), [(180, 70), (-180, 70)], [(-1, 70)]),
    (("-50", 69.0, np.float32(-48), np.int64(70)), (-50, 69, -48, 70), [(-49, 69.5)], []),
    ((-75, 60, -74, 70), (-75, 60, -74, 70), [(-74.5, 65)], []),
    ((72, 35, 78, 38), (72, 35, 78, 38), [(75, 36)], []),
    ((68, -74, 74, -68), (68, -74, 74, -68), [(70, -70)], []),
]  # fmt: skip


@pytest.mark.parametrize("given_box, box, inside, outside", BOXES)
def test_boxes(
    given_box: tuple[float, float, float, float],
    box: tuple[float, ...],
    inside: list[tuple[float, float]],
    outside: list[tuple[float, float]],
) -> None:
    """Either way to write longitudes means the same box; its edges belong to it."""
    region = Region.bbox(*given_box)
    assert region.bounds == box
    assert region.contains(*zip(*inside, strict=True)).all()
    assert not outside or not region.contains(*zip(*outside, strict=True)).any()
    assert region.cmr_parameters() == {"bounding_box": ",".join(f"{v:g}" for v in box)}
    same = Region(region.polygons)  # by its polygons instead
    assert same.contains(*zip(*inside, strict=True)).all()
    assert same.bounds == region.bounds


BAD_BOXES = [
    ((69, -50, 70, -48), r"looks like \(lat, lon\)", r"Did you mean \(-50, 69, -48, 70\)\?"),
    ((60, -150, 61, -149), r"looks like \(lat, lon\)", r"Did you mean \(-150, 60, -149, 61\)\?"),
    ((59.6, -45, 59.8, -43), r"looks like \(lat, lon\)", r"\(-45, 59.6, -43, 59.8\)"),
    ((-50, -48, 69, 70), r"looks like \(W, E, S, N\)", r"Did you mean \(-50, 69, -48, 70\)\?"),
    ((-60, -55, -76, -74), "north of its north", r"Did you mean \(-60, -76, -55, -74\)\?"),
    ((-49, 70, -50, 71), "all round the Earth", r"Did you mean \(-50, 70, -49, 71\)\?"),
    ((0, 10, 10, 5), "south 10 north of its north 5", r"\(0, 5, 10, 10\)"),
    ((100, 10, 110, 95), "latitude 95, beyond the pole", "west, south, east, north"),
    ((170, -120, -170, 0), "latitude -120", "west, south, east, north"),
    ((float("nan"), 0, 1, 1), "no number", "west, south, east, north"),
    ((0, 0, float("inf"), 1), "no number", "west, south, east, north"),
    ((5, 0, 5, 1), "no area", "extent"),
    ((0, 1, 5, 1), "no area", "extent"),
    ((0, 0, 5_000, 1), "no degrees", "west, south, east, north"),
    (("a", 0, 5, 1), "4 numbers", "west, south, east, north"),
    ((None, 0, 5, 1), "4 numbers", "west, south, east, north"),
]


@pytest.mark.parametrize("box, what, fix", BAD_BOXES)
def test_boxes_that_are_none(box: tuple[float, float, float, float], what: str, fix: str) -> None:
    """An impossible box is refused, with the one that was probably meant."""
    with pytest.raises(RegionError, match=what) as caught:
        Region.bbox(*box)
    assert caught.match(fix)
    assert str(caught.value).count("\n") == 1


def test_swapped_numbers_can_be_meant() -> None:
    """Kerguelen is where a swapped box of Greenland lies, and must be reachable."""
    kerguelen = Region.bbox(69, -50, 70, -48, sure=True)
    assert kerguelen.contains(69.5, -49.3)
    assert Region.bbox(-50, -48, 69, 70, sure=True).contains(0, 0)


BAD_SHAPES = [
    (shapely.Polygon(), "empty", "at least one polygon"),
    (shapely.Point(-45, 70), "Point has no area", "buffer"),
    (shapely.LineString([(0, 0), (1, 1)]), "LineString has no area", "buffer"),
    (shapely.Polygon([(0, 0), (1, 1), (2, 2)]), "no area", "buffer"),
    (shapely.box(69, -150, 70, -140), r"look like \(lat, lon\)", r"\(-150, 69, -140, 70\)"),
    (shapely.box(0, 80, 1, 91), "latitude 91", r"\(lon, lat\)"),
    (shapely.box(-200_000, 0, 100_000, 2_500_000), "2,500,000 are no degrees", "CRS"),
    (shapely.Polygon([(0, 0), (1, float("inf")), (1, 1)]), "no number", "NaN"),
    (shapely.GeometryCollection([shapely.Point(0, 0)]), "no area", "buffer"),
]


@pytest.mark.parametrize("shape, what, fix", BAD_SHAPES)
def test_shapes_that_are_no_region(shape: shapely.Polygon, what: str, fix: str) -> None:
    """A shape without area, or off the Earth, is refused with the remedy."""
    with pytest.raises(RegionError, match=what) as caught:
        Region.of(shape)
    assert caught.match(fix)


def test_crossing_edges_are_mended_and_said() -> None:
    """A bow tie is two triangles: both are searched, and the user is told."""
    bow = shapely.Polygon([(0, 60), (10, 70), (10, 60), (0, 70)])
    with pytest.warns(UserWarning, match=r"Self-intersection\[5 65\]"):
        region = Region.of(bow)
    assert region.contains([1, 9, 5], [65, 65, 62]).tolist() == [True, True, False]


def test_rectangle_made_by_a_box_function_is_asked_about() -> None:
    """box(-170, 60, 170, 80) may mean 340 degrees: the narrow reading is not taken silently."""
    with pytest.warns(UserWarning, match=r"\(-170, 60, 170, 80\) as 4 numbers"):
        region = Region.of(shapely.box(-170, 60, 170, 80))
    assert region.bounds == (170, 60, -170, 80)


def test_whole_circle_is_no_crossing() -> None:
    """An edge from -180 to 180 is the edge of a map: it must not shrink to nothing."""
    region = Region.of(shapely.box(-180, 60, 180, 80))
    assert region.box == (-180.0, 60.0, 180.0, 80.0)
    assert region.contains([0, 180, -180, 90], [70, 70, 70, 81]).tolist() == [True] * 3 + [False]


def test_holes_stay_open() -> None:
    """What is in a hole is not in the region, over the antimeridian too."""
    shape = shapely.box(160, -80, 200, -70).difference(shapely.box(175, -78, 185, -72))
    region = Region.of(shape)
    lon, lat = [165, 178, -178, -165, 175], [-75, -75, -75, -75, -75]
    assert region.contains(lon, lat).tolist() == [True, False, False, True, True]
    assert (
        Region.of(shape.reverse()).contains(lon, lat).tolist() == [True] + [False] * 2 + [True] * 2
    )


def test_rings_are_wound_and_closed() -> None:
    """Whoever takes the polygons may rely on counter-clockwise exteriors within the map."""
    ring = [(170, -78), (170, -70), (-175, -65), (-160, -70), (-160, -78)]
    for one in (ring, ring[::-1]):
        region = Region.of(shapely.Polygon(one))
        assert len(region.polygons) == 2
        for exterior, *_ in region.polygons:
            assert exterior[0] == exterior[-1]
            assert shapely.LinearRing(exterior).is_ccw
            assert all(-180 <= lon <= 180 for lon, _ in exterior)


def test_nan_is_nowhere_and_shapes_broadcast() -> None:
    """A fill value in coordinates must not fall into a region by accident."""
    for region in (Region.bbox(-50, 60, -40, 70), Region.of(shapely.Point(-45, 65).buffer(5))):
        assert region.contains([np.nan, -45], [65, np.nan]).tolist() == [False, False]
        assert region.contains(np.full((3, 1), -45.0), np.full(2, 65.0)).shape == (3, 2)
        assert region.contains(-45, 65).shape == ()
        assert region.contains([], []).shape == (0,)


def test_equal_regions_are_one() -> None:
    """Regions are keys of caches and travel to workers."""
    shape = shapely.Point(-45, 65).buffer(5)
    region = Region.of(shape)
    again = pickle.loads(pickle.dumps(region))
    assert again == region
    assert hash(again) == hash(Region.of(shape))
    assert Region.of(shapely.box(-50, 60, -40, 70)) == Region.of(shapely.box(310, 60, 320, 70))
    assert Region.of(shapely.box(-50, 60, -40, 70)).box == (-50, 60, -40, 70)
    assert "64 corners" in repr(region)
    assert repr(Region.bbox(-50, 60, -40, 70)) == "Region.bbox(-50, 60, -40, 70)"
    assert str(Region.bbox(-50, 60, -40, 70)) == "the box (-50, 60, -40, 70)"
    assert shapely.geometry.shape(region).equals(shape)


def test_boxes_need_no_shapely() -> None:
    """A worker without shapely can cut a box; polygons say what to install."""
    script = (
        "import sys; sys.modules['shapely'] = None\n"
        "from cryodata.region.region import Region\n"
        "from cryodata.errors import MissingDependencyError\n"
        "box = Region.bbox(170, -80, -170, -70)\n"
        "assert box.contains([175, 0], [-75, -75]).tolist() == [True, False]\n"
        "assert box.cmr_parameters() == {'bounding_box': '170,-80,-170,-70'}\n"
        "try: Region(box.polygons).contains(0, 0)\n"
        "except MissingDependencyError as error: assert 'cryodata-earth[geo]' in str(error)\n"
        "else: raise SystemExit('no error')\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


@given(SEED, st.sampled_from([0, 60, 133, 180]), st.booleans())
def test_a_box_that_holds_a_point_of_the_region_may_touch_it(
    seed: int, shift: int, boxed: bool
) -> None:
    """A chunk that is skipped though it holds a row inside loses heights without a word."""
    rng = np.random.default_rng(seed)
    shape = shapely.affinity.translate(star(rng), shift)
    region = Region.bbox(*shape.bounds, sure=True) if boxed else Region.of(shape)
    points = points_around(rng, shape)
    points[:, 0] = (points[:, 0] + 180) % 360 - 180
    boxes = np.sort(points[rng.integers(0, len(points), (60, 2))], axis=1)
    touched = region.may_touch(boxes[:, 0, 0], boxes[:, 0, 1], boxes[:, 1, 0], boxes[:, 1, 1])
    for (low, high), found in zip(boxes, touched, strict=True):
        held = points[((points >= low) & (points <= high)).all(axis=1)]
        assert found or not region.contains(held[:, 0], held[:, 1]).any()
    if not boxed or region.bounds[0] <= region.bounds[2]:  # no box on the other side touches
        away = (region.bounds[0] + 180 - 5, -90, region.bounds[0] + 180, 90)
        if region.bounds[2] - region.bounds[0] < 120:
            assert not region.may_touch(*np.array(away)[:, None]).any()


def test_a_box_without_known_sides_may_touch_anything() -> None:
    """Where nothing is known of a chunk, it has to be read."""
    region = Region.bbox(-50, 60, -40, 70)
    nan = np.nan
    assert region.may_touch([nan], [65], [nan], [66]).all()
    assert region.may_touch([-45], [nan], [-44], [nan]).all()
    assert not region.may_touch([-45], [71], [-44], [nan]).any()


@pytest.mark.parametrize("west, east", [(180, -180), (190, -170), (10, 10), (-170, 190)])
def test_meridians_that_are_one(west: float, east: float) -> None:
    """A box without width would be the whole world, or find nothing."""
    if east - west == 360:
        assert Region.bbox(west, 60, east, 70).bounds == (-180, 60, 180, 70)
        return
    with pytest.raises(RegionError, match="no area"):
        Region.bbox(west, 60, east, 70)
