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
from cryodata.products.registry import text
from cryodata.products.tracks import Spot, spot_from_attributes, spots_from_orientation
from cryodata.sandbox.granules import template
from tests.real import real_files

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

[dimensions]
"points/h" = ["surface"]

[[flags]]
variable = "points/q"
words = { good = 0, bad = 1 }
good = ["good"]

[[releases]]
numbers = ["002"]
notes = ["q has one word more."]

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
    ],
)
def test_wrong_tables_are_refused(old: str, new: str, message: str) -> None:
    """A table with a slip of the pen must say so when it is loaded, not when it is used."""
    assert old in TABLE
    with pytest.raises(ProductError, match=message):
        Product.from_toml(TABLE.replace(old, new))


@pytest.mark.parametrize("name", products.known())
def test_shipped_tables_load_and_pickle(name: str) -> None:
    """A table that cannot travel to a dask worker is of no use there."""
    product = products.get(name)
    assert product.short_name == name
    assert pickle.loads(pickle.dumps(product)) == product


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
        ("ATL06_x.h5", {"short_name": np.bytes_(b"ATL08")}, {}, None),
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


ALONG_TRACK = [name for name in products.known() if products.get(name).rates]


@pytest.mark.parametrize("name", ALONG_TRACK)
def test_tables_name_what_real_files_have(name: str) -> None:
    """A default variable under a wrong path would be missing from every granule."""
    product = products.get(name)
    recorded = template.load(name.lower())  # the structure of whole real granules
    inside = [spec.path for spec in recorded.datasets if spec.path.startswith("/{beam}/")]
    seen = {path.removeprefix("/{beam}/") for path in inside}
    for path in real_files().values():
        if path.name.rsplit("processed_", 1)[-1].startswith(name) and "only" not in path.name:
            with h5py.File(path) as file:
                for track in (track for track in product.tracks if track in file):
                    file[track].visit(seen.add)
    wanted = {
        f"{rate.group}/{variable}"
        for rate in product.rates
        for variable in (*rate.coordinates.values(), *rate.default)
    }
    wanted |= set(product.dimensions) | set(product.zone_maps) | set(product.flags_of(""))
    assert wanted <= seen


@pytest.mark.parametrize("name", ALONG_TRACK)
def test_flag_words_are_those_of_real_files(name: str) -> None:
    """A word with another number would turn a quality filter round."""
    product = products.get(name)
    compared = 0
    for path in real_files().values():
        if not path.name.rsplit("processed_", 1)[-1].startswith(name) or "only" in path.name:
            continue
        with h5py.File(path) as file:
            for flag in product.flags:
                for track in product.tracks:
                    if f"{track}/{flag.variable}" in file:
                        attributes = file[f"{track}/{flag.variable}"].attrs
                        words = text(attributes.get("flag_meanings")).split()
                        values = np.atleast_1d(attributes.get("flag_values", [])).tolist()
                        if words:  # R re-writes lose them
                            assert dict(zip(words, values, strict=True)) == dict(flag.words)
                            compared += 1
    if not compared:
        pytest.skip(f"no real {name} here")
