"""Records of the catalogue become granules: complete where they are, never more than they say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cryodata.earthdata.catalogue.umm import from_record
from cryodata.earthdata.granule import Granule
from cryodata.earthdata.system import PROD, System
from cryodata.errors import ConfigurationError, ServiceError, UnsupportedError
from tests.earthdata.records import BUCKET, HOST, NAME, Record, feed_entry, item, umm

DATA = f"{HOST}/{BUCKET}/ATLAS/ATL06/006/2020/03/12/{NAME}"
S3 = f"s3://{BUCKET}/ATLAS/ATL06/006/2020/03/12/{NAME}"


def linked(*links: tuple[str, str]) -> Record:
    """A record with these links alone."""
    return umm(RelatedUrls=[{"URL": url, "Type": kind} for url, kind in links])


def test_umm_record() -> None:
    """Every field of a full record arrives, and only the data link is the data."""
    assert from_record(item(revision=3)) == Granule(
        name=NAME,
        https=DATA,
        s3=S3,
        dmrpp=f"{DATA}.dmrpp",
        endpoint=f"{HOST}/s3credentials",
        size=31_449_725,
        start=np.datetime64("2020-03-12T23:40:36.093"),
        end=np.datetime64("2020-03-12T23:42:07.293"),
        footprint=(((-134, 58), (-133, 58), (-132.8, 62), (-133.8, 62), (-134, 58)),),
        product="ATL06",
        version="006",
        concept_id="G1-NSIDC_CPRD",
        collection_id="C2670138092-NSIDC_CPRD",
        revision=3,
    )


def test_feed_entry_is_the_same_granule() -> None:
    """The two JSON forms of a record agree; the feed's latitude comes first."""
    by_umm, by_feed = from_record(item()), from_record(feed_entry())
    for field in ("name", "https", "s3", "dmrpp", "start", "end", "footprint", "product"):
        assert getattr(by_feed, field) == getattr(by_umm, field), field
    assert by_feed.version == "006"
    assert abs(by_feed.size - by_umm.size) < 2


def test_granule_and_bare_document() -> None:
    """What is a granule already stays one; a UMM-G document needs no envelope."""
    granule = from_record(item())
    assert from_record(granule) is granule
    assert from_record(umm()).https == DATA


