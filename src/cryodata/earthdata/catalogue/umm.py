"""Records of NASA's catalogue, in either of its two JSON forms, as granules.

UMM-G (``granules.umm_json``, which is also what earthaccess returns) and the feed
(``granules.json``). Records of real archives lack this or that; what they lack stays empty.
What no archive would write is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from cryodata.earthdata.catalogue.record_links import Links, links_of
from cryodata.earthdata.catalogue.record_values import (
    bytes_of,
    degrees_of,
    instant_of,
    list_of,
    mapping_of,
    mappings_of,
    text_of,
    whole_of,
)
from cryodata.earthdata.granule import Granule, Ring
from cryodata.earthdata.identity.login import active_system
from cryodata.earthdata.system import System
from cryodata.errors import ConfigurationError, ServiceError
from cryodata.products import parse_name

__all__ = ["from_feed", "from_record", "from_umm"]

_MOST_CORNERS = 100_000
_VERSION_IN_TITLE = re.compile(r"[\s_]V(?:ersion\s*)?0*(\d[\w.]*)\s*$", re.IGNORECASE)
_NOT_A_RECORD = "Give what earthaccess.search_data returns, or items of CMR's JSON answers."


def from_record(record: Any, *, system: System | None = None) -> Granule:
    """The granule of one record, of whichever form.

    Parameters
    ----------
    record : Granule or mapping
        A granule (returned as it is), an earthaccess result, an item of a UMM-JSON answer,
        a bare UMM-G document, or an entry of a feed.
    system : System, optional
        Whose links may be followed; that of the process by default.

    Raises
    ------
    ConfigurationError
        If it is none of these.
    ServiceError
        If it holds what no archive would write.
    UnsupportedError
        If its data are in several files, and none is the one.
    """
    if isinstance(record, Granule):
        return record
    if not isinstance(record, Mapping):
        raise ConfigurationError(
            f"A {type(record).__name__} is no granule of a catalogue", fix=_NOT_A_RECORD
        )
    system = system or active_system()
    if "umm" in record:
        return from_umm(record["umm"], record.get("meta") or {}, system=system)
    if not record.keys().isdisjoint(("GranuleUR", "CollectionReference", "RelatedUrls")):
        return from_umm(record, {}, system=system)
    if "links" in record or "time_start" in record:
        return from_feed(record, system=system)
    raise ConfigurationError(
        f"A dict with {', '.join(sorted(map(str, record))[:4]) or 'nothing'} in it is no granule "
        "of a catalogue",
        fix=_NOT_A_RECORD,
    )


def from_umm(umm: Any, meta: Any, *, system: System) -> Granule:
    """The granule of a UMM-G document and the `meta` beside it; errors as `from_record`."""
    umm, meta = mapping_of(umm, "umm"), mapping_of(meta, "meta")
    collection = mapping_of(umm.get("CollectionReference"), "CollectionReference")
    data = mapping_of(umm.get("DataGranule"), "DataGranule")
    files = mappings_of(data.get("ArchiveAndDistributionInformation"))
    reference = text_of(umm.get("GranuleUR")) or text_of(meta.get("native-id"))
    produced = [
        text_of(known.get("Identifier"))
        for known in mappings_of(data.get("Identifiers"))
        if known.get("IdentifierType") == "ProducerGranuleId"
    ]
    names = [
        name for name in (*produced, *(text_of(f.get("Name")) for f in files), reference) if name
    ]
    urls = [
        (text_of(link.get("Type")), text_of(link.get("URL")))
        for link in mappings_of(umm.get("RelatedUrls"))
    ]
    links = links_of(
        names,
        https=[url for kind, url in urls if kind == "GET DATA" and not url.startswith("s3:")],
        s3=[
            url
            for kind, url in urls
            if kind == "GET DATA VIA DIRECT ACCESS"
            or (kind == "GET DATA" and url.startswith("s3:"))
        ],
        others=[url for _, url in urls],
        system=system,
    )
    start, end = _umm_span(mapping_of(umm.get("TemporalExtent"), "TemporalExtent"))
    name = links.name or names[0] if names else links.name
    return _granule(
        name,
        links,
        size=_umm_size(files, name),
        start=start,
        end=end,
        footprint=_umm_footprint(umm),
        product=text_of(collection.get("ShortName")),
        version=text_of(collection.get("Version")),
        title=text_of(collection.get("EntryTitle")),
        concept_id=text_of(meta.get("concept-id")),
        collection_id=text_of(meta.get("collection-concept-id")),
        revision=whole_of(meta.get("revision-id")),
    )


def from_feed(entry: Mapping[str, Any], *, system: System) -> Granule:
    """The granule of an entry of ``granules.json``; errors as `from_record`.

    Links that the granule inherits from its collection are skipped. Polygons are written
    latitude first there.
    """
    links = [
        (text_of(link.get("rel")), text_of(link.get("href")))
        for link in mappings_of(entry.get("links"))
        if not link.get("inherited")
    ]
    names = [
        name
        for name in (text_of(entry.get("producer_granule_id")), text_of(entry.get("title")))
        if name
    ]
    found = links_of(
        names,
        https=[url for rel, url in links if rel.endswith("/data#")],
        s3=[url for rel, url in links if rel.endswith("/s3#")],
        others=[url for _, url in links],
        system=system,
    )
    return _granule(
        found.name or (names[0] if names else ""),
        found,
        size=bytes_of(entry.get("granule_size"), "MB"),
        start=instant_of(entry.get("time_start")),
        end=instant_of(entry.get("time_end")),
        footprint=_feed_footprint(entry),
        product=text_of(entry.get("short_name")),
        version=text_of(entry.get("version_id")),
        title=text_of(entry.get("dataset_id")),
        concept_id=text_of(entry.get("id")),
        collection_id=text_of(entry.get("collection_concept_id")),
        revision=0,
    )


def _granule(
    name: str, links: Links, *, product: str, version: str, title: str, **fields: Any
) -> Granule:
    """A granule; product and version from its name or its collection's title if need be."""
    if not name:
        raise ServiceError("The catalogue has a granule without any name", fix=_NOT_A_RECORD)
    parsed = parse_name(name)
    in_title = _VERSION_IN_TITLE.search(title)
    return Granule(
        name=name,
        https=links.https,
        s3=links.s3,
        dmrpp=links.dmrpp,
        endpoint=links.endpoint,
        product=product or (parsed.product if parsed else ""),
        version=version or (parsed.release if parsed else in_title[1] if in_title else ""),
        **fields,
    )


