"""Granules in a row: they add up, print what they are, and come back from a file."""

from __future__ import annotations

import json
import pickle
import re
import warnings
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import geopandas
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely

from cryodata.earthdata.granule import Granule
from cryodata.earthdata.granules import Granules
from cryodata.earthdata.granules.footprint_map import map_of
from cryodata.earthdata.granules.summary import numbers_in_words
from cryodata.errors import (
    ConfigurationError,
    FormatError,
    NotFoundError,
    ServiceError,
    UnsupportedError,
)
from cryodata.words import size_in_words
from tests.earthdata.records import feed_entry, item, umm

OVER_THE_LINE = ((178.0, -80.0), (-178.0, -80.0), (-178.0, -76.0), (178.0, -76.0), (178.0, -80.0))


def name(rgt: int = 1180, cycle: int = 6, revision: str = "01", release: str = "006") -> str:
    return f"ATL06_20200312233336_{rgt:04d}{cycle:02d}02_{release}_{revision}.h5"


def some(count: int = 3) -> Granules:
    """Granules of one cycle, one degree apart."""
    return Granules.of([item(name(1180 + n), number=n, lon=-60.0 + n % 100) for n in range(count)])


ODD = Granule(
    name="<script>alert('x')</script>&\"é.h5",
    product="<b>P</b>",
    footprint=(OVER_THE_LINE, ((0.0, 10.0), (5.0, 10.0), (5.0, 15.0), (0.0, 10.0))),
)
BARE = Granule(name="bare.nc")
ALL_KINDS = some(2) + Granules((ODD, BARE))


def test_sequence() -> None:
    """It is a sequence: users slice, loop, count and ask what is in it."""
    granules = some(5)
    assert len(granules) == 5
    assert granules[0].parsed is not None
    assert granules[-1] is granules.items[4]
    assert isinstance(granules[1:3], Granules)
    assert list(granules[1:3]) == list(granules.items[1:3])
    assert granules[2] in granules
    assert ODD not in granules
    assert granules[:2] + granules[2:] == granules
    assert next(reversed(granules)).name == name(1184)
    assert granules.index(granules[3]) == 3
    assert granules == some(5)
    assert granules != some(4)
    assert hash(granules) == hash(some(5))
    assert pickle.loads(pickle.dumps(granules)) == granules
    assert not Granules()
    with pytest.raises(IndexError):
        granules[5]


def test_adding_up_keeps_what_was_left_out() -> None:
    """The sum of two searches still tells what each of them superseded."""
    one = Granules.of([item(name(revision="01")), item(name(revision="02"))]).latest()
    more = [item(name(rgt=7))]
    both = one + more
    assert [granule.name for granule in both] == [name(revision="02"), name(rgt=7)]
    assert [granule.name for granule in both.superseded] == [name(revision="01")]


def test_of_anything() -> None:
    """Records of both forms, granules, answers and single records all are taken."""
    granule = some(1)[0]
    mixed = Granules.of([item(), feed_entry(), umm(), granule])
    assert len(mixed) == 4
    assert mixed[3] is granule
    assert Granules.of(mixed) is mixed
    assert len(Granules.of({"hits": 2, "items": [item(), item()]})) == 2
    assert len(Granules.of({"feed": {"entry": [feed_entry()]}})) == 1
    assert Granules.of(granule).items == (granule,)
    assert len(Granules.of(item())) == 1
    assert len(Granules.of(one for one in [item()])) == 1


def test_results_of_earthaccess() -> None:
    """Both supported versions of earthaccess give lists that are taken as they are."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # its own, while it makes them
        from earthaccess.results import DataGranule

        found = [DataGranule(item(name(n)), cloud_hosted=True) for n in (1, 2)]
    assert [granule.name for granule in Granules.of(found)] == [name(1), name(2)]


@pytest.mark.parametrize("what", ["ATL06", 3, [1], [{"a": 1}], None])
def test_of_something_else(what: Any) -> None:
    """A product's name or a number is no granule."""
    with pytest.raises(ConfigurationError, match="no granule of a catalogue"):
        Granules.of(what)


