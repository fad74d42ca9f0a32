"""Search against a catalogue that answers as NASA's does: all of what fits, or why not."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import numpy as np
import pytest
import shapely

from cryodata.catalogue import search
from cryodata.earthdata.catalogue.cmr import Cmr
from cryodata.earthdata.catalogue.track_names import Tracks
from cryodata.earthdata.granules import Granules
from cryodata.earthdata.hosts import http
from cryodata.earthdata.system import PROD, System
from cryodata.errors import (
    ConfigurationError,
    CryodataError,
    FetchError,
    FetchTimeoutError,
    NothingFoundError,
    RegionError,
    SelectionError,
    ServiceError,
    ThrottledError,
    UnknownProductError,
)
from cryodata.sandbox import Fault
from cryodata.sandbox.earthdata.catalogue import Catalogue
from cryodata.sandbox.earthdata.cmr import CmrOrigin
from cryodata.sandbox.wire import Wire
from tests.earthdata.records import item, umm
from tests.earthdata.stub import Answer, Asked, Stub

PREFIX = "nsidc-cumulus-prod-protected/ATLAS/{}/{}"
GRANULES = "/search/granules.umm_json"
COLLECTIONS = "/search/collections.umm_json"


def atl06(rgt: int, cycle: int, region: int = 3, *, release: str = "007", rev: str = "01") -> str:
    day = np.datetime64("2018-12-31") + np.timedelta64(91 * (cycle - 1) + rgt % 91, "D")
    digits = str(day).replace("-", "")
    return f"ATL06_{digits}010203_{rgt:04d}{cycle:02d}{region:02d}_{release}_{rev}.h5"


@dataclass
class Archive:
    """A catalogue that can be searched, and its log."""

    wire: Wire
    system: System
    catalogue: Catalogue

    def search(self, product: str, **conditions: Any) -> Granules:
        """Search here."""
        return search(product, system=self.system, **conditions)

    def asked(self, path: str = GRANULES) -> list[str]:
        """Methods of the requests there were."""
        return [entry.method for entry in self.wire.log if entry.path == path]


def fill(catalogue: Catalogue) -> None:
    """Two cycles of forty tracks in two releases, with re-makes, and some other products."""

    def add(name: str, product: str, release: str, lon: float, lat: float = 68.0) -> None:
        digits = name.partition("_")[2]
        day = f"{digits[:4]}-{digits[4:6]}-{digits[6:8]}" if digits[:2] == "20" else "2020-01-01"
        record = umm(name, lon=lon, lat=lat, start=f"{day}T01:02:03Z", end=f"{day}T01:07:03Z")
        catalogue.add_record(record, product=product, version=release)

    for product, release in [
        *(("ATL06", release) for release in ("006", "007", "008")),
        *(("ATL07", "007"), ("ATL08", "007"), ("ATL11", "007"), ("ATL15", "005")),
    ]:
        catalogue.add_collection(product, release, bucket_prefix=PREFIX.format(product, release))
    for cycle in (1, 2):
        for rgt in range(100, 140):
            add(atl06(rgt, cycle), "ATL06", "007", lon=-60.0 + (rgt - 100))
    for cycle in (1, 2):
        add(atl06(101, cycle, rev="02"), "ATL06", "007", lon=-59.0)
    add(atl06(101, 1, 12), "ATL06", "007", lon=100, lat=-78)
    add(atl06(102, 1, 11), "ATL06", "007", lon=178.5, lat=-80)
    add(atl06(100, 1, release="006"), "ATL06", "006", lon=-60.0)
    for hemisphere in ("01", "02"):
        name = f"ATL07-{hemisphere}_20190222003738_08490201_007_01.h5"
        add(name, "ATL07", "007", lon=0)
    for track, cycles in (("0519", "0328"), ("0519", "0302"), ("0520", "0328")):
        add(f"ATL11_{track}11_{cycles}_007_01.h5", "ATL11", "007", lon=50)
    add("ATL15_GL_0328_01km_005_01.nc", "ATL15", "005", lon=-45)


@pytest.fixture(scope="module")
def running() -> Iterator[Archive]:
    catalogue = Catalogue()
    fill(catalogue)
    with Wire(origin=CmrOrigin(catalogue)) as wire:
        yield Archive(wire, System(cmr=wire.url), catalogue)


@pytest.fixture
def archive(running: Archive) -> Iterator[Archive]:
    """The catalogue with an empty log and without faults; pauses are short."""
    running.wire.log.clear()
    yield running
    running.wire.clear_faults()


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "_FIRST_PAUSE", 0.001)


def test_everything_of_a_product(archive: Archive) -> None:
    """All tracks of the last version that has granules, each once, in the order of time."""
    found = archive.search("ATL06")
    assert len(found) == 82
    assert len({granule.name for granule in found}) == 82
    assert {granule.version for granule in found} == {"007"}
    assert [granule.name for granule in found.superseded] == [atl06(101, 1), atl06(101, 2)]
    starts = [granule.start for granule in found if granule.start is not None]
    assert starts == sorted(starts)
    assert archive.asked() == ["GET"]
    assert archive.asked(COLLECTIONS) == ["GET"]


def test_nothing_says_who_asks(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    """A public search carries no token, no cookie and no line of a netrc."""
    with Stub() as stub:
        stub.answer = lambda asked: Answer(404, {"errors": ["no"]})
        monkeypatch.setenv("EARTHDATA_TOKEN", "canary-token")
        with pytest.raises(ConfigurationError):
            search("ATL06", system=System(cmr=stub.url))
        assert stub.asked
        for asked in stub.asked:
            assert not {"authorization", "cookie"} & {name.lower() for name in asked.headers}
            assert "canary" not in str(asked)


@pytest.mark.parametrize(
    "region, tracks",
    [
        ((-58.2, 69, -57.1, 70), {101, 102}),
        (shapely.box(-58.2, 69, -57.1, 70).segmentize(0.2), {101, 102}),
        (shapely.box(-58.2, 69, -57.1, 70).segmentize(0.2).reverse(), {101, 102}),
        ((301.8, 69, 302.9, 70), {101, 102}),
        ((179, -79, -179, -77), {102}),
        (shapely.Polygon([(178, -79), (-178, -79), (-179, -77), (179, -77)]), {102}),
        ({"type": "Polygon", "coordinates": [[(9, -80), (102, -80), (102, -7), (9, -80)]]}, {101}),
        ((-180, -90, 180, -60), {101, 102}),
        (shapely.Polygon([(x, -70 + x % 7) for x in range(-180, 180, 4)]), {101, 102}),
    ],
    ids=[
        *("box", "polygon", "clockwise", "0-360", "antimeridian", "ring over it", "GeoJSON"),
        *("cap", "ring round the pole"),
    ],
)  # fmt: skip
def test_regions(archive: Archive, region: Any, tracks: set[int]) -> None:
    """A region finds the tracks through it in each of its forms, over the antimeridian too."""
    found = archive.search("ATL06", region=region, cycle=1)
    assert {granule.parsed.rgt for granule in found if granule.parsed} == tracks


def test_region_in_many_parts_is_asked_as_a_form(archive: Archive) -> None:
    """What is too long for a URL still is one search."""
    islands = shapely.MultiPolygon(
        [shapely.Point(-58 + x / 3, 70).buffer(0.1, quad_segs=16) for x in range(12)]
    )
    found = archive.search("ATL06", region=islands, cycle=1)
    assert {granule.parsed.rgt for granule in found if granule.parsed} == set(range(101, 106))
    assert archive.asked() == ["POST"]


TIMES: list[tuple[Any, int]] = [
    ("2019", 82),
    ("2019-01", 25),
    (("2019-01", "2019-02"), 42),
    ("2019-01-10", 2),
    (date(2019, 1, 10), 2),
    (np.datetime64("2019-01-10"), 2),
    (np.datetime64("2019-01"), 25),
    (datetime(2019, 1, 10, 1, 5), 2),  # noqa: DTZ001 - naive is UTC
    (("2019-01-10T01:07:04", "2019-01-11T01:02:02"), 0),
    (slice("2019-01-10", "2019-01-12"), 5),
    (("2019-01-10", None), 81),
    ((None, "2019-01-10"), 3),
]


@pytest.mark.parametrize("time, count", TIMES, ids=str)
def test_times(archive: Archive, time: Any, count: int) -> None:
    """Each way of saying when means whole days and months, both ends included."""
    if not count:
        with pytest.raises(NothingFoundError):
            archive.search("ATL06", time=time)
    else:
        assert len(archive.search("ATL06", time=time)) == count


@pytest.mark.parametrize(
    "tracks, names",
    [
        ({"rgt": 105, "cycle": 2}, [atl06(105, 2)]),
        ({"rgt": [105, 106], "cycle": 2}, [atl06(105, 2), atl06(106, 2)]),
        ({"rgt": range(105, 107), "cycle": np.array([2])}, [atl06(105, 2), atl06(106, 2)]),
        ({"rgt": np.int64(101), "cycle": 2}, [atl06(101, 2, rev="02")]),
        ({"orbit_region": 12}, [atl06(101, 1, 12)]),
        ({"orbit_region": [11, 12]}, [atl06(101, 1, 12), atl06(102, 1, 11)]),
    ],
)
def test_tracks(archive: Archive, tracks: dict[str, Any], names: list[str]) -> None:
    """Tracks are found by their names, in ones and in lists."""
    assert sorted(granule.name for granule in archive.search("ATL06", **tracks)) == sorted(names)
    assert archive.asked() == ["GET"]


def test_many_tracks_are_asked_in_parts(archive: Archive) -> None:
    """A thousand patterns are several searches, whose results are one list."""
    found = archive.search("ATL06", rgt=range(1, 1388))
    assert len(found) == 82
    assert archive.asked() == ["POST"] * 7
    limited = archive.search("ATL06", rgt=range(1, 1388), limit=3)
    assert len(limited) == 3
    assert repr(limited).startswith("<Granules: first 3 of 8")


def test_patterns_of_names() -> None:
    """The catalogue is asked by the names that the archive really gives."""
    tracks = Tracks.of(rgt=801, cycle=2)
    assert tracks.patterns("ATL06", "007") == ["ATL06_*_080102??_007_*"]
    assert tracks.patterns("ATL07", "007") == ["ATL07-??_*_080102??_007_*"]
    assert tracks.patterns("ATL11", "007") == ["ATL11_0801??_????_007_*"]
    assert Tracks.of(orbit_region=3).patterns("ATL03", "6.1") == ["ATL03_*_??????03_???_*"]


def test_tracks_of_other_names(archive: Archive) -> None:
    """Sea ice has a hemisphere in its names, repeat tracks have two cycles."""
    assert len(archive.search("ATL07", rgt=849, cycle=2)) == 2
    assert len(archive.search("ATL11", rgt=519)) == 2
    assert len(archive.search("ATL11", rgt=519, orbit_region=11, cycle=5)) == 1
    assert len(archive.search("ATL11", cycle=[1, 28])) == 2
    with pytest.raises(NothingFoundError):
        archive.search("ATL11", rgt=519, cycle=29)
    with pytest.raises(SelectionError, match="ATL15 has no RGT 5") as caught:
        archive.search("ATL15", rgt=5)
    assert "region= or time=" in caught.value.fix


def test_names(archive: Archive) -> None:
    """A name with wildcards is a condition like any other."""
    assert len(archive.search("ATL06", name="ATL06_*_010502??_*")) == 1
    assert len(archive.search("ATL06", name=["*_010502*", "*_010602*"])) == 2


@pytest.mark.parametrize(
    "version, expected",
    [("007", "007"), (7, "007"), ("7", "007"), ("latest", "007"), ("006", "006"), (6, "006")],
)
def test_versions(archive: Archive, version: str | int, expected: str) -> None:
    """A version is found however many zeros it is written with."""
    found = archive.search("atl06", version=version)
    assert {granule.version for granule in found} == {expected}


def test_all_versions(archive: Archive) -> None:
    """Two versions of a granule are two granules: neither supersedes the other."""
    found = archive.search("ATL06", version="all")
    assert {granule.version for granule in found} == {"006", "007"}
    assert len(found) == 83
    assert len(archive.search("ATL06", version="all", rgt=100, cycle=1)) == 2


def test_version_that_has_more(archive: Archive) -> None:
    """While NASA makes granules anew, most of them are missing in the latest version."""
    name = atl06(100, 1, release="008")
    record = umm(name, lon=-60.0, lat=68.0)
    archive.catalogue.add_record(record, product="ATL06", version="008")
    try:
        with pytest.warns(UserWarning, match=r"008 has 1 .* ATL06 007 has 84: version=\"007\""):
            found = archive.search("ATL06")
        assert [granule.name for granule in found] == [name]
        with (
            pytest.raises(NothingFoundError, match="has no granules of RGT 120") as caught,
            pytest.warns(UserWarning, match="008 has 1"),
        ):
            archive.search("ATL06", rgt=120)
        assert caught.value.fix.endswith('version="007" has 2 such.')
    finally:
        archive.catalogue.remove(name)


def test_limit(archive: Archive) -> None:
    """A limit is kept to the letter, and told; revisions of the last one are all looked at."""
    found = archive.search("ATL06", limit=10, orbit_region=3)
    assert len(found) == 10
    assert repr(found).startswith("<Granules: first 10 of 8")
    second = sorted(atl06(rgt, 1) for rgt in range(100, 140)).index(atl06(101, 1))
    for limit in (second + 1, second + 2):
        found = archive.search("ATL06", limit=limit, orbit_region=3)
        assert len(found) == limit
        assert atl06(101, 1) not in [granule.name for granule in found]
    assert len(archive.search("ATL06", limit=1000)) == 82
    assert "first" not in repr(archive.search("ATL06", limit=1000))


def test_provider(archive: Archive) -> None:
    """Another archive's granules are found when it is named, and only then."""
    name = "ATL06_20181014000347_02350101_005_01.h5"
    archive.catalogue.add_record(
        umm(name, lon=0, lat=0), product="ATL06", version="005", provider="NSIDC_ECS"
    )
    try:
        assert archive.search("ATL06", provider="NSIDC_ECS")[0].name == name
        assert {g.version for g in archive.search("ATL06", version="all")} == {"006", "007"}
        with pytest.raises(UnknownProductError, match="of NOBODY"):
            archive.search("ATL06", provider="NOBODY")
    finally:
        archive.catalogue.remove(name)