def _umm_span(extent: Mapping[str, Any]) -> tuple[np.datetime64 | None, np.datetime64 | None]:
    if "SingleDateTime" in extent:
        instant = instant_of(extent["SingleDateTime"])
        return instant, instant
    span = mapping_of(extent.get("RangeDateTime"), "RangeDateTime")
    return instant_of(span.get("BeginningDateTime")), instant_of(span.get("EndingDateTime"))


def _umm_size(files: list[Mapping[str, Any]], name: str) -> int:
    """Bytes of the data file; of the first that says so where none has its name."""
    sizes: dict[str, int] = {}
    for file in files:
        size = whole_of(file.get("SizeInBytes")) or bytes_of(
            file.get("Size"), text_of(file.get("SizeUnit"))
        )
        sizes.setdefault(text_of(file.get("Name")), size)
    return sizes.get(name) or next((size for size in sizes.values() if size), 0)


def _umm_footprint(umm: Mapping[str, Any]) -> tuple[Ring, ...]:
    extent = mapping_of(umm.get("SpatialExtent"), "SpatialExtent")
    domain = mapping_of(extent.get("HorizontalSpatialDomain"), "HorizontalSpatialDomain")
    geometry = mapping_of(domain.get("Geometry"), "Geometry")
    rings = [
        [(p.get("Longitude"), p.get("Latitude")) for p in mappings_of(boundary.get("Points"))]
        for polygon in mappings_of(geometry.get("GPolygons"))
        for boundary in [mapping_of(polygon.get("Boundary"), "Boundary")]
    ]
    sides = ("West", "South", "East", "North")
    for box in mappings_of(geometry.get("BoundingRectangles")):
        rings.extend(_box_rings([box.get(f"{side}BoundingCoordinate") for side in sides]))
    return _rings(rings)


def _feed_footprint(entry: Mapping[str, Any]) -> tuple[Ring, ...]:
    rings = []
    for polygon in list_of(entry.get("polygons")):
        for text in list_of(polygon)[:1]:  # the first is the outline, others are holes
            values = text_of(text).split()
            rings.append(list(zip(values[1::2], values[::2], strict=False)))
    for text in list_of(entry.get("boxes")):
        south, west, north, east = [*text_of(text).split(), "", "", "", ""][:4]
        rings.extend(_box_rings([west, south, east, north]))
    return _rings(rings)


def _box_rings(box: list[Any]) -> list[list[tuple[Any, Any]]]:
    west, south, east, north = (degrees_of(value, 180) for value in box)
    spans = [(west, east)] if west <= east else [(west, 180.0), (-180.0, east)]
    return [[(w, south), (e, south), (e, north), (w, north), (w, south)] for w, e in spans]


def _rings(rings: Iterable[list[tuple[Any, Any]]]) -> tuple[Ring, ...]:
    """Closed rings of numbers."""
    rings = [ring for ring in rings if ring]
    if sum(map(len, rings)) > _MOST_CORNERS:
        raise ServiceError(f"The catalogue has a footprint of more than {_MOST_CORNERS:,} corners")
    checked = [tuple((degrees_of(x, 180), degrees_of(y, 90)) for x, y in ring) for ring in rings]
    return tuple(ring if ring[0] == ring[-1] else (*ring, ring[0]) for ring in checked)