def test_earthaccess_results() -> None:
    """What earthaccess.search_data returns is taken, whatever its version."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # its own, while it makes one
        from earthaccess.results import DataGranule

        found = DataGranule(item(), cloud_hosted=True)
    assert from_record(found) == from_record(item())


def test_old_archive() -> None:
    """Records of the closing archive: their own reference for a name, sizes of no unit, orbits."""
    record = umm(
        GranuleUR="SC:ATL06.005:228825416",
        DataGranule={
            "Identifiers": [{"Identifier": NAME, "IdentifierType": "ProducerGranuleId"}],
            "ArchiveAndDistributionInformation": [
                {"Name": "Not provided", "Size": 59.19, "SizeUnit": "NA"}
            ],
        },
        SpatialExtent={"HorizontalSpatialDomain": {"Orbit": {"AscendingCrossing": -40.3}}},
        RelatedUrls=[{"URL": f"https://n5eil01u.ecs.nsidc.org/DP7/{NAME}", "Type": "GET DATA"}],
    )
    granule = from_record(record)
    assert granule.name == NAME
    assert (granule.size, granule.footprint, granule.s3, granule.endpoint) == (0, (), "", "")
    assert granule.https == f"https://n5eil01u.ecs.nsidc.org/DP7/{NAME}"


def test_records_that_lack_things() -> None:
    """What is not said stays empty, instead of failing the search."""
    record = umm(SpatialExtent=None, TemporalExtent=None, RelatedUrls=None, DataGranule=None)
    granule = from_record(record)
    assert granule == Granule(name=NAME, product="ATL06", version="006")


def test_sizes() -> None:
    """Bytes win over megabytes, and the data file's size over its checksum's."""

    def size(*files: Record) -> int:
        return from_record(umm(DataGranule={"ArchiveAndDistributionInformation": list(files)})).size

    assert size({"Name": NAME, "Size": 2, "SizeUnit": "MB", "SizeInBytes": 7}) == 7
    assert size({"Name": NAME, "Size": 2, "SizeUnit": "MB"}) == 2 << 20
    assert size({"Name": NAME, "Size": 0.5, "SizeUnit": "GB"}) == 1 << 29
    assert size({"Name": f"{NAME}.md5", "SizeInBytes": 63}, {"Name": NAME, "SizeInBytes": 9}) == 9
    assert size({"Name": "Not provided", "Size": "NA", "SizeUnit": "NA"}) == 0


def test_instants() -> None:
    """One instant is both ends; offsets are applied; no zone is UTC."""

    def span(extent: Record) -> tuple[Any, Any]:
        granule = from_record(umm(TemporalExtent=extent))
        return granule.start, granule.end

    moment = np.datetime64("2020-03-12T23:40:36")
    assert span({"SingleDateTime": "2020-03-12T23:40:36Z"}) == (moment, moment)
    later = {"BeginningDateTime": "2020-03-13T01:40:36+02:00"}
    assert span({"RangeDateTime": later}) == (moment, None)
    assert span({"RangeDateTime": {"BeginningDateTime": "2020-03-12T23:40:36"}})[0] == moment


def test_boxes_are_outlines() -> None:
    """A rectangle over the antimeridian is two rings, each within the map."""
    box = {
        f"{side}BoundingCoordinate": value
        for side, value in {"West": 170, "South": -80, "East": -170, "North": -70}.items()
    }
    extent = {"HorizontalSpatialDomain": {"Geometry": {"BoundingRectangles": [box]}}}
    east, west = from_record(umm(SpatialExtent=extent)).footprint
    assert east[0] == east[-1] == (170.0, -80.0)
    assert {lon for lon, _ in east} == {170, 180}
    assert {lon for lon, _ in west} == {-180, -170}
    by_feed = from_record(feed_entry(polygons=None, boxes=["-80 170 -70 -170"]))
    assert by_feed.footprint == (east, west)


def test_product_from_the_collection() -> None:
    """Products whose names say nothing are known by their collection."""
    record = umm("snow.A2025090.h00v08.061.hdf")
    record["CollectionReference"] = {"ShortName": "MOD10A1", "Version": "61"}
    assert (from_record(record).product, from_record(record).version) == ("MOD10A1", "61")
    record["CollectionReference"] = {"EntryTitle": "MODIS Snow Cover SIN Grid V061"}
    assert (from_record(record).product, from_record(record).version) == ("", "61")


OTHERS = [f"{HOST}/p/{NAME}.md5", f"{HOST}/p/other.h5", f"{HOST}/p/readme.txt"]


@pytest.mark.parametrize(
    "urls, chosen",
    [
        ([*OTHERS, DATA], DATA),
        ([DATA, DATA], DATA),
        ([f"{HOST}/p/a.tif", f"{HOST}/p/b.nc", f"{HOST}/p/c.txt"], f"{HOST}/p/b.nc"),
        ([f"{HOST}/p/only.tif"], f"{HOST}/p/only.tif"),
        ([f"http://old.example.gov/{NAME}", DATA], DATA),
        ([f"ftp://old.example.gov/{NAME}", DATA], DATA),
        ([f"{DATA}?signed=1", DATA], DATA),
    ],
)
def test_which_link_is_the_data(urls: list[str], chosen: str) -> None:
    """Among several data links the granule's own file is taken, or the only HDF5."""
    assert from_record(linked(*((url, "GET DATA") for url in urls))).https == chosen


def test_several_data_files_are_listed() -> None:
    """Guessing among files would read the wrong one: they are named instead."""
    bands = [(f"{HOST}/p/B{n:02d}.tif", "GET DATA") for n in range(1, 9)]
    with pytest.raises(UnsupportedError, match=r"8 data files: B01.tif, B02.tif") as caught:
        from_record(linked(*bands))
    assert "cd.open(link)" in caught.value.fix


