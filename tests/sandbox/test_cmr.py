"""Searches are answered as CMR answers them, down to its refusals."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pytest
import requests
from cmr import GranuleQuery

from cryodata.sandbox import Fault, Wire
from cryodata.sandbox.earthdata.catalogue import Catalogue
from cryodata.sandbox.earthdata.cmr import CmrOrigin
from cryodata.sandbox.earthdata.corridor import Ring
from cryodata.sandbox.granules import atl06
from tests.sandbox.published import inside, umm_of, whole_orbits

GREENLAND = (-60.0, 60.0, -20.0, 80.0)


class Ask(Protocol):
    """Sends one search."""

    def __call__(
        self, what: str = "granules.umm_json", *, post: bool = False, **asked: Any
    ) -> requests.Response:
        """`asked` are parameters; ``short_name=ATL06`` unless it says otherwise."""
        ...


@dataclass(frozen=True)
class World:
    """What all searches here look through: 42 granules of three orbits, from pole to pole."""

    wire: Wire
    catalogue: Catalogue
    rings: dict[str, Ring]


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    catalogue, rings = whole_orbits([1, 500, 1387])
    with Wire(origin=CmrOrigin(catalogue)) as wire:
        yield World(wire, catalogue, rings)


@pytest.fixture
def ask(world: World) -> Iterator[Ask]:
    world.wire.clear_faults()
    with requests.Session() as session:

        def send(
            what: str = "granules.umm_json", *, post: bool = False, **asked: Any
        ) -> requests.Response:
            headers = asked.pop("headers", None)
            fields = {"short_name": "ATL06", **asked}
            fields = {name: value for name, value in fields.items() if value is not None}
            url = f"{world.wire.url}/search/{what}"
            given: dict[str, Any] = {"data" if post else "params": fields}
            return session.request("POST" if post else "GET", url, headers=headers, **given)

        yield send


def names(reply: requests.Response) -> list[str]:
    """Of the granules in a reply that is no refusal."""
    assert reply.status_code == 200, reply.text
    return [item["umm"]["GranuleUR"] for item in reply.json()["items"]]


def found(ask: Ask, **asked: Any) -> set[str]:
    return set(names(ask(page_size=2000, **asked)))


def in_box(lon: Any, lat: Any, box: tuple[float, float, float, float]) -> Any:
    west, south, east, north = box
    across = (lon - west) % 360 <= (east - west) % 360
    return across & (lat >= south) & (lat <= north)


def grid(box: tuple[float, float, float, float]) -> tuple[Any, Any]:
    """Points all over a box."""
    west, south, east, north = box
    lon = west + np.linspace(0, (east - west) % 360, 80)
    lon, lat = np.meshgrid((lon + 180) % 360 - 180, np.linspace(south, north, 80))
    return lon.ravel(), lat.ravel()


def filling(ring: Ring) -> tuple[Any, Any]:
    """Points all over a corridor: between the corners of both sides."""
    lon, lat = np.deg2rad(np.asarray(ring[:-1])).T
    corners = np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
    right, left = corners[:, :25], corners[:, :24:-1]
    step = np.linspace(0, 24, 500)
    low = np.minimum(step.astype(int), 23)
    sides = [
        side[:, low] + (step - low) * (side[:, low + 1] - side[:, low]) for side in (right, left)
    ]
    x, y, z = np.concatenate([sides[0] + part * (sides[1] - sides[0]) for part in (0, 0.5, 1)], 1)
    return np.rad2deg(np.arctan2(y, x)), np.rad2deg(np.arctan2(z, np.hypot(x, y)))


def test_boxes_find_what_lies_in_them(ask: Ask, world: World) -> None:
    """A granule over the box would not be found, or one far away would be."""
    rng = np.random.default_rng(5)
    compared = 0
    for _ in range(30):
        west, width = rng.uniform(-180, 180), rng.uniform(1, 120)
        south, height = rng.uniform(-90, 80), rng.uniform(1, 40)
        box = (west, south, (west + width + 180) % 360 - 180, min(90.0, south + height))
        got = found(ask, bounding_box=",".join(map(str, box)))
        larger = (box[0] - 0.5, box[1] - 0.5, box[2] + 0.5, box[3] + 0.5)
        for name, ring in world.rings.items():
            certain = in_box(*filling(ring), box).any() or inside(ring, *grid(box)).any()
            possible = in_box(*filling(ring), larger).any() or inside(ring, *grid(larger)).any()
            if certain == possible:
                assert (name in got) == certain, (box, name)
                compared += 1
    assert compared > 1200


def test_box_over_the_antimeridian(ask: Ask) -> None:
    """West greater than east means across 180 degrees, not the rest of the globe."""
    across = found(ask, bounding_box="170,-60,-170,60")
    parts = found(ask, bounding_box="170,-60,180,60") | found(ask, bounding_box="-180,-60,-170,60")
    assert across == parts
    assert across
    assert across != found(ask, bounding_box="-170,-60,170,60")


@pytest.mark.parametrize("pole", [1, -1])
def test_places_about_the_poles(ask: Ask, world: World, pole: int) -> None:
    """All longitudes meet at a pole: boxes, polygons and circles there are fragile."""
    south, north = sorted((87.0 * pole, 90.0 * pole))
    near = {
        name
        for name, ring in world.rings.items()
        if (np.abs(filling(ring)[1]) > 87.0).any() and ring[0][1] * pole > 0
    }
    assert near
    assert found(ask, bounding_box=f"-180,{south},180,{north}") == near
    around = np.arange(-180, 180, 30)[::pole]
    corners = [(lon, 87.0 * pole) for lon in (*around, around[0])]
    text = ",".join(f"{lon},{lat}" for lon, lat in corners)
    assert found(ask, polygon=text) == near
    assert found(ask, circle=f"0,{89.9 * pole},350000") >= near


def test_polygon_has_great_circles_for_edges() -> None:
    """A granule north of the parallel, but south of the great circle, would be missed."""
    catalogue = Catalogue()
    for lat in (57.0, 65.0):
        ring = ((44.0, lat), (46.0, lat), (46.0, lat + 1), (44.0, lat + 1), (44.0, lat))
        catalogue.add_record(umm_of(f"at {lat:g}", ring), product="ATL06", version="006")
    with Wire(origin=CmrOrigin(catalogue)) as wire:

        def hits(**asked: str) -> list[str]:
            url = f"{wire.url}/search/granules.umm_json"
            return names(requests.get(url, params={"short_name": "ATL06", **asked}))

        # the edges from 0 to 90 degrees east bow up to 63.7 and 67.8 degrees north
        assert hits(polygon="0,55,90,55,90,60,0,60,0,55") == ["at 65"]
        assert hits(bounding_box="0,55,90,60") == ["at 57"]


def test_points_lines_and_circles(ask: Ask, world: World) -> None:
    """The other ways to name a place would find something else."""
    for name, ring in list(world.rings.items())[::5]:
        lon, lat = (column[750] for column in filling(ring))  # in the middle
        assert name in found(ask, point=f"{lon},{lat}")
        aside = (lon + 180 + 2 / max(np.cos(np.deg2rad(lat)), 0.05)) % 360 - 180
        radius = 30_000
        assert name in found(ask, circle=f"{lon},{lat},{radius}")
        if abs(lat) < 60:
            assert name not in found(ask, point=f"{aside},{lat}")
            assert name not in found(ask, circle=f"{aside},{lat},{radius}")
            assert name in found(ask, circle=f"{aside},{lat},300000")
            assert name in found(ask, line=f"{aside},{lat},{2 * lon - aside},{lat}")


def test_several_places(ask: Ask) -> None:
    """A record has to lie in all places, unless the option says in any."""
    one, other = "-60,60,-20,80", "100,-70,140,-50"
    both = found(ask, **{"bounding_box[]": [one, other]})
    either = found(ask, **{"bounding_box[]": [one, other], "options[bounding_box][or]": "true"})
    parts = found(ask, bounding_box=one), found(ask, bounding_box=other)
    assert both == parts[0] & parts[1]
    assert either == parts[0] | parts[1] != both


@pytest.mark.parametrize(
    "asked, message",
    [
        ({"polygon": "0,0,10,0,10,10"}, "was not closed"),
        ({"polygon": "0,0,10,0,10,10,0,10"}, "was not closed"),
        ({"polygon": "0,0,0,10,10,10,10,0,0,0"}, "counter-clockwise order"),
        ({"polygon": "0,0,10,10,10,0,0,10,0,0"}, "intersected itself"),
        ({"polygon": "-180,-90,180,-90,180,-60,-180,-60,-180,-90"}, "duplicate points"),
        ({"polygon": "0,0,10,0,10,x,0,0"}, "not a valid URL encoded polygon"),
        ({"polygon": "0,0,200,0,10,10,0,0"}, "longitude [200.0]"),
        ({"polygon": "0,0,10,0,10,95,0,0"}, "latitude [95.0]"),
        ({"bounding_box": "0,10,10,0"}, "was less than the south"),
        ({"bounding_box": "0,10,10"}, "not a valid URL encoded bounding_box"),
        ({"circle": "0,0,1"}, "radius"),
        ({"point": "0"}, "not a valid URL encoded point"),
        ({"temporal": "2019-13-01,"}, "[2019-13-01] is not a valid datetime"),
        ({"temporal": "2020-01-01,2019-01-01"}, "must be earlier"),
        ({"orbit_number": "x"}, "numeric"),
        ({"page_size": "2001"}, "between 0 and 2000"),
        ({"page_size": "x"}, "between 0 and 2000"),
        ({"page_num": "0"}, "greater than or equal to 1"),
        ({"page_num": "600", "page_size": "2000"}, "exceeds the limit"),
        ({"sort_key": "beauty"}, "sort key [beauty]"),
        ({"nonsense": "1"}, "[nonsense] was not recognized"),
        ({"downloadable": "maybe"}, "true, false, or unset"),
        ({"short_name": None}, "all collections"),
        ({"page_num": "2", "headers": {"CMR-Search-After": "[1]"}}, "page_num is not allowed"),
        ({"headers": {"CMR-Search-After": "x"}}, "JSON array"),
        ({"headers": {"CMR-Search-After": '["x"]'}}, "does not fit"),
    ],
)
def test_refusals(ask: Ask, asked: dict[str, Any], message: str) -> None:
    """A client would be tested against a catalogue that takes what CMR refuses."""
    for post in (False, True):
        reply = ask(post=post, **{**asked, "headers": dict(asked.get("headers", {}))})
        assert reply.status_code == 400
        errors = reply.json()["errors"]
        assert message in " ".join(errors)


def test_all_that_is_wrong_is_told(ask: Ask) -> None:
    """A user would mend one mistake after the other."""
    reply = ask(point="x", temporal="y", nonsense="z")
    assert len(reply.json()["errors"]) == 3


@pytest.mark.parametrize("size", [1, 5, 42, 100])
def test_pages_by_search_after(ask: Ask, world: World, size: int) -> None:
    """A granule would be on two pages, or on none."""
    seen: list[str] = []
    headers: dict[str, str] = {}
    while True:
        reply = ask(page_size=size, headers=headers)
        page = names(reply)
        assert reply.headers["CMR-Hits"] == "42" == str(reply.json()["hits"])
        if not page:
            assert "CMR-Search-After" not in reply.headers
            break
        assert len(page) <= size
        seen += page
        headers = {"CMR-Search-After": reply.headers["CMR-Search-After"]}
    assert len(seen) == 42
    assert set(seen) == set(world.rings)


def test_pages_by_number(ask: Ask) -> None:
    """Clients that count pages would miss some."""
    all_names = names(ask(page_size=42))
    assert [name for n in range(1, 6) for name in names(ask(page_size=10, page_num=n))] == all_names
    assert names(ask(page_size=10, offset=5)) == all_names[5:15]


def test_number_alone(ask: Ask) -> None:
    """Clients ask how many there are before they fetch them."""
    reply = ask(page_size=0)
    assert names(reply) == []
    assert reply.headers["CMR-Hits"] == "42"
    assert "CMR-Search-After" not in reply.headers


def test_default_page_has_ten(ask: Ask) -> None:
    """A client that forgets to ask for pages loses granules: here as there."""
    assert len(names(ask())) == 10


@pytest.mark.parametrize("key", ["start_date", "-start_date", "granule_ur", "-revision_date"])
def test_order(key: str) -> None:
    """Pages of a search that is sorted would not follow one another."""
    catalogue = Catalogue()
    _, rings = whole_orbits([7])
    for number, (name, ring) in enumerate(rings.items()):
        day = f"2019-06-{1 + number * 5 % 14:02d}"
        catalogue.add_record(umm_of(name, ring, day), product="ATL06", version="006")
    with Wire(origin=CmrOrigin(catalogue)) as wire:
        seen: list[dict[str, Any]] = []
        headers: dict[str, str] = {}
        for _ in range(5):
            reply = requests.get(
                f"{wire.url}/search/granules.umm_json",
                params={"short_name": "ATL06", "page_size": "3", "sort_key": key},
                headers=headers,
            )
            seen += reply.json()["items"]
            headers["CMR-Search-After"] = reply.headers["CMR-Search-After"]
    values = {
        "start_date": [
            i["umm"]["TemporalExtent"]["RangeDateTime"]["BeginningDateTime"] for i in seen
        ],
        "granule_ur": [i["umm"]["GranuleUR"] for i in seen],
        "revision_date": [i["meta"]["revision-date"] for i in seen],
    }[key.lstrip("-")]
    assert len(values) == 14
    assert values == sorted(values, reverse=key.startswith("-"))


@pytest.mark.parametrize(
    "temporal, hits",
    [
        ("2019-06-01T00:05:00Z,2019-06-30", 42),
        ("2019-06-01T00:05:00.001Z,2019-06-30", 0),
        ("2019-05-01,2019-06-01", 42),
        ("2019-05-01,2019-05-31T23:59:59Z", 0),
        ("2019-01-01,", 42),
        (",2019-01-01", 0),
        ("2019-01-01/2019-12-31", 42),
        (["2018-01-01,2018-12-31", "2019-01-01,2019-12-31"], 42),
    ],
)
def test_times(ask: Ask, temporal: str | list[str], hits: int) -> None:
    """Ranges include both ends, may be open, and any of several is enough."""
    assert len(found(ask, **{"temporal[]": temporal})) == hits


def test_boundary_left_out(ask: Ask) -> None:
    """The option that leaves the ends out would be ignored."""
    asked = {"temporal": "2019-06-01T00:05:00Z,2019-06-30"}
    assert found(ask, **asked)
    assert not found(ask, **asked, **{"options[temporal][exclude_boundary]": "true"})


@pytest.mark.parametrize("name", ["readable_granule_name", "granule_ur"])
@pytest.mark.parametrize(
    "value, options, hits",
    [
        ("ATL06_*_000103??_006_*", {"pattern": "true"}, 14),
        ("atl06_*_000103??_006_*", {"pattern": "true"}, 14),
        ("atl06_*_000103??_006_*", {"pattern": "true", "ignore_case": "false"}, 0),
        ("ATL06_*_000103??_006_*", {}, 0),
        ("*_0001030[1-3]_*", {"pattern": "true"}, 0),
        ("ATL06_20190601000000_00010301_006_01.h5", {}, 1),
        (["*_00010301_*", "*_05000314_*"], {"pattern": "true"}, 2),
    ],
)
def test_names(
    ask: Ask, name: str, value: str | list[str], options: dict[str, str], hits: int
) -> None:
    """Tracks and cycles are searched by patterns of names."""
    named = {f"options[{name}][{option}]": yes for option, yes in options.items()}
    assert len(found(ask, **{f"{name}[]": value}, **named)) == hits


def test_what_the_file_says_is_searched(tmp_path: Path) -> None:
    """Orbit, producer's name and version of a published file could not be searched."""
    catalogue = Catalogue()
    path = atl06(tmp_path, segments=100, rgt=234, cycle=5, release="007")
    record = catalogue.add(path, https="https://data/x.h5")
    with Wire(origin=CmrOrigin(catalogue)) as wire:

        def hits(**asked: str) -> int:
            url = f"{wire.url}/search/granules.umm_json"
            reply = requests.get(url, params=asked)
            assert reply.status_code == 200, reply.text
            return len(reply.json()["items"])

        orbit = (5 - 1) * 1387 + 234 + 201
        collection = record["meta"]["collection-concept-id"]
        assert hits(short_name="atl06", orbit_number=str(orbit)) == 1
        assert hits(short_name="ATL06", orbit_number=f"{orbit - 1},{orbit}") == 1
        assert hits(short_name="ATL06", orbit_number=f"{orbit + 1},") == 0
        assert hits(collection_concept_id=collection) == 1
        assert hits(concept_id=record["meta"]["concept-id"]) == 1
        assert hits(concept_id=collection, producer_granule_id=path.name) == 1
        assert hits(provider="NSIDC_CPRD", version="007") == 1
        assert hits(provider="NSIDC_CPRD", version="7") == 0
        assert hits(provider="NSIDC_ECS") == 0
        assert hits(short_name="ATL06", downloadable="true", day_night_flag="unspecified") == 1
        assert hits(short_name="ATL06", updated_since="2020-01-01T00:00:00Z") == 1
        revised = record["meta"]["revision-date"]
        assert hits(short_name="ATL06", revision_date=f"{revised},{revised}") == 1
        assert hits(short_name="ATL06", revision_date=",2020-01-01") == 0


