"""What is published says of a granule what the granule itself says."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import requests

from cryodata.errors import ConfigurationError
from cryodata.sandbox.earthdata import Earth
from cryodata.sandbox.earthdata.catalogue import Catalogue
from cryodata.sandbox.earthdata.extent import extent_of
from cryodata.sandbox.earthdata.records import nasa_key
from cryodata.sandbox.earthdata.shapes import shapes_of
from cryodata.sandbox.earthdata.sphere import ShapeError
from cryodata.sandbox.granules import atl03, atl06
from tests.real import real_files
from tests.sandbox.published import fourteenths, inside, track, umm_of

TRACKS = (("longitude", "latitude"), ("lon_ph", "lat_ph"))
REAL = {
    name: path for name, path in real_files().items() if "ATL0" in name and "ph_index" not in name
}
Numbers = np.ndarray[Any, np.dtype[np.float64]]


def positions(path: Path) -> tuple[Numbers, Numbers, Numbers]:
    """Longitude, latitude and time of everything in a file that has all three."""
    found: list[list[Numbers]] = [[], [], []]

    def note(_name: str, item: Any) -> None:
        for names in TRACKS if isinstance(item, h5py.Group) else ():
            wanted = (*names, "delta_time")
            if all(name in item for name in wanted):
                for column, name in zip(found, wanted, strict=True):
                    column.append(item[name][:].astype(float))

    with h5py.File(path) as file:
        file.visititems(note)
    lon, lat, time = (np.concatenate(column) for column in found)
    return lon, lat, time


@pytest.fixture(scope="module")
def granule(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A granule that crosses Greenland's latitudes."""
    return atl06(tmp_path_factory.mktemp("granule"), segments=2000, rgt=1169, cycle=4)


@pytest.mark.parametrize("name", REAL)
def test_footprint_of_a_real_granule_covers_it(name: str) -> None:
    """A search would miss a granule whose data lie where the footprint is not."""
    lon, lat, _ = positions(REAL[name])
    ring = extent_of(REAL[name]).ring
    assert len(ring) == 51
    assert inside(ring, lon, lat).all()


@pytest.mark.parametrize("make, size", [(atl06, {"segments": 2000}), (atl03, {"photons": 9000})])
@pytest.mark.parametrize("region", [1, 2, 3, 4])
def test_footprint_of_a_synthetic_granule_covers_it(
    tmp_path: Path, make: Callable[..., Path], size: dict[str, int], region: int
) -> None:
    """The same for the granules of the demo, in all the places where they begin."""
    path = make(tmp_path, region=region, seed=region, **size)
    lon, lat, _ = positions(path)
    assert inside(extent_of(path).ring, lon, lat).all()


def test_footprints_are_corridors_around_the_globe() -> None:
    """Footprints of whole granules, over poles and the antimeridian, cover them and little more."""
    for name, ring in fourteenths([1, 500, 1387]).items():
        rgt, part = int(name[21:25]), int(name[27:29])
        lon, lat = track(rgt, (part - 1) / 14, part / 14)
        assert inside(ring, lon, lat).all(), name
        east = lon + 0.5 / np.cos(np.deg2rad(lat))  # by 55 km
        strayed = inside(ring, (east + 180) % 360 - 180, lat)
        assert strayed.mean() < 0.1, name  # but where tracks run east themselves


def test_recorded_footprints_are_of_the_same_kind(shared_data: Path) -> None:
    """Ours would be a fiction if NSIDC's were split, clockwise, or had more corners."""
    path = shared_data / "cmr/icesat2cookbook_ATL06_006_NSIDC_CPRD_granules33.json"
    jumps = 0
    for entry in json.loads(path.read_text())["feed"]["entry"]:
        ((text,),) = entry["polygons"]
        numbers = [float(number) for number in text.split()]
        ring = tuple(zip(numbers[1::2], numbers[::2], strict=True))
        assert len(ring) <= 51
        assert len(shapes_of(umm_of(entry["title"], ring))) == 1  # refuses a clockwise one
        jumps += bool((np.abs(np.diff([lon for lon, _ in ring])) > 180).any())
    assert jumps == 19  # cross the antimeridian, as one polygon
    ours = fourteenths(range(1, 1387, 100)).values()
    crossing = [ring for ring in ours if (np.abs(np.diff([lon for lon, _ in ring])) > 180).any()]
    assert crossing
    assert {len(shapes_of(umm_of("any", ring))) for ring in crossing} == {1}