def test_sidecar_is_that_of_the_data() -> None:
    """A sidecar of another file, or on another host, is not the data's."""
    data = (DATA, "GET DATA")
    right = (f"{DATA}.dmrpp", "EXTENDED METADATA")
    wrong = (f"{HOST}/p/other.h5.dmrpp", "EXTENDED METADATA")
    elsewhere = (f"https://evil.example.org/{NAME}.dmrpp", "EXTENDED METADATA")
    assert from_record(linked(data, wrong, elsewhere)).dmrpp == ""
    assert from_record(linked(data, elsewhere, right)).dmrpp == f"{DATA}.dmrpp"


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example.org/s3credentials",
        "https://user:secret@data.nsidc.earthdatacloud.nasa.gov/s3credentials",
        "http://data.nsidc.earthdatacloud.nasa.gov/s3credentials",
        "https://urs.earthdata.nasa.gov/s3credentials",
    ],
)
def test_keys_are_asked_of_data_hosts_alone(url: str) -> None:
    """The user's token goes to where keys are given: no record may choose that freely."""
    record = linked((DATA, "GET DATA"), (url, "VIEW RELATED INFORMATION"))
    assert from_record(record, system=PROD).endpoint == ""


HOSTILE = [
    ("file:///etc/passwd", "scheme file"),
    ("/etc/passwd", "scheme of a local path"),
    ("C:\\data\\a.h5", "characters"),
    ("javascript:alert(1)", "scheme javascript"),
    ("gopher://data.example.gov/a.h5", "scheme gopher"),
    ("https://user:canary-secret@data.example.gov/a.h5", "user name"),
    ("https://data.example.gov:99999/a.h5", "no host"),
    ("https:///a.h5", "no host"),
    ("https://data.example.gov/a b.h5", "characters"),
    ("https://data.example.gov/a\nHost: evil.h5", "characters"),
    ("https://data.example.gov/é.h5", "characters"),
    ("https://data.example.gov/" + "a" * 5000, "characters"),
    ("https://data.example.gov/../../a.h5", "climbs"),
    ("https://127.0.0.1:8080/a.h5", "not on the internet"),
    ("https://169.254.169.254/latest/meta-data", "not on the internet"),
    ("https://[::1]/a.h5", "not on the internet"),
    ("https://10.1.2.3/a.h5", "not on the internet"),
    ("https://localhost/a.h5", "not on the internet"),
    ("https://metadata.google.internal/a.h5", "not on the internet"),
    ("http://data.example.gov/a.h5", "scheme http"),
    ("ftp://data.example.gov/a.h5", "scheme ftp"),
    ("https://data.example.gov/a.h5?Signature=canary-secret", "query"),
    ("s3://bucket", "no object"),
    ("s3://user@bucket/key.h5", "user name"),
]


@pytest.mark.parametrize("url, why", HOSTILE, ids=[why for _, why in HOSTILE])
def test_hostile_links_are_refused(url: str, why: str) -> None:
    """A link that no archive writes is an error, is short, and shows nothing secret."""
    with pytest.raises(ServiceError, match=why) as caught:
        from_record(linked((url, "GET DATA")), system=PROD)
    said = str(caught.value)
    assert "canary-secret" not in said
    assert len(said) < 400
    assert said.isascii()
    assert said.count("\n") == 1


def test_hostile_link_beside_a_good_one() -> None:
    """What an archive would never write is not passed over in silence."""
    with pytest.raises(ServiceError, match="scheme file"):
        from_record(linked((DATA, "GET DATA"), ("file:///etc/passwd", "GET DATA")))


def test_plain_http_is_for_the_systems_own_hosts() -> None:
    """A sandbox on loopback is followed because its system says so, and for no other reason."""
    origin = "http://127.0.0.1:1234"
    record = linked((f"{origin}/{BUCKET}/{NAME}", "GET DATA"))
    sandbox = System(edl=origin, cmr=origin, endpoints={BUCKET: origin})
    assert from_record(record, system=sandbox).https == f"{origin}/{BUCKET}/{NAME}"
    with pytest.raises(ServiceError, match="not on the internet"):
        from_record(record, system=PROD)


def deep(levels: int) -> Any:
    nested: Any = "x"
    for _ in range(levels):
        nested = [nested]
    return nested


def points(count: int) -> Record:
    ring = [{"Longitude": 0.0, "Latitude": 0.0}] * count
    polygons = [{"Boundary": {"Points": ring}}]
    return {"HorizontalSpatialDomain": {"Geometry": {"GPolygons": polygons}}}


def corner(lon: Any, lat: Any) -> Record:
    ring = [{"Longitude": lon, "Latitude": lat}, {"Longitude": 1, "Latitude": 1}]
    polygons = [{"Boundary": {"Points": ring}}]
    return {"HorizontalSpatialDomain": {"Geometry": {"GPolygons": polygons}}}