def test_products_outside_the_cloud(archive: Archive) -> None:
    """A product that is in no cloud is found where it is."""
    archive.catalogue.add_record(umm("a.nc"), product="NSIDC-0999", version="1")
    assert archive.search("NSIDC-0999")[0].name == "a.nc"


NOTHING: list[tuple[dict[str, Any], str, str]] = [
    (
        {"region": (10, 68, 11, 70), "time": "2019-01-10"},
        r"ATL06 007 has no granules in the box \(10, 68, 11, 70\) from 2019-01-10 to 2019-01-11",
        "Without region: 3; without time: 0. Its data are from 2019-01-09 to 2019-05-19.",
    ),
    (
        {"time": "2017"},
        "from 2017-01-01 to 2018-01-01",
        "Without time: 84. Its data are from 2019-01-09 to",
    ),
    (
        {"rgt": 7, "cycle": 3},
        "of RGT 7, cycle 3",
        "Without rgt: 0; without cycle: 0; without rgt and cycle: 84. Its",
    ),
    ({"rgt": 7, "time": "2019-01"}, "of RGT 7", "Without time: 0; without rgt: 26. Its"),
    ({"name": "*nobody*"}, r"named \*nobody\*", "Without name: 84. Its data are from"),
    ({"version": 8}, "ATL06 008 has no granules", "It has no granules at all."),
    ({"version": 8, "time": "2019"}, "from 2019", "It has no granules at all."),
]