def test_newest_revision_only() -> None:
    """Of a granule and its re-make, the re-make is kept, wherever it stands; both are told."""
    names = [name(1, revision="02"), name(2), name(1, revision="01"), name(1, release="007")]
    found = Granules.of([item(one) for one in names])
    kept = found.latest()
    assert [granule.name for granule in kept] == [names[0], names[1], names[3]]
    assert [granule.name for granule in kept.superseded] == [names[2]]
    assert "1 older revision left out" in repr(kept)
    assert kept.latest() == kept


def test_newest_record_of_one_name() -> None:
    """The same file from two archives is read once: where S3 has it, the later record."""
    old = Granule(name=name(), https="https://n5eil01u.ecs.nsidc.org/a.h5", revision=9)
    first, second = (Granule(name=name(), s3="s3://b/a.h5", revision=n) for n in (1, 2))
    assert Granules((old, first, second)).latest().items == (second,)


def test_other_names_are_not_taken_for_revisions() -> None:
    """Names that only look alike are different granules: hiding one would lose data."""
    names = [
        "ATL15_GL_0314_01km_002_01.nc",
        "ATL15_GL_0314_10km_002_01.nc",
        "ATL11_051911_0328_007_01.h5",
        "ATL11_052011_0328_007_01.h5",
        "ATL07-01_20190222003738_08490201_006_01.h5",
        "ATL07-02_20190222003738_08490201_006_01.h5",
        "MOD10A1.A2025090.h00v08.061.2025092084020.hdf",
        "MOD10A1.A2025091.h00v08.061.2025092084020.hdf",
    ]
    found = Granules(tuple(Granule(name=one) for one in names))
    assert found.latest() == found
    newer = Granules((*found, Granule(name="ATL15_GL_0314_01km_002_02.nc")))
    assert [granule.name for granule in newer.latest().superseded] == [names[0]]


def test_text() -> None:
    """The print of a search tells how many, how much, when and where along the orbit."""
    granules = some(12)
    lines = repr(granules).splitlines()
    assert lines[0] == "<Granules: 12 granules, ATL06 006, 377 MB, 2020-03-12>"
    assert lines[1] == "cycle 6; RGT 1180-1191 (12 tracks)"
    assert lines[2] == f"  {name(1180)}  2020-03-12 23:40  31.4 MB"
    assert lines[7] == "  ... 4 more"
    assert lines[-1].startswith(f"  {name(1191)}")
    assert len(lines) == 11
    limited = Granules(granules.items[:10], hits=212)
    assert repr(limited).startswith("<Granules: first 10 of 212 granules")
    assert repr(Granules()) == "<Granules: 0 granules>"
    assert "1 of unknown size" in repr(some(1) + BARE)
    assert "ATL06 006 (2), <b>P</b> (1)" in repr(ALL_KINDS)


@pytest.mark.parametrize(
    "size, words",
    [
        *((0, "0 B"), (999, "999 B"), (999.7, "1 kB"), (31_449_725, "31.4 MB")),
        *((377e6, "377 MB"), (1.85e9, "1.85 GB"), (5e15, "5,000 TB")),
    ],
)
def test_sizes_in_words(size: float, words: str) -> None:
    """Sizes are read by people who pay for them: units of 1000, never `1000 kB`."""
    assert size_in_words(size) == words


def test_numbers_in_words() -> None:
    """Runs are short, and long lists show both their ends."""
    assert numbers_in_words([3, 1, 2, 7]) == "1-3, 7"
    assert numbers_in_words([]) == ""
    assert numbers_in_words(range(1, 40, 2)) == "1, 3, 5, 7, 9, ..., 39"


class Reader(HTMLParser):
    """Collects tags, attributes and text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag that opens."""
        self.tags.append(tag)
        self.attributes += attrs
        self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag that is closed at once."""
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        """Check that tags close in order."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Collect the text."""
        self.text += data