def file_of(**fields: Any) -> Record:
    return {"ArchiveAndDistributionInformation": [{"Name": NAME, **fields}]}


ABSURD: list[tuple[Record, str]] = [
    (umm(SpatialExtent=points(100_001)), "100,000 corners"),
    (umm(SpatialExtent=corner(181, 0)), "'181' for degrees"),
    (umm(SpatialExtent=corner("x" * 10_000, 0)), "for degrees"),
    (umm(SpatialExtent=corner(float("nan"), 0)), "'nan' for degrees"),
    (umm(SpatialExtent=corner(None, 0)), "a NoneType for degrees"),
    (umm(SpatialExtent="everywhere"), "str for SpatialExtent"),
    (umm(DataGranule=file_of(Size=1e300, SizeUnit="GB")), "1e"),
    (umm(DataGranule=file_of(Size=float("inf"), SizeUnit="GB")), "inf"),
    (umm(DataGranule=file_of(Size=10**400, SizeUnit="GB")), "GB"),
    (umm(SpatialExtent=corner(10**400, 0)), "for degrees"),
    (umm(DataGranule=file_of(SizeInBytes=-5)), "'-5' where a count"),
    (umm(DataGranule=file_of(SizeInBytes=float("inf"))), "'inf' where a count"),
    (umm(DataGranule=file_of(SizeInBytes=2**70)), "where a count"),
    (umm(DataGranule=deep(100_000)), "list for DataGranule"),
    (umm(SpatialExtent=corner(deep(100_000), 0)), "a list for degrees"),
    (umm(DataGranule=file_of(SizeInBytes=deep(100_000))), "a list where a count"),
    (umm(DataGranule=file_of(Size=deep(100_000), SizeUnit="MB")), "granule of a list MB"),
    (umm(TemporalExtent={"SingleDateTime": "soon"}), "'soon' for a time"),
    (umm(TemporalExtent={"SingleDateTime": "9999-12-31T23:59:59-12:00"}), "for a time"),
    (umm(RelatedUrls=[{"URL": f"{HOST}/{n}", "Type": "GET DATA"} for n in range(10_001)]), "links"),
    (umm("", GranuleUR="", DataGranule=None, RelatedUrls=None), "without any name"),
    ({"umm": "text"}, "str for umm"),
    ({"umm": umm(), "meta": ["x"]}, "list for meta"),
]


@pytest.mark.parametrize("record, why", ABSURD, ids=[why for _, why in ABSURD])
def test_absurd_records_are_refused(record: Record, why: str) -> None:
    """Numbers, shapes and nesting that no archive writes end in one kind of error."""
    with pytest.raises(ServiceError, match=why) as caught:
        from_record(record)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("value", [None, 3, "ATL06", [], {}, {"a": 1}, {1: 2}])
def test_what_is_no_record(value: Any) -> None:
    """Other things are refused by saying what is taken."""
    with pytest.raises(ConfigurationError, match="no granule of a catalogue") as caught:
        from_record(value)
    assert "earthaccess.search_data" in caught.value.fix


def recorded() -> list[tuple[str, Record]]:
    """Records of the real catalogue, where they stand beside the project."""
    from tests.real import SHARED

    records = []
    for path in sorted((SHARED / "cmr").glob("*.json")):
        content = json.loads(path.read_text("utf-8"))
        answer = content.get("items") or content.get("feed", {}).get("entry") or [content]
        records += [(f"{path.name}-{number}", record) for number, record in enumerate(answer)]
    return records


def test_recorded_answers(shared_data: Path) -> None:
    """Each record of NASA's that was kept is a granule with its data link and its time."""
    records = recorded()
    assert len(records) > 35
    for where, record in records:
        granule = from_record(record, system=PROD)
        assert granule.start is not None, where
        assert granule.name.endswith((".h5", ".hdf", ".nc")), where
        if "ummg.json" not in where:  # a template, published nowhere
            assert granule.https.endswith(granule.name), where
            assert granule.concept_id.startswith("G"), where
        if "NSIDC_CPRD" in where:
            assert granule.s3.endswith(granule.name), where
            assert granule.size > 10_000, where
            assert granule.footprint, where
        if "ATL06_006" in where:
            assert granule.dmrpp == f"{granule.https}.dmrpp", where
            assert (granule.product, granule.version) == ("ATL06", "006"), where