@pytest.mark.parametrize("conditions, what, fix", NOTHING)
def test_nothing_found(archive: Archive, conditions: dict[str, Any], what: str, fix: str) -> None:
    """An empty search says which of its conditions to drop, and when there are data."""
    with pytest.raises(NothingFoundError, match=what) as caught:
        archive.search("ATL06", **conditions)
    assert caught.value.fix.startswith(fix)
    assert str(caught.value).count("\n") == 1


@pytest.mark.parametrize(
    "product, fix",
    [
        ("ATL6", r"Did you mean ATL06 \(land ice height\)\?"),
        ("ATL66", r"ATL06 \(land ice height\)"),
        ("MOD10A", r"MOD10A1 \(snow cover\)"),
        ("GLAH6", "GLAH06"),
        ("nonsense", "There are: "),
    ],
)
def test_unknown_product(archive: Archive, product: str, fix: str) -> None:
    """A mistyped product is answered with those it may have been."""
    with pytest.raises(UnknownProductError, match=f"no product '{product}'") as caught:
        archive.search(product)
    assert caught.match(fix)


@pytest.mark.parametrize("product", ["", "A&options[x][y]=true", "ATL 06", 7, None, "a" * 200])
def test_what_is_no_product(archive: Archive, product: Any) -> None:
    """A name that cannot be one never reaches the catalogue."""
    with pytest.raises(UnknownProductError, match="no short name"):
        archive.search(product)
    assert not archive.asked(COLLECTIONS)