def test_forms_are_for_long_searches(ask: Ask) -> None:
    """A polygon of many corners does not fit into a URL: it has to go as a form."""
    around = np.linspace(179, -179, 900)  # counter-clockwise, seen from above the south pole
    corners = [f"{lon:.4f},-60" for lon in around]
    polygon = ",".join([*corners, corners[0]])
    assert ask(polygon=polygon).status_code == 414
    assert found(ask, polygon=polygon, post=True)
    assert found(ask, polygon="-60,60,-20,60,-20,80,-60,80,-60,60", post=True) == found(
        ask, polygon="-60,60,-20,60,-20,80,-60,80,-60,60"
    )


def test_only_forms_are_posted(world: World) -> None:
    """JSON queries are another interface, which is not here: it must say so."""
    url = f"{world.wire.url}/search/granules.umm_json"
    assert requests.post(url, json={"provider": "NSIDC_CPRD"}).status_code == 415
    assert requests.put(url).status_code == 405
    assert requests.get(f"{world.wire.url}/search/granules.echo10").status_code == 404


def test_bad_token_is_refused(world: World) -> None:
    """A token that is over spoils even a search that needs none."""
    origin = CmrOrigin(world.catalogue, token_ok=lambda token: token == "good")
    with Wire(origin=origin) as wire:
        url = f"{wire.url}/search/granules.umm_json?short_name=ATL06"
        statuses = [
            requests.get(url, headers=headers).status_code
            for headers in ({}, {"Authorization": "Bearer good"}, {"Authorization": "Bearer bad"})
        ]
    assert statuses == [200, 200, 401]