def test_html() -> None:
    """The notebook shows the same as the text, and runs nothing that a name brings along."""
    html = ALL_KINDS._repr_html_()
    page = Reader(html)
    assert not page.open
    assert "script" not in page.tags
    assert "4 granules" in page.text
    assert "62.9 MB" in page.text
    assert ODD.name in page.text
    assert "<b>P</b> (1)" in page.text
    assert "<script>" not in html
    assert not [value for word, value in page.attributes if word in ("src", "href", "onload")]
    assert "http" not in html.replace("http://www.w3.org/2000/svg", "")
    assert "currentColor" in html


def test_html_of_many_stays_small() -> None:
    """A season of tracks must not make a notebook of megabytes."""
    html = some(1300)._repr_html_()
    assert len(html) < 250_000
    assert "1,250 more" in html
    assert "325 of 1300 shown" in html
    assert "<svg" not in Granules((Granule(name="x"),))._repr_html_()


def drawn(granules: Granules) -> tuple[list[np.ndarray[Any, Any]], list[str]]:
    """Points of each outline on the map, and the labels."""
    svg = ET.fromstring(map_of(granules))
    space = "{http://www.w3.org/2000/svg}"
    outlines = [
        np.array([float(word) for word in re.findall(r"-?[\d.]+", part)]).reshape(-1, 2)
        for path in svg.iter(f"{space}path")
        if path.find(f"{space}title") is not None
        for part in path.attrib["d"].split("M")[1:]
    ]
    return outlines, [str(text.text) for text in svg.iter(f"{space}text")]


@pytest.mark.parametrize(
    "ring",
    [
        ((-60, 70), (-50, 70), (-50, 75), (-60, 70)),
        OVER_THE_LINE,
        ((10, -5), (12, -5), (12, 5), (10, -5)),
        ((178, -5), (-178, -5), (-178, 5), (178, 5), (178, -5)),
        ((0, -89), (120, -89), (-120, -89), (0, -89)),
        ((-180, -90), (180, -90), (180, 90), (-180, 90), (-180, -90)),
        ((0, 40), (0.001, 40), (0.001, 40.001), (0, 40)),
    ],
)
def test_map_shows_the_outline(ring: tuple[tuple[float, float], ...]) -> None:
    """Outlines lie within the drawing, in one piece and large enough to see, wherever they are."""
    outlines, labels = drawn(Granules((Granule(name="x", footprint=(ring,)),)))
    points = np.vstack(outlines)
    assert ((points >= 0) & (points <= 300)).all()
    assert len(labels) >= 3
    lat = np.array(ring)[:, 1]
    if np.ptp(lat) > 1:
        assert np.ptp(points, axis=0).max() > 150
    if lat.min() > 50:
        assert any(label.endswith("°N") for label in labels)


def test_map_keeps_directions() -> None:
    """North is up and east is right on plate carree; the pole is right where it belongs."""

    def centre(lon: float, lat: float, *, beside: tuple[float, float]) -> np.ndarray[Any, Any]:
        rings = [((x, y), (x + 1, y), (x + 1, y + 1), (x, y)) for x, y in ((lon, lat), beside)]
        granules = [Granule(name="x", footprint=(ring,)) for ring in rings]
        outlines, _ = drawn(Granules(tuple(granules)))
        return np.asarray(outlines[0].mean(axis=0) - outlines[1].mean(axis=0))

    assert centre(10, 20, beside=(0, 20))[0] > 0
    assert centre(0, 30, beside=(0, 20))[1] < 0
    assert centre(-175, 0, beside=(175, 0))[0] > 0
    # Greenland: its middle meridian points down, west of it is left
    assert centre(-45, 65, beside=(-45, 80))[1] > 0
    assert centre(-60, 70, beside=(-30, 70))[0] < 0
    # Antarctica: Greenwich points up, east of it is right
    assert centre(0, -65, beside=(0, -80))[1] < 0
    assert centre(60, -70, beside=(-60, -70))[0] > 0