BAD: list[tuple[dict[str, Any], type[CryodataError], str]] = [
    ({"version": 5}, ConfigurationError, "no version 5"),
    ({"version": "x"}, ConfigurationError, "no version 'x'"),
    ({"time": ("2020", "2019")}, SelectionError, "ends"),
    ({"time": "2019-13"}, SelectionError, "no time"),
    ({"time": "soon"}, SelectionError, "no time"),
    ({"rgt": 1388}, SelectionError, "no rgt 1388"),
    ({"rgt": 0}, SelectionError, "no rgt 0"),
    ({"rgt": "5"}, SelectionError, "no rgt '5'"),
    ({"rgt": True}, SelectionError, "no rgt True"),
    ({"rgt": []}, SelectionError, "names none"),
    ({"cycle": [1, 1.5]}, SelectionError, "no cycle 1.5"),
    ({"orbit_region": 15}, SelectionError, "no orbit_region 15"),
    ({"limit": 0}, SelectionError, "limit=0"),
    ({"limit": True}, SelectionError, "limit=True"),
    ({"limit": "ten"}, SelectionError, "limit='ten'"),
    ({"name": "a&b"}, SelectionError, "name='a&b'"),
    ({"name": "a", "rgt": 5}, SelectionError, "two ways"),
    ({"region": (69, -50, 70, -48)}, RegionError, r"looks like \(lat, lon\)"),
]