def test_record_tells_the_file(granule: Path) -> None:
    """Size, checksum, time and orbit of a record would mislead whoever plans by them."""
    record = Catalogue().add(granule, https="https://data/x.h5", s3="s3://bucket/x.h5")
    umm = record["umm"]
    (file,) = umm["DataGranule"]["ArchiveAndDistributionInformation"]
    assert file["SizeInBytes"] == granule.stat().st_size
    assert file["Size"] == pytest.approx(granule.stat().st_size / 2**20)
    assert file["Checksum"]["Value"] == hashlib.md5(granule.read_bytes()).hexdigest()
    _, _, time = positions(granule)
    span = umm["TemporalExtent"]["RangeDateTime"]
    for end, seconds in (("Beginning", time.min()), ("Ending", time.max())):
        told = datetime.fromisoformat(span[f"{end}DateTime"])
        truth = datetime(2018, 1, 1, tzinfo=UTC) + timedelta(seconds=float(seconds))
        assert abs(told - truth) <= timedelta(milliseconds=1)
    with h5py.File(granule) as opened:
        orbit = int(opened["orbit_info/orbit_number"][0])
    assert umm["OrbitCalculatedSpatialDomains"] == [{"OrbitNumber": orbit}]
    assert record["meta"]["collection-concept-id"] == "C2670138092-NSIDC_CPRD"
    kinds = {url["Type"]: url["URL"] for url in umm["RelatedUrls"]}
    assert kinds["GET DATA"] == "https://data/x.h5"
    assert kinds["GET DATA VIA DIRECT ACCESS"] == "s3://bucket/x.h5"
    assert "VIEW RELATED INFORMATION" not in kinds  # no link to keys, as with ATL06's own


def test_links_that_some_records_have(granule: Path) -> None:
    """A reader of sidecars, or of the link to keys, would have nothing to be tested on."""
    record = Catalogue().add(
        granule,
        https="https://data/x.h5",
        s3="s3://bucket/x.h5",
        credentials_url="https://data/s3credentials",
        dmrpp=True,
    )
    links = [(url["Type"], url["URL"]) for url in record["umm"]["RelatedUrls"]]
    assert ("EXTENDED METADATA", "https://data/x.h5.dmrpp") in links
    assert ("VIEW RELATED INFORMATION", "https://data/s3credentials") in links


@pytest.mark.parametrize("field", ["SpatialExtent", "TemporalExtent", "RelatedUrls"])
def test_records_may_lack_fields(granule: Path, field: str) -> None:
    """Some real records lack these; a reader must be able to meet one."""
    record = Catalogue().add(granule, https="https://data/x.h5", leave_out=[field])
    assert field not in record["umm"]


def test_records_may_lack_the_size(granule: Path) -> None:
    """As above, for size and checksum."""
    record = Catalogue().add(granule, leave_out=["Size"])
    assert "ArchiveAndDistributionInformation" not in record["umm"]["DataGranule"]


def test_same_name_again_is_the_next_revision(granule: Path) -> None:
    """A record revised would be listed twice, or its revision not be told."""
    catalogue = Catalogue()
    first = catalogue.add(granule)
    second = catalogue.add(granule)
    assert second["meta"]["revision-id"] == first["meta"]["revision-id"] + 1 == 2
    assert second["meta"]["concept-id"] == first["meta"]["concept-id"]
    assert len(catalogue.granules) == 1


def test_superseded_granule_stays_until_it_is_removed(tmp_path: Path) -> None:
    """A granule reprocessed has another name: for a while the catalogue has both."""
    catalogue = Catalogue()
    old, new = (atl06(tmp_path, segments=100, revision=number) for number in (1, 2))
    for path in (old, new):
        catalogue.add(path)
    names = [entry.umm["GranuleUR"] for entry in catalogue.granules]
    assert names == [old.name, new.name]
    catalogue.remove(old.name)
    assert [entry.umm["GranuleUR"] for entry in catalogue.granules] == [new.name]


