"""Product tables: what they say, what they refuse, and how files find them."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from cryodata import products
from cryodata.errors import ProductError, UnknownProductError
from cryodata.products import Product
from cryodata.products.page import page
from cryodata.products.registry import shipped, text
from cryodata.products.tracks import Spot, spot_from_attributes, spots_from_orientation
from cryodata.sandbox.granules import template
from tests.real import real_files

PAGE = Path(__file__).parent.parent / "docs" / "products.md"
SHIPPED = [path.stem.upper() for path in sorted(Path(products.__path__[0]).glob("*.toml"))]
ALONG_TRACK = [name for name in SHIPPED if products.get(name).rates]
RECORDED_AS = {"ATL07": "003"}
"""Release of a recording, where it is one that calls things otherwise than the table does."""

TABLE = """
short_name = "XYZ01"
title = "A product"
doi = "10.1/{release}"
epoch = "2018-01-01T00:00:00"
tracks = ["a", "b"]
rows = "point"

[[rates]]
dimension = "point"
group = "points"
time = "t"
default = ["h"]

[[rates]]
dimension = "pulse"
group = "points/raw"
time = "t"

[[references]]
dimension = "pulse"
product = "XYZ00"
rows = "pulse"
index = "points/raw/i"
classes = "points/raw/class"
start = 1

[dimensions]
"points/h" = ["surface"]

[[flags]]
variable = "points/q"
words = { good = 0, bad = 1 }
good = ["good"]

[[releases]]
numbers = ["002"]
notes = ["q has one word more."]
apart = "it differs"
names = { "points/h" = "points/old" }

[[releases.flags]]
variable = "points/q"
words = { good = 0, bad = 1, ugly = 2 }
good = ["good"]
"""


def test_table_is_read_as_written() -> None:
    """A key read wrongly would send every user of the product to the wrong data."""
    product = Product.from_toml(TABLE)
    assert product.rate.dimension == "point"
    assert product.rate.coordinates == {"time": "t"}
    assert product.epoch == np.datetime64("2018-01-01T00:00:00", "ns")
    assert dict(product.dimensions) == {"points/h": ("surface",)}
    assert dict(product.flags_of("001")["points/q"].words) == {"good": 0, "bad": 1}
    assert dict(product.flags_of("002")["points/q"].words) == {"good": 0, "bad": 1, "ugly": 2}


GRID = """
short_name = "XYZ02"
title = "A grid"
doi = "10.1/y"
zone_maps = ["h"]

[grid]
groups = ["", "lag"]
time = "t"
mapping = "map"
crs = { _N_ = "EPSG:3413" }
default = ["h"]
"""


@pytest.mark.parametrize(
    "path, dimension",
    [
        ("points", "point"),
        ("points/h", "point"),
        ("points/raw", "pulse"),
        ("points/raw/x", "pulse"),
        ("points_of_view/x", None),
        ("", None),
    ],
)
def test_nearest_rate_of_a_path(path: str, dimension: str | None) -> None:
    """A group inside another rate's group has rows of its own."""
    rate = Product.from_toml(TABLE).rate_of(path)
    assert (rate.dimension if rate else None) == dimension


@pytest.mark.parametrize(
    "old, new, message",
    [
        ('rows = "point"', 'rows = "nothing"', "no rate has the rows 'nothing'"),
        ('tracks = ["a", "b"]', 'tracks = ["a", "a"]', "each once"),
        ('tracks = ["a", "b"]', "tracks = []", "tracks must be named"),
        ('dimension = "pulse"', 'dimension = "point"', "share a row dimension"),
        ('dimension = "pulse"', 'dimension = "two words"', "cannot name a dimension"),
        ('default = ["h"]', 'default = ["h", "h"]', "twice"),
        ('time = "t"\ndefault', 'time = "t"\nlatitude = "y"\ndefault', "latitude and longitude"),
        ('good = ["good"]', 'good = ["best"]', "good words without value"),
        ("bad = 1 }", 'bad = "1" }', "must be integers"),
        ('title = "A product"', 'title = ""', "title must be a text"),
        ('title = "A product"', "", "title"),
        ('title = "A product"', 'title = "A"\ncolour = "red"', "colour"),
        ('epoch = "2018-01-01T00:00:00"', 'epoch = "soon"', "XYZ01"),
        ('rows = "point"', "rows = point", "no TOML"),
        ("start = 1", "start = 2", "from 0 or 1"),
        ('dimension = "pulse"\nproduct', 'dimension = "x"\nproduct', "no rate has the rows x"),
    ],
)
def test_wrong_tables_are_refused(old: str, new: str, message: str) -> None:
    """A table with a slip of the pen must say so when it is loaded, not when it is used."""
    assert old in TABLE
    with pytest.raises(ProductError, match=message):
        Product.from_toml(TABLE.replace(old, new))


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_tables_load_and_pickle(name: str) -> None:
    """A table that cannot travel to a dask worker is of no use there."""
    product = products.get(name)
    assert product.short_name == name
    assert pickle.loads(pickle.dumps(product)) == product