@pytest.mark.parametrize("conditions, error, what", BAD, ids=[what for _, _, what in BAD])
def test_conditions_that_make_no_sense(
    archive: Archive, conditions: dict[str, Any], error: type[CryodataError], what: str
) -> None:
    """A condition that cannot be met is refused before the catalogue is asked for granules."""
    with pytest.raises(error, match=what) as caught:
        archive.search("ATL06", **conditions)
    assert caught.value.fix
    assert not archive.asked()


FAULTS: list[tuple[Fault, type[CryodataError], str]] = [
    (Fault("html", status=200), ServiceError, "no sense in it"),
    (Fault("html", status=500), ServiceError, "500"),
    (Fault("status", status=429), ThrottledError, "slow down"),
    (Fault("status", status=503), ThrottledError, "slow down"),
    (Fault("status", status=500), ServiceError, "500"),
    (Fault("redirect", to="http://127.0.0.1:9"), ServiceError, "307"),
    (Fault("reset"), FetchError, "cannot be reached"),
    (Fault("garbage"), FetchError, "cannot be reached"),
    (Fault("truncate", at=100), FetchError, "cannot be reached"),
]


@pytest.mark.parametrize("fault, error, what", FAULTS, ids=lambda value: str(value)[:40])
def test_catalogue_out_of_order(
    archive: Archive, fault: Fault, error: type[CryodataError], what: str
) -> None:
    """Each way to fail is an error of its own class; none gives fewer granules."""
    archive.wire.fault(fault, path=GRANULES)
    with pytest.raises(error, match=what) as caught:
        archive.search("ATL06", rgt=105)
    assert str(caught.value).count("\n") <= 1
    assert "short_name" not in str(caught.value)


@pytest.mark.parametrize("fault", [Fault("status"), Fault("status", status=429), Fault("reset")])
def test_passing_trouble_is_waited_out(archive: Archive, fault: Fault) -> None:
    """Two bad replies cost two more requests, not the search."""
    struck = archive.wire.fault(fault, path=GRANULES, times=2)
    assert len(archive.search("ATL06")) == 82
    assert archive.wire.fired(struck) == 2