def test_versions_are_collections(tmp_path: Path) -> None:
    """The latest version could not be told from an older one."""
    catalogue = Catalogue()
    for release in ("006", "007"):
        path = atl06(tmp_path, segments=100, release=release)
        catalogue.add(path, s3=f"s3://bucket/{nasa_key(path.name)}")
    told = {
        entry.umm["Version"]: entry.umm["DirectDistributionInformation"]
        for entry in catalogue.collections
    }
    assert sorted(told) == ["006", "007"]
    assert told["007"]["Region"] == "us-west-2"
    (prefix,) = told["007"]["S3BucketAndObjectPrefixNames"]
    assert prefix.startswith("bucket/ATLAS/ATL06/007/")
    assert told["007"]["S3CredentialsAPIEndpoint"].endswith("/s3credentials")


def test_record_as_it_is(shared_data: Path) -> None:
    """Records of other archives have orbits for places, and no size: they can be published too."""
    recorded = json.loads((shared_data / "cmr/earthaccess_atl06_umm.json").read_text())
    umm = recorded["items"][0]["umm"]
    catalogue = Catalogue()
    record = catalogue.add_record(umm, product="ATL06", version="005", provider="NSIDC_ECS")
    assert record["umm"] == umm
    assert record["meta"]["concept-id"].endswith("-NSIDC_ECS")
    assert catalogue.granules[0].shapes == ()


def test_what_the_catalogue_would_not_take(shared_data: Path) -> None:
    """A producer's mistake would be searched as if it were a place."""
    wrong = json.loads((shared_data / "cmr/granule_metgen_h07v03_ummg.json").read_text())
    with pytest.raises(ShapeError, match="counter-clockwise"):
        Catalogue().add_record(wrong | {"GranuleUR": "x"}, product="MODSCGDRF", version="001")


def test_product_has_to_be_known(tmp_path: Path) -> None:
    """A file with a name of its own would land in a collection without name."""
    path = tmp_path / "mine.h5"
    h5py.File(path, "w").close()
    with pytest.raises(ConfigurationError, match="what product"):
        Catalogue().add(path)
    record = Catalogue().add(path, product="MINE", version="1")
    assert "SpatialExtent" not in record["umm"]
    assert "TemporalExtent" not in record["umm"]


def test_keys_are_nasas() -> None:
    """Keys of the sandbox would look unlike those in recorded links."""
    name = "ATL06_20191202203649_10220511_006_01.h5"
    assert nasa_key(name) == f"ATLAS/ATL06/006/2019/12/02/{name}"
    assert nasa_key("other.h5") == "other.h5"


def test_published_over_a_cloud(earth: Earth, granule: Path) -> None:
    """Links of a published granule would lead nowhere, or its search not know its users."""
    record = earth.publish(granule, keys_link=True)
    links = {url["Type"]: url["URL"] for url in record["umm"]["RelatedUrls"]}
    bearer = {"Authorization": f"Bearer {earth.token()}"}
    read = requests.get(links["GET DATA"], headers=bearer)
    assert read.content == granule.read_bytes()
    assert links["GET DATA VIA DIRECT ACCESS"].startswith("s3://nsidc-cumulus-prod-protected/ATLAS")
    keys = requests.get(links["VIEW RELATED INFORMATION"], headers=bearer)
    assert "accessKeyId" in keys.json()
    search = f"{earth.system.cmr}/search/granules.umm_json?short_name=ATL06"
    assert requests.get(search, headers=bearer).json()["items"] == [record]
    over = {"Authorization": f"Bearer {earth.token(life=-1.0)}"}
    assert requests.get(search, headers=over).status_code == 401
    collections = requests.get(f"{earth.system.cmr}/search/collections.umm_json?short_name=ATL06")
    (collection,) = collections.json()["items"]
    direct = collection["umm"]["DirectDistributionInformation"]
    assert direct["S3CredentialsAPIEndpoint"] == links["VIEW RELATED INFORMATION"]