def test_page_of_the_documentation_is_that_of_the_tables() -> None:
    """A page older than the tables tells users names that are no longer read."""
    assert PAGE.read_text("utf-8") == page(shipped()), "run `make page`"


def test_page_says_all_that_a_table_says() -> None:
    """What the page leaves out, nobody finds who does not read TOML."""
    said = page([Product.from_toml(TABLE), Product.from_toml(GRID)])
    for word in ("XYZ01", "A product", "10.1/{release}", "`a`, `b`", "2018-01-01T00:00:00 UTC"):
        assert word in said
    assert "| `point` | `points` | `t` | `h` |" in said
    assert "- `surface`: `points/h`" in said
    assert "- `points/q`: **good** 0, bad 1, ugly 2" in said
    assert "Release 002:\n\n- q has one word more.\n- `points/h` is called `points/old`." in said
    assert "Not joined with other releases: it differs." in said
    assert "number `points/raw/i`, counted from 1" in said
    assert "A grid in `/`, `lag`, over `t`, `y`, `x`.\n`map` says the projection." in said
    assert "of a file with `_N_` in its name is EPSG:3413" in said


def test_names_of_older_releases_of_atl10() -> None:
    """Freeboards of 2019 lie in other groups; under the new names they would not be found."""
    new = products.get("ATL10")
    old = new.as_of("003")
    assert old.rate.path("beam_fb_height").endswith("segment/beam_freeboard/beam_fb_height")
    assert "beam_fb_sigma" in old.rate.default
    assert old.rate_along("section").group == "freeboard_beam_segment"
    assert {n.first for n in old.nestings} == {
        "leads/ssh_ndx",
        "freeboard_beam_segment/beam_lead_ndx",
    }
    inside = "freeboard_beam_segment"
    for theirs, ours in (
        (f"{inside}/beam_freeboard/beam_fb_height", "freeboard_segment/beam_fb_height"),
        (f"{inside}/beam_freeboard/beam_fb_sigma", "freeboard_segment/beam_fb_unc"),
        (f"{inside}/height_segments/asr_25", "freeboard_segment/heights/asr_25"),
        (f"{inside}/beam_refsurf_height", "reference_surface_section/beam_refsurf_height"),
        ("leads/lead_height", "leads/lead_height"),
    ):
        assert new.name_in("003", theirs) == ours
    assert new.as_of("006") is new


def test_name_that_leads_out_of_the_rate_is_refused() -> None:
    """A default variable looked for under a made-up path would be missing without a word."""
    moved = TABLE.replace('"points/h" = "points/old"', '"points/h" = "elsewhere/h"')
    with pytest.raises(ProductError, match="elsewhere/h would lie outside of points"):
        Product.from_toml(moved).as_of("002")


def test_references_take_the_names_of_a_release() -> None:
    """The index of a photon under a name that a release does not have finds nothing."""
    moved = TABLE.replace('"points/h" = "points/old"', '"points/raw/i" = "points/raw/j"')
    (reference,) = Product.from_toml(moved).as_of("002").references
    assert reference.index == "points/raw/j"


def test_unknown_product_names_the_close_ones() -> None:
    """``ATL6`` is a slip, and the answer should be the cure."""
    assert products.get("atl06") is products.get("ATL06")
    with pytest.raises(UnknownProductError, match="ATL06"):
        products.get("ATL6")