def test_refusal_is_told_in_its_own_words(archive: Archive) -> None:
    """What CMR says of a bad search reaches the user."""
    cmr = Cmr(archive.system)
    query = cmr.granules().short_name("ATL06")
    query.params["bounding_box"] = "0,95,1,96"
    with pytest.raises(ConfigurationError, match=r"latitude \[95.0\] must be within"):
        cmr.count(query)
    cmr.close()


def page(items: list[Any], hits: int, mark: str = "") -> Answer:
    headers = [("CMR-Hits", str(hits)), *([("CMR-Search-After", mark)] if mark else [])]
    return Answer(200, {"hits": hits, "took": 1, "items": items}, tuple(headers))


COLLECTION = {
    "meta": {"concept-id": "C2670138092-NSIDC_CPRD", "granule-count": 5},
    "umm": {"ShortName": "ATL06", "Version": "006"},
}


def scripted(stub: Stub, *answers: Answer) -> System:
    """A catalogue with one collection, that gives these pages of granules in turn."""
    pages = iter(answers)

    def answer(asked: Asked) -> Answer:
        if asked.path.startswith(COLLECTIONS):
            return page([COLLECTION], 1)
        return next(pages)

    stub.answer = answer
    return System(cmr=stub.url)


def items(*numbers: int) -> list[Any]:
    return [item(atl06(n, 1, release="006"), number=n) for n in numbers]


def test_short_page_in_the_middle(stub: Stub) -> None:
    """A page may be shorter than asked for without being the last."""
    system = scripted(
        stub,
        page(items(1, 2), 5, '["a"]'),
        page(items(3), 5, '["b"]'),
        page(items(4, 5), 5, '["c"]'),
    )
    assert len(search("ATL06", system=system)) == 5
    marks = [asked.headers.get("CMR-Search-After") for asked in stub.asked[1:]]
    assert marks == [None, '["a"]', '["b"]']


def test_limit_between_two_revisions(stub: Stub) -> None:
    """The page may end between a granule and its re-make: the next one is looked at, too."""
    old, new = (item(atl06(2, 1, release="006", rev=rev), number=int(rev)) for rev in ("01", "02"))
    system = scripted(stub, page([*items(9), old], 4, '["a"]'), page([new, *items(8)], 4, '["b"]'))
    found = search("ATL06", system=system, limit=2)
    assert atl06(2, 1, release="006", rev="02") in [granule.name for granule in found]
    assert [granule.name for granule in found.superseded] == [atl06(2, 1, release="006")]


def test_catalogue_that_forgets_some(stub: Stub) -> None:
    """Fewer records than counted are asked for again, and then are all there."""
    system = scripted(
        stub,
        page(items(1, 2), 3, '["a"]'),
        page([], 3),
        page(items(1, 2, 3), 3),
    )
    assert len(search("ATL06", system=system)) == 3


def test_catalogue_that_keeps_forgetting(stub: Stub) -> None:
    """A list that never is complete is an error with both numbers, not a shorter list."""
    system = scripted(stub, page(items(1, 2), 7), page(items(1, 2), 7))
    with pytest.raises(ServiceError, match="counts 7 granules and lists 2") as caught:
        search("ATL06", system=system)
    assert "try again" in caught.value.fix


def test_catalogue_that_repeats_itself(stub: Stub) -> None:
    """The same record twice is one granule, and does not stand in for a missing one."""
    system = scripted(stub, page(items(1, 1), 2), page(items(1, 2), 2))
    assert len(search("ATL06", system=system)) == 2


def test_catalogue_without_counts_of_granules(stub: Stub) -> None:
    """Where a collection does not say how many it has, it is asked."""
    newer = {"meta": {"concept-id": "C2-X"}, "umm": {"ShortName": "ATL06", "Version": "009"}}
    older = {"meta": {"concept-id": "C1-X"}, "umm": {"ShortName": "ATL06", "Version": "006"}}
    counted: list[str] = []

    def answer(asked: Asked) -> Answer:
        words = dict(parse_qsl(urlsplit(asked.path).query))
        if asked.path.startswith(COLLECTIONS):
            return page([older, newer, {"meta": 3}, "x", {"umm": {}, "meta": {}}], 2)
        counted.append(words["collection_concept_id[]"])
        empty = words["collection_concept_id[]"] == "C2-X"
        if words["page_size"] == "0":
            return page([], 0 if empty else 1)
        return page(items(1), 1)

    stub.answer = answer
    assert len(search("ATL06", system=System(cmr=stub.url))) == 1
    assert counted == ["C2-X", "C1-X", "C1-X"]