@pytest.mark.parametrize(
    "corner", [(-45.0, 62.0), (100.0, 70.0), (0.0, -75.0), (170.0, 5.0), (20.0, 88.0)]
)
def test_labels_of_the_map_can_be_read(corner: tuple[float, float]) -> None:
    """Names of meridians lay over those of parallels, and were cut off at the edge."""
    lon, lat = corner
    ring = ((lon, lat), (lon + 40, lat), (lon + 40, lat + 1), (lon, lat))
    svg = ET.fromstring(map_of([Granule(name="x", footprint=(ring,))]))
    boxes = []
    for text in svg.iter("{http://www.w3.org/2000/svg}text"):
        width = 5.0 * len(str(text.text))  # of letters of size 9
        x = float(text.attrib["x"]) + float(text.attrib["dx"])
        start = x - width if text.attrib["text-anchor"] == "end" else x
        boxes.append((start, float(text.attrib["y"]) - 11, start + width, float(text.attrib["y"])))
    assert len(boxes) >= 3
    assert all(min(box) >= 0 and max(box) <= 300 for box in boxes)
    drawn = [shapely.box(*box) for box in boxes]
    assert not [1 for n, one in enumerate(drawn) for two in drawn[:n] if one.intersects(two)]


def test_geodataframe() -> None:
    """One row per granule, outlines cut at the antimeridian, unknown things missing."""
    table = ALL_KINDS.to_geodataframe()
    assert isinstance(table, geopandas.GeoDataFrame)
    assert table.crs == "OGC:CRS84"
    assert list(table["name"]) == [granule.name for granule in ALL_KINDS]
    assert table["rgt"].tolist()[:2] == [1180, 1181]
    assert table["start"].isna().tolist() == [False, False, True, True]
    assert table.geometry.isna().tolist() == [False, False, False, True]
    assert table.geometry.iloc[2].bounds == (-180.0, -80.0, 180.0, 15.0)
    assert shapely.area(table.geometry.iloc[2]) == pytest.approx(4 * 4 + 12.5)
    assert len(Granules().to_geodataframe()) == 0


SUFFIXES = [".geojson", ".json", ".parquet"]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_file_and_back(suffix: str, tmp_path: Path) -> None:
    """What was found yesterday is there today, to the last digit, without a network."""
    found = Granules(ALL_KINDS.items, superseded=(Granule(name=name(revision="00")),), hits=1234)
    path = tmp_path / f"found{suffix}"
    found.save(path)
    found.save(path)  # and again over it
    again = Granules.load(path)
    assert again == found
    assert again.superseded == found.superseded
    assert again.hits == 1234
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
    Granules().save(path)
    assert Granules.load(str(path)) == Granules()


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_other_programs_read_the_file(suffix: str, tmp_path: Path) -> None:
    """The file is GeoJSON or GeoParquet: maps show it."""
    path = tmp_path / f"found{suffix}"
    some(3).save(path)
    read = geopandas.read_parquet if suffix == ".parquet" else geopandas.read_file
    table = read(path)
    assert list(table["name"]) == [granule.name for granule in some(3)]
    assert table.geometry.iloc[0].bounds == (-60.0, 58.0, -58.8, 62.0)