@pytest.mark.parametrize(
    "file, attributes, identification, expected",
    [
        ("ATL06_x.h5", {}, {}, "ATL06"),
        ("x.h5", {"short_name": np.bytes_(b"ATL03")}, {}, "ATL03"),
        ("x.h5", {"short_name": np.array(["ATL03"], object)}, {}, "ATL03"),
        ("ATL06_x.h5", {"short_name": np.bytes_(b"ATL03")}, {}, "ATL03"),
        ("ATL06_x.h5", {"short_name": np.bytes_(b"ATL99")}, {}, None),
        ("x.H5", {"ShortName": np.bytes_(b"GLAH06")}, {}, "GLAH06"),
        ("GLAH06_634_1102_001_0071_0_01_0001.H5", {}, {}, "GLAH06"),
        ("s3://b/ILATM1B_20190506_112233.ATM6AT6.h5", {}, {}, "ILATM1B"),
        ("x.h5", {}, {"fileName": np.bytes_(b"ATL06_2_3_006_01.h5")}, "ATL06"),
        ("x.h5", {}, {"shortName": np.bytes_(b"ATL06")}, "ATL06"),
        ("x.h5", {}, {}, None),
    ],
)
def test_files_find_their_table(
    file: str, attributes: dict[str, Any], identification: dict[str, Any], expected: str | None
) -> None:
    """A granule under another name must not be read with another product's table."""
    product = products.recognise(file, attributes, identification)
    assert (product.short_name if product else None) == expected


@pytest.mark.parametrize(
    "value, expected",
    [
        (np.bytes_(b" a "), "a"),
        ("a", "a"),
        (np.array(["a"], object), "a"),
        (np.array([b"a"]), "a"),
        (np.array(["a", "b"], object), ""),
        (np.int32(3), ""),
        (None, ""),
    ],
)
def test_attributes_as_text(value: Any, expected: str) -> None:
    """Producers, subsetters and R write the same attribute in three ways."""
    assert text(value) == expected


FORWARD = {"gt1l": 6, "gt1r": 5, "gt2l": 4, "gt2r": 3, "gt3l": 2, "gt3r": 1}


def test_strong_beams_follow_the_orientation() -> None:
    """Right is strong forward, left is strong backward, none is known in between."""
    forward = spots_from_orientation(np.array([1], np.int8))
    assert {track: spot.number for track, spot in forward.items()} == FORWARD
    assert [t for t, spot in forward.items() if spot.strong] == ["gt1r", "gt2r", "gt3r"]
    backward = spots_from_orientation(np.array([0], np.int8))
    assert [t for t, spot in backward.items() if spot.strong] == ["gt1l", "gt2l", "gt3l"]
    assert {t: 7 - spot.number for t, spot in backward.items()} == FORWARD
    for turning in ([2], [1, 2, 0], [1, 0], []):
        spots = spots_from_orientation(np.array(turning, np.int8))
        assert not any(spot.strong or spot.weak for spot in spots.values())


def test_same_orientation_said_twice_is_no_change() -> None:
    """Two entries of one value must not make a granule undefined."""
    assert spots_from_orientation(np.array([1, 1]))["gt1r"].strong


@pytest.mark.parametrize(
    "attributes, number",
    [
        ({"atlas_spot_number": b"6", "atlas_beam_type": b"weak", "sc_orientation": b"Forward"}, 6),
        ({"atlas_spot_number": np.array(["1"], object)}, 1),
        ({"atlas_spot_number": b"1", "sc_orientation": b"Transition"}, 0),
        ({"atlas_spot_number": b"1", "atlas_beam_type": b"weak"}, 0),  # contradicts itself
        ({"atlas_spot_number": b"7"}, 0),
        ({}, 0),
    ],
)
def test_spots_of_attributes(attributes: dict[str, Any], number: int) -> None:
    """In doubt a beam is neither strong nor weak."""
    assert spot_from_attributes(attributes) == Spot(number)


def test_spots_agree_with_real_files() -> None:
    """Attributes and orientation are two witnesses; every real granule must have them agree."""
    compared = 0
    for path in real_files().values():
        if "ph_index_beg_only" in path.name:
            continue
        with h5py.File(path) as file:
            compared += _compare_spots(file, path)
    if not compared:
        pytest.skip("no real file with beams and an orientation here")


def _compare_spots(file: h5py.File, path: Path) -> int:
    tracks = [name for name in file if name in FORWARD]
    if not tracks or "orbit_info/sc_orient" not in file:
        return 0
    told = spots_from_orientation(file["orbit_info/sc_orient"][:])
    for track in tracks:
        assert spot_from_attributes(file[track].attrs) == told[track], path.name
    return len(tracks)


