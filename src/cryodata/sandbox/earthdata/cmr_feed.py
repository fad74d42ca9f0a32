"""Records in the older form, ``.json``: entries of a feed with ECHO's links."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cryodata.sandbox.earthdata.catalogue import Entry
from cryodata.sandbox.earthdata.shapes import rings_of

__all__ = ["feed_entry"]

Record = dict[str, Any]
REL = "http://esipfed.org/ns/fedsearch/1.1/{}#"
RELS = {
    "GET DATA": "data",
    "GET DATA VIA DIRECT ACCESS": "s3",
    "GET RELATED VISUALIZATION": "browse",
    "EXTENDED METADATA": "metadata",
    "VIEW RELATED INFORMATION": "metadata",
}
"""What CMR makes of a link's type; of any other, documentation."""


def feed_entry(entry: Entry) -> Record:
    """One entry of the feed: of a granule, or of a collection."""
    made = _collection(entry) if entry.collection is None else _granule(entry, entry.collection)
    return {name: value for name, value in made.items() if value not in (None, [])}


def _granule(entry: Entry, collection: Entry) -> Record:
    umm, meta = entry.umm, entry.meta
    data = umm.get("DataGranule", {})
    span = umm.get("TemporalExtent", {}).get("RangeDateTime", {})
    names = [item["Identifier"] for item in data.get("Identifiers", ())]
    files = data.get("ArchiveAndDistributionInformation", ())
    links = [*_links(entry), *(_inherited(link) for link in _links(collection))]
    kinds = {url["Type"] for url in umm.get("RelatedUrls", ())}
    return {
        "producer_granule_id": names[0] if names else None,
        "time_start": span.get("BeginningDateTime"),
        "orbit_calculated_spatial_domains": [
            {"orbit_number": str(domain["OrbitNumber"])}
            for domain in umm.get("OrbitCalculatedSpatialDomains", ())
        ],
        "updated": meta["revision-date"],
        "dataset_id": collection.umm["EntryTitle"],
        "data_center": meta["provider-id"],
        "title": umm["GranuleUR"],
        "coordinate_system": "GEODETIC" if entry.shapes else "NO_SPATIAL",
        "day_night_flag": data.get("DayNightFlag", "").upper() or None,
        "time_end": span.get("EndingDateTime"),
        "id": meta["concept-id"],
        "original_format": "UMM_JSON",
        "granule_size": str(sum(file.get("Size", 0.0) for file in files)) if files else None,
        "browse_flag": "GET RELATED VISUALIZATION" in kinds,
        "polygons": [[_latitude_first(ring)] for ring in rings_of(umm)],
        "collection_concept_id": meta["collection-concept-id"],
        "online_access_flag": "GET DATA" in kinds,
        "links": links,
    }


def _collection(entry: Entry) -> Record:
    umm, meta = entry.umm, entry.meta
    return {
        "id": meta["concept-id"],
        "title": umm["EntryTitle"],
        "dataset_id": umm["EntryTitle"],
        "short_name": umm["ShortName"],
        "version_id": umm["Version"],
        "summary": umm["Abstract"],
        "updated": meta["revision-date"],
        "time_start": umm["TemporalExtents"][0]["RangeDateTimes"][0]["BeginningDateTime"],
        "data_center": meta["provider-id"],
        "original_format": "UMM_JSON",
        "coordinate_system": "CARTESIAN",
        "boxes": ["-90 -180 90 180"],
        "platforms": [platform["ShortName"] for platform in umm["Platforms"]],
        "cloud_hosted": "DirectDistributionInformation" in umm,
        "online_access_flag": True,
        "links": list(_links(entry)),
    }


def _latitude_first(ring: tuple[tuple[float, float], ...]) -> str:
    return " ".join(f"{lat} {lon}" for lon, lat in ring)


def _links(entry: Entry) -> Iterator[Record]:
    for url in entry.umm.get("RelatedUrls", ()):
        link = {
            "rel": REL.format(RELS.get(url["Type"], "documentation")),
            "type": url.get("MimeType"),
            "title": url.get("Description"),
            "hreflang": "en-US",
            "href": url["URL"],
        }
        yield {name: value for name, value in link.items() if value}


def _inherited(link: Record) -> Record:
    return {"inherited": True, "length": "0.0KB", **link}