NONSENSE = [
    Answer(200, b"[1]", (("CMR-Hits", "1"),)),
    Answer(200, {"items": []}),
    Answer(200, {"items": {}}, (("CMR-Hits", "1"),)),
    Answer(200, {"items": []}, (("CMR-Hits", "many"),)),
    Answer(200, b"[" * 200_000, (("CMR-Hits", "1"),)),
    Answer(200, b'{"items": ' + b"[" * 200_000, (("CMR-Hits", "1"),)),
    Answer(404, b"<html>"),
    Answer(418, {"errors": []}),
    Answer(302, {}, (("Location", "https://evil.example.org/"),)),
]


@pytest.mark.parametrize("answer", NONSENSE, ids=lambda answer: str(answer)[:60])
def test_nonsense(stub: Stub, answer: Answer) -> None:
    """What is no answer of a catalogue is a ServiceError, however it is nested."""
    with pytest.raises(ServiceError, match="no sense"):
        search("ATL06", system=scripted(stub, answer, answer))


def test_hostile_record(stub: Stub) -> None:
    """One record with a link to a local file stops the search: it is never passed on."""
    bad = item()
    bad["umm"]["RelatedUrls"] = [{"URL": "file:///etc/passwd", "Type": "GET DATA"}]
    with pytest.raises(ServiceError, match="scheme file"):
        search("ATL06", system=scripted(stub, page([*items(1), bad], 2)))


def test_huge_page(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page without end is not read to its end."""
    monkeypatch.setattr("cryodata.earthdata.catalogue.cmr._LARGEST", 1 << 20)
    system = scripted(stub, Answer(200, b" " * (3 << 20), (("CMR-Hits", "1"),)))
    with pytest.raises(ServiceError, match="more than"):
        search("ATL06", system=system)


def test_hanging_catalogue(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    """A catalogue that is silent is given up."""
    monkeypatch.setattr("cryodata.earthdata.catalogue.cmr._PATIENCE", 0.5)
    with pytest.raises(FetchTimeoutError, match="did not answer"):
        search("ATL06", system=scripted(stub, *[Answer(200, b"{}", wait=5)] * 4))


def test_catalogue_that_is_not_there() -> None:
    """Without a network the error says so."""
    with Stub() as gone:
        url = gone.url
    with pytest.raises(FetchError, match="cannot be reached") as caught:
        search("ATL06", system=System(cmr=url))
    assert "online" in caught.value.fix


@pytest.mark.parametrize(
    "conditions",
    [
        {},
        {"time": ("2019-01", "2019-02")},
        {"region": (-58.2, 69, -50, 70)},
        {"region": shapely.Point(-50, 70).buffer(3)},
        {"rgt": [105, 106]},
    ],
    ids=str,
)
def test_same_as_earthaccess(archive: Archive, conditions: dict[str, Any]) -> None:
    """A search by earthaccess itself, at the same place, finds the same granules."""
    import earthaccess

    ours = archive.search("ATL06", **conditions)
    query = earthaccess.DataGranules().mode(f"{archive.system.cmr}/search/")
    query.short_name("ATL06").version("007").provider("NSIDC_CPRD")
    if "time" in conditions:
        query.temporal("2019-01-01", "2019-02-28T23:59:59")
    if "rgt" in conditions:
        query.granule_name(["ATL06_*_0105????_*", "ATL06_*_0106????_*"])
    region = conditions.get("region")
    if isinstance(region, tuple):
        query.bounding_box(*region)
    elif region is not None:
        query.polygon(list(region.reverse().exterior.coords))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # its own
        theirs = Granules.of(query.get(2000)).latest()
    assert {granule.name for granule in ours} == {granule.name for granule in theirs}
    assert {granule.https for granule in ours} == {granule.https for granule in theirs}


def test_the_real_catalogue_by_default() -> None:
    """Where nobody says otherwise, NASA's own host is asked (and tests do not reach it)."""
    assert PROD.cmr == "https://cmr.earthdata.nasa.gov"
    with pytest.raises(
        FetchError, match=r"cmr\.earthdata\.nasa\.gov cannot be reached|not be asked"
    ):
        search("ATL06")