@pytest.mark.parametrize("name", ALONG_TRACK)
def test_tables_name_what_real_files_have(name: str) -> None:
    """A default variable under a wrong path would be missing from every granule."""
    recorded = template.load(name.lower())  # of whole granules, or of published dictionaries
    product = products.get(name).as_of(RECORDED_AS.get(name, ""))
    start = "/" if product.tracks == ("",) else "/{beam}/"
    paths = [*recorded.names, *(spec.path for spec in recorded.datasets)]
    seen = {path.removeprefix(start) for path in paths if path.startswith(start)}
    for path in real_files().values():
        if path.name.rsplit("processed_", 1)[-1].startswith(name) and "only" not in path.name:
            with h5py.File(path) as file:
                for track in (track for track in product.tracks if track in file):
                    file[track].visit(seen.add)
    wanted = {
        rate.path(variable)
        for rate in product.rates
        for variable in (*rate.coordinates.values(), *rate.default)
    }
    wanted |= {path for nesting in product.nestings for path in (nesting.first, nesting.count)}
    wanted |= {nesting.identity for nesting in product.nestings if nesting.identity}
    wanted |= {reference.index for reference in product.references}
    wanted |= {reference.identity for reference in product.references if reference.identity}
    wanted |= {*product.dimensions, *product.labels.values(), *product.zone_maps}
    wanted |= set(product.flags_of(""))
    assert wanted <= seen


@pytest.mark.parametrize("name", ALONG_TRACK)
def test_axes_and_words_are_those_recorded(name: str) -> None:
    """An axis more or less would misname the columns; another number turn a filter round."""
    product = products.get(name).as_of(RECORDED_AS.get(name, ""))
    recorded = template.load(name.lower()).beam_datasets()
    for path, dimensions in product.dimensions.items():
        if path in recorded:
            assert len(recorded[path].trail) == len(dimensions), path
    for label, path in product.labels.items():
        if path in recorded:
            sizes = {
                recorded[of].trail[names.index(label)]
                for of, names in product.dimensions.items()
                if label in names and of in recorded
            }
            assert sizes == {recorded[path].shape[0]}
    for path, flag in product.flags_of("").items():
        attributes = recorded[path].attributes if path in recorded else {}
        if words := str(attributes.get("flag_meanings", "")).split():
            assert dict(zip(words, attributes["flag_values"].tolist(), strict=True)) == flag.words
        if flag.columns:
            assert recorded[path].trail == (len(flag.columns),)


@pytest.mark.parametrize("name", ALONG_TRACK)
def test_every_rate_is_named_once_and_owns_its_variables(name: str) -> None:
    """A variable that belongs to another rate would get rows of another length."""
    for release in ("", *(n for r in products.get(name).releases for n in r.numbers)):
        product = products.get(name).as_of(release)
        for rate in product.rates:
            for variable in (*rate.coordinates.values(), *rate.default):
                assert product.rate_of(rate.path(variable)) == rate


def test_references_of_classified_photons_point_where_atl03_nests() -> None:
    """ATL08 would put its classes onto other photons if the two tables did not fit."""
    (reference,) = products.get("ATL08").references
    (nesting, *_) = products.get(reference.product).nestings
    assert (reference.rows, reference.start) == (nesting.fine, 1)
    assert nesting.identity
    paths = [p for n, p in real_files().items() if n.startswith("ATL0") and "clip_gt1r" in n]
    if len(paths) != 2:
        pytest.skip("the two granules of one overpass are not here")
    photons, land = sorted(paths)
    with h5py.File(photons) as file, h5py.File(land) as classes:
        track, said = file["gt1r"], classes["gt1r"]
        counts = track[nesting.count][:]  # the clip's first rows are off by one: not taken
        starts = np.cumsum(counts) - counts
        first = dict(zip(track[nesting.identity][:].tolist(), starts.tolist(), strict=True))
        rows = [
            first[int(segment)] + int(index) - reference.start
            for segment, index in zip(
                said[reference.identity][:], said[reference.index][:], strict=True
            )
            if int(segment) in first
        ]
        times = said["signal_photons/delta_time"][:]
        there = np.array([int(s) in first for s in said[reference.identity][:]])
        assert len(rows) > 1000
        np.testing.assert_array_equal(track["heights/delta_time"][:][rows], times[there])
