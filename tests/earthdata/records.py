"""Records of a catalogue, made by hand after those of the real one."""

from __future__ import annotations

from typing import Any

__all__ = ["Record", "feed_entry", "item", "umm"]

Record = dict[str, Any]
HOST = "https://data.nsidc.earthdatacloud.nasa.gov"
BUCKET = "nsidc-cumulus-prod-protected"
NAME = "ATL06_20200312233336_11800602_006_01.h5"


def umm(
    name: str = NAME,
    *,
    lon: float = -134.0,
    lat: float = 58.0,
    start: str = "2020-03-12T23:40:36.093Z",
    end: str = "2020-03-12T23:42:07.293Z",
    size: int = 31_449_725,
    **changes: Any,
) -> Record:
    """UMM-G of a granule of about 1 by 4 degrees; None as a change leaves a field out."""
    key = f"{BUCKET}/ATLAS/{name[:5]}/{name[-9:-6]}/2020/03/12/{name}"
    ring = [(0, 0), (1, 0), (1.2, 4), (0.2, 4), (0, 0)]
    points = [{"Longitude": lon + x, "Latitude": lat + y} for x, y in ring]
    links = [
        (f"{HOST}/{key}", "GET DATA"),
        (f"s3://{key}", "GET DATA VIA DIRECT ACCESS"),
        (f"{HOST}/{key}.dmrpp", "EXTENDED METADATA"),
        (f"s3://{key}.dmrpp", "EXTENDED METADATA"),
        (f"{HOST}/nsidc-cumulus-prod-public/{name}_BRW.jpg", "GET RELATED VISUALIZATION"),
        (f"{HOST}/s3credentials", "VIEW RELATED INFORMATION"),
        (f"{HOST}/s3credentialsREADME", "VIEW RELATED INFORMATION"),
    ]
    record: Record = {
        "GranuleUR": name,
        "CollectionReference": {"EntryTitle": "ATLAS/ICESat-2 L3A Land Ice Height V006"},
        "TemporalExtent": {"RangeDateTime": {"BeginningDateTime": start, "EndingDateTime": end}},
        "SpatialExtent": {
            "HorizontalSpatialDomain": {
                "Geometry": {"GPolygons": [{"Boundary": {"Points": points}}]}
            }
        },
        "DataGranule": {
            "Identifiers": [{"Identifier": name, "IdentifierType": "ProducerGranuleId"}],
            "ArchiveAndDistributionInformation": [
                {"Name": name, "Size": 29.9, "SizeUnit": "MB", "SizeInBytes": size}
            ],
        },
        "RelatedUrls": [{"URL": url, "Type": kind} for url, kind in links],
    }
    record |= changes
    return {field: value for field, value in record.items() if value is not None}


def item(name: str = NAME, *, number: int = 1, revision: int = 1, **changes: Any) -> Record:
    """The same as an item of a UMM-JSON answer."""
    meta = {
        "concept-type": "granule",
        "concept-id": f"G{number}-NSIDC_CPRD",
        "revision-id": revision,
        "native-id": name,
        "collection-concept-id": "C2670138092-NSIDC_CPRD",
        "provider-id": "NSIDC_CPRD",
    }
    return {"meta": meta, "umm": umm(name, **changes)}


def feed_entry(name: str = NAME, **changes: Any) -> Record:
    """An entry of the feed, which writes latitude first."""
    key = f"{BUCKET}/ATLAS/ATL06/006/2020/03/12/{name}"
    rel = "http://esipfed.org/ns/fedsearch/1.1/{}#"
    links = [
        {"rel": rel.format("data"), "href": f"{HOST}/{key}"},
        {"rel": rel.format("data"), "href": f"{HOST}/{key}"},
        {"rel": rel.format("s3"), "href": f"s3://{key}"},
        {"rel": rel.format("metadata"), "href": f"{HOST}/{key}.dmrpp"},
        {"rel": rel.format("data"), "href": "https://nsidc.org/data/atl06", "inherited": True},
    ]
    return {
        "producer_granule_id": name,
        "title": name,
        "time_start": "2020-03-12T23:40:36.093Z",
        "time_end": "2020-03-12T23:42:07.293Z",
        "dataset_id": "ATLAS/ICESat-2 L3A Land Ice Height V006",
        "id": "G1-NSIDC_CPRD",
        "collection_concept_id": "C2670138092-NSIDC_CPRD",
        "granule_size": "29.99279499053955",
        "polygons": [["58 -134 58 -133 62 -132.8 62 -133.8 58 -134"]],
        "links": links,
    } | changes