def test_faults_of_the_wire(ask: Ask, world: World) -> None:
    """The ways in which CMR fails could not be tried."""
    world.wire.fault(Fault("html", status=200), times=1)
    page = ask()
    assert "html" in page.headers["Content-Type"]
    with pytest.raises(ValueError):
        page.json()
    world.wire.fault(Fault("status", status=429, header="Retry-After: 7\r\n"), times=1)
    assert ask().headers["Retry-After"] == "7"
    world.wire.fault(Fault("truncate", at=100), times=1)
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        ask()
    assert ask().status_code == 200


def test_collections(ask: Ask, tmp_path: Path) -> None:
    """The latest version of a product that has data could not be found."""
    catalogue = Catalogue()
    for release in ("006", "007"):
        catalogue.add(atl06(tmp_path, segments=100, release=release), s3="s3://bucket/key.h5")
    catalogue.add_collection("ATL06", "008")
    catalogue.add_collection("ATL06", "005", provider="NSIDC_ECS", cloud=False)
    with Wire(origin=CmrOrigin(catalogue)) as wire:

        def versions(**asked: str) -> list[str]:
            reply = requests.get(f"{wire.url}/search/collections.umm_json", params=asked)
            assert reply.status_code == 200, reply.text
            return sorted(item["umm"]["Version"] for item in reply.json()["items"])

        assert versions(short_name="ATL06") == ["005", "006", "007", "008"]
        assert versions(short_name="ATL06", has_granules="true") == ["006", "007"]
        assert versions(short_name="ATL06", cloud_hosted="false") == ["005"]
        assert versions(short_name="ATL06", provider="NSIDC_CPRD", version="007") == ["007"]
        assert versions(doi="10.5067/ATLAS/ATL06.006") == ["006"]
        assert versions(keyword="land ice", version="006") == ["006"]
        assert versions(instrument="ATLAS", platform="icesat-2", version="006") == ["006"]
        assert versions(concept_id="C3564876127-NSIDC_CPRD") == ["007"]
        assert versions(short_name="ATL99") == []
        asked = {"include_granule_counts": "true", "version": "006"}
        reply = requests.get(f"{wire.url}/search/collections.umm_json", params=asked)
        assert reply.json()["items"][0]["meta"]["granule-count"] == 1
        feed = requests.get(f"{wire.url}/search/collections.json", params={"version": "006"})
        (entry,) = feed.json()["feed"]["entry"]
        assert (entry["short_name"], entry["version_id"]) == ("ATL06", "006")