def test_file_suffix(tmp_path: Path) -> None:
    """A file of an unknown kind is not guessed."""
    with pytest.raises(ConfigurationError, match=r"\.csv"):
        some().save(tmp_path / "a.csv")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "link", ["https://h.example.org/a?X-Amz-Signature=canary", "https://u:canary@h.example.org/a"]
)
def test_secrets_are_not_saved(link: str, tmp_path: Path) -> None:
    """A signed link would outlive the search in a file that is handed around."""
    granules = Granules((Granule(name="a.h5", https=link),))
    with pytest.raises(ConfigurationError, match="may be secret") as caught:
        granules.save(tmp_path / "a.geojson")
    assert "canary" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_failed_save_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk must not cost the file that was there."""
    path = tmp_path / "a.geojson"
    some(2).save(path)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        some(3).save(path)
    assert Granules.load(path) == some(2)
    assert len(list(tmp_path.iterdir())) == 1


def test_missing_file(tmp_path: Path) -> None:
    """A file that is not there is not a damaged one."""
    with pytest.raises(NotFoundError, match="no such file"):
        Granules.load(tmp_path / "a.geojson")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_damaged_file(suffix: str, tmp_path: Path) -> None:
    """Cut anywhere, or with a byte flipped, a file is an error of ours or still right."""
    path = tmp_path / f"a{suffix}"
    some(2).save(path)
    whole = path.read_bytes()
    rng = np.random.default_rng(3)
    for cut in rng.integers(0, len(whole) - 1, 30).tolist():
        path.write_bytes(whole[:cut])
        with pytest.raises(FormatError, match="damaged"):
            Granules.load(path)
    for place in rng.integers(0, len(whole), 60).tolist():
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        try:
            assert len(Granules.load(path)) <= 2
        except FormatError as error:
            assert str(path) in str(error)  # noqa: PT017 - either outcome is right


FOREIGN = [
    b"",
    b"not json",
    b"[1, 2]",
    b'{"type": "FeatureCollection", "features": []}',
    b'{"cryodata": {"written_by": "someone", "form": 1}, "features": []}',
    b'{"cryodata": {"written_by": "cryodata", "form": "x"}, "features": []}',
    b'{"cryodata": {"written_by": "cryodata", "form": 1}}',
    b'{"cryodata": {"written_by": "cryodata", "form": 1}, "features": [{}]}',
    b'{"cryodata": {"written_by": "cryodata", "form": 1}, "features": [3]}',
    b"[" * 100_000,
    b"\xff\xfe\x00",
]


@pytest.mark.parametrize("content", FOREIGN, ids=range(len(FOREIGN)))
def test_foreign_file(content: bytes, tmp_path: Path) -> None:
    """Any other file is said to be none of ours, without an error of a library below."""
    for suffix in SUFFIXES:
        path = tmp_path / f"a{suffix}"
        path.write_bytes(content)
        with pytest.raises(FormatError, match="No file of granules") as caught:
            Granules.load(path)
        assert "Search again" in caught.value.fix


def test_foreign_table(tmp_path: Path) -> None:
    """Somebody else's GeoParquet is no search."""
    pq.write_table(pa.table({"name": ["x"]}), tmp_path / "a.parquet")
    with pytest.raises(FormatError, match="did not write it"):
        Granules.load(tmp_path / "a.parquet")


def test_newer_file(tmp_path: Path) -> None:
    """A file of a later library is not misread."""
    path = tmp_path / "a.geojson"
    some(1).save(path)
    content = json.loads(path.read_text("utf-8"))
    content["cryodata"]["form"] = 2
    path.write_text(json.dumps(content))
    with pytest.raises(UnsupportedError, match="form 2") as caught:
        Granules.load(path)
    assert "Update" in caught.value.fix


@pytest.mark.parametrize(
    "change",
    [
        {"https": "file:///etc/passwd"},
        {"https": "https://user:pw@data.example.gov/a.h5"},
        {"https": "https://10.0.0.1/a.h5"},
        {"endpoint": "http://169.254.169.254/s3credentials"},
        {"s3": 3},
        {"size": -1},
        {"size": "many"},
        {"name": ""},
        {"start": "soon"},
        {"start": 3},
    ],
)
def test_planted_file(change: dict[str, Any], tmp_path: Path) -> None:
    """A file somebody sent is checked like the catalogue itself: its links are followed."""
    path = tmp_path / "a.geojson"
    some(1).save(path)
    content = json.loads(path.read_text("utf-8"))
    content["features"][0]["properties"] |= change
    path.write_text(json.dumps(content))
    with pytest.raises((FormatError, ServiceError), match="No file of granules"):
        Granules.load(path)


def test_folder_that_is_not_there(tmp_path: Path) -> None:
    """The error would name a file that the user never named."""
    with pytest.raises(NotFoundError, match="no such folder"):
        some().save(tmp_path / "none" / "kept.geojson")


def test_granules_print_without_their_outlines() -> None:
    """Fifty corners hide the few words that matter."""
    assert "footprint" not in repr(some()[0])
    assert name() in repr(some(1)[0])