def same_kind(ours: Any, theirs: Any, where: str = "") -> None:
    """Each field that both have is of the same type, all the way down."""
    if isinstance(theirs, float) or isinstance(ours, float):
        assert isinstance(ours, int | float), where
        return
    assert type(ours) is type(theirs), where
    if isinstance(ours, dict):
        for field in ours.keys() & theirs.keys():
            same_kind(ours[field], theirs[field], f"{where}/{field}")
    if isinstance(ours, list) and ours and theirs:
        same_kind(ours[0], theirs[0], f"{where}[0]")


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The search of a catalogue with one granule as NASA publishes them."""
    catalogue = Catalogue()
    path = atl06(tmp_path_factory.mktemp("published"), segments=100)
    data = "https://data.nsidc.earthdatacloud.nasa.gov/bucket"
    catalogue.add(path, https=f"{data}/{path.name}", s3=f"s3://bucket/{path.name}", dmrpp=True)
    with Wire(origin=CmrOrigin(catalogue)) as wire:
        yield f"{wire.url}/search/"


@pytest.mark.parametrize("product", ["atl03", "atl06", "atl08"])
def test_umm_is_as_recorded(published: str, shared_data: Path, product: str) -> None:
    """A client that reads our answers would stumble over the real ones."""
    recorded = json.loads((shared_data / f"cmr/earthaccess_{product}_umm.json").read_text())
    reply = requests.get(f"{published}granules.umm_json_v1_6_4?short_name=ATL06")
    ours = reply.json()
    assert reply.headers["Content-Type"].startswith("application/vnd.nasa.cmr.umm_results+json")
    assert "version=1.6.4" in reply.headers["Content-Type"]
    assert ours.keys() == recorded.keys()
    (our_item,), (item,) = ours["items"], recorded["items"]
    assert our_item["meta"].keys() >= item["meta"].keys()
    unknown = {"AdditionalAttributes", "ProviderDates"}  # that no client reads
    assert our_item["umm"].keys() >= item["umm"].keys() - unknown
    same_kind(our_item, item)


def test_feed_is_as_recorded(published: str, shared_data: Path) -> None:
    """As above, for the older form."""
    path = shared_data / "cmr/icesat2cookbook_ATL06_006_NSIDC_CPRD_granules33.json"
    recorded = json.loads(path.read_text())["feed"]["entry"][0]
    (ours,) = requests.get(f"{published}granules.json?short_name=ATL06").json()["feed"]["entry"]
    assert ours.keys() >= recorded.keys()
    same_kind(ours, recorded)
    kinds = {(link["rel"], link["href"].partition(":")[0]) for link in ours["links"]}
    theirs = {(link["rel"], link["href"].partition(":")[0]) for link in recorded["links"]}
    assert kinds <= theirs
    assert any(link.get("inherited") for link in ours["links"])
    ((text,),) = ours["polygons"]
    latitudes = np.array(text.split()[::2], float)
    assert (np.abs(latitudes) <= 90).all()  # latitude first
    assert latitudes.min() > 55  # the granule is north of 59 degrees


def test_python_cmr_unmodified(published: str) -> None:
    """The client below earthaccess would not find its way through our pages."""
    query = GranuleQuery(mode=published).short_name("ATL06").readable_granule_name("ATL06_*")
    assert query.hits() == 1
    (entry,) = query.get_all()
    assert entry["producer_granule_id"].startswith("ATL06_")


@pytest.mark.filterwarnings("ignore:As of version 1.0:FutureWarning")
def test_earthaccess_unmodified(world: World) -> None:
    """The library most users search with would not work against the sandbox."""
    import earthaccess

    mode = f"{world.wire.url}/search/"
    asked = {"short_name": "ATL06", "version": "006", "bounding_box": GREENLAND}
    query = earthaccess.DataGranules().mode(mode).parameters(**asked, temporal=("2019-06",))
    results = query.get_all()
    assert len(results) == query.hits() > 0
    assert {result["umm"]["GranuleUR"] for result in results} < set(world.rings)
    assert results[0].data_links()[0].startswith("https://data.example.org/")
    many = earthaccess.DataGranules().mode(mode).parameters(provider="NSIDC_CPRD").get(30)
    assert len(many) == 30
    (collection,) = earthaccess.DataCollections().mode(mode).parameters(short_name="ATL06").get()
    assert collection["meta"]["concept-id"] == "C2670138092-NSIDC_CPRD"


def test_granules_may_come_while_searches_run(world: World) -> None:
    """Publishing in one thread would break a search in another."""
    catalogue = Catalogue()
    with Wire(origin=CmrOrigin(catalogue)) as wire:
        counts = []
        for name, ring in world.rings.items():
            catalogue.add_record(umm_of(name, ring), product="ATL06", version="006")
            url = f"{wire.url}/search/granules.umm_json?short_name=ATL06&page_size=0"
            counts.append(int(requests.get(url).headers["CMR-Hits"]))
    assert counts == list(range(1, 43))
