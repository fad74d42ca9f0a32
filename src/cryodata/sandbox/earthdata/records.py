"""Metadata records as providers write them: UMM-G of granules, UMM-C of collections.

Source of the fields: recorded answers of CMR for NSIDC_CPRD and POCLOUD.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryodata.products import parse_name
from cryodata.sandbox.earthdata.corridor import Ring
from cryodata.sandbox.earthdata.extent import Extent

__all__ = ["collection_number", "collection_umm", "granule_umm", "instant", "nasa_key"]

Record = dict[str, Any]
MEGABYTE = 1 << 20
S3_NOTE = "This link provides direct download access via S3 to the granule"
KEYS_NOTE = "api endpoint to retrieve temporary credentials valid for same-region direct s3 access"


def instant(moment: datetime) -> str:
    """A moment as CMR writes it: ``2019-12-02T20:36:48.504Z``."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def nasa_key(name: str) -> str:
    """Key of a granule as NASA has it: ``ATLAS/ATL06/006/2019/12/02/ATL06_....h5``."""
    parts = parse_name(name)
    if parts is None:
        return name
    day = str(parts.start)[:10].replace("-", "/") + "/" if parts.start is not None else ""
    return f"ATLAS/{parts.product}/{parts.release}/{day}{name}"


def granule_umm(
    path: Path,
    extent: Extent,
    *,
    entry_title: str,
    orbit: int,
    https: str = "",
    s3: str = "",
    credentials_url: str = "",
    dmrpp: bool = False,
    rings: Sequence[Ring] | None = None,
    leave_out: Collection[str] = (),
) -> Record:
    """UMM-G of a granule whose file is at `path`; arguments as for `Catalogue.add`."""
    name = path.name
    outlines = [extent.ring] if rings is None and extent.ring else (rings or [])
    record: Record = {
        "GranuleUR": name,
        "CollectionReference": {"EntryTitle": entry_title},
        "TemporalExtent": _temporal(extent),
        "SpatialExtent": _spatial(outlines),
        "OrbitCalculatedSpatialDomains": [{"OrbitNumber": orbit}] if orbit else [],
        "DataGranule": _data_granule(path),
        "RelatedUrls": _related_urls(https, s3, credentials_url, dmrpp=dmrpp),
        "MetadataSpecification": {
            "URL": "https://cdn.earthdata.nasa.gov/umm/granule/v1.6.6",
            "Name": "UMM-G",
            "Version": "1.6.6",
        },
    }
    if "Size" in leave_out:
        record["DataGranule"].pop("ArchiveAndDistributionInformation")
    return {field: value for field, value in record.items() if value and field not in leave_out}


def collection_number(short_name: str, version: str) -> int | None:
    """The number in the concept id of a collection that NASA has."""
    concepts: Mapping[str, int] = _table().get(short_name, {}).get("concepts", {})
    return concepts.get(version)


def collection_umm(
    short_name: str, version: str, *, buckets: Sequence[str], credentials_url: str
) -> Record:
    """UMM-C of a collection in the cloud.

    Parameters
    ----------
    short_name, version : str
        ``ATL06``, ``006``.
    buckets : sequence of str
        Buckets with prefixes, ``nsidc-cumulus-prod-protected/ATLAS/ATL06/006``.
    credentials_url : str
        URL that gives keys for them; empty where the collection is not in the cloud.
    """
    title = _table().get(short_name, {}).get("title", f"{short_name} of the sandbox")
    rectangle = {"West": -180.0, "South": -90.0, "East": 180.0, "North": 90.0}
    record: Record = {
        "ShortName": short_name,
        "Version": version,
        "EntryTitle": f"{title} V{version}",
        "Abstract": f"{title}, version {version}, in the sandbox.",
        "DOI": {"DOI": f"10.5067/ATLAS/{short_name}.{version}", "Authority": "https://doi.org"},
        "CollectionProgress": "ACTIVE",
        "Platforms": [{"ShortName": "ICESat-2", "Instruments": [{"ShortName": "ATLAS"}]}],
        "Projects": [{"ShortName": "ICESat-2"}],
        "DataCenters": [{"Roles": ["ARCHIVER", "DISTRIBUTOR"], "ShortName": "NASA NSIDC DAAC"}],
        "TemporalExtents": [
            {
                "EndsAtPresentFlag": True,
                "RangeDateTimes": [{"BeginningDateTime": "2018-10-14T00:00:00.000Z"}],
            }
        ],
        "SpatialExtent": {
            "GranuleSpatialRepresentation": "GEODETIC",
            "HorizontalSpatialDomain": {
                "Geometry": {
                    "CoordinateSystem": "CARTESIAN",
                    "BoundingRectangles": [
                        {f"{side}BoundingCoordinate": v for side, v in rectangle.items()}
                    ],
                }
            },
        },
        "ArchiveAndDistributionInformation": {
            "FileDistributionInformation": [{"Format": "HDF5", "FormatType": "Native"}]
        },
        "DirectDistributionInformation": {
            "Region": "us-west-2",
            "S3BucketAndObjectPrefixNames": list(buckets),
            "S3CredentialsAPIEndpoint": credentials_url,
            "S3CredentialsAPIDocumentationURL": f"{credentials_url}README",
        },
        "RelatedUrls": [
            {
                "URLContentType": "DistributionURL",
                "Type": "GET DATA",
                "URL": f"https://search.earthdata.nasa.gov/search?q={short_name}+V{version}",
            }
        ],
        "MetadataSpecification": {
            "URL": "https://cdn.earthdata.nasa.gov/umm/collection/v1.18.4",
            "Name": "UMM-C",
            "Version": "1.18.4",
        },
    }
    if not credentials_url:
        del record["DirectDistributionInformation"]
    return record


def _temporal(extent: Extent) -> Record:
    if extent.start is None or extent.end is None:
        return {}
    return {
        "RangeDateTime": {
            "BeginningDateTime": instant(extent.start),
            "EndingDateTime": instant(extent.end),
        }
    }


def _spatial(rings: Sequence[Ring]) -> Record:
    polygons = [
        {"Boundary": {"Points": [{"Longitude": lon, "Latitude": lat} for lon, lat in ring]}}
        for ring in rings
    ]
    if not polygons:
        return {}
    return {"HorizontalSpatialDomain": {"Geometry": {"GPolygons": polygons}}}


def _data_granule(path: Path) -> Record:
    stat = path.stat()
    with path.open("rb") as file:
        checksum = hashlib.file_digest(file, "md5").hexdigest()
    return {
        "DayNightFlag": "Unspecified",
        "ProductionDateTime": instant(datetime.fromtimestamp(stat.st_mtime, UTC)),
        "Identifiers": [{"Identifier": path.name, "IdentifierType": "ProducerGranuleId"}],
        "ArchiveAndDistributionInformation": [
            {
                "Name": path.name,
                "Size": stat.st_size / MEGABYTE,
                "SizeUnit": "MB",
                "SizeInBytes": stat.st_size,
                "Checksum": {"Value": checksum, "Algorithm": "MD5"},
            }
        ],
    }


def _related_urls(https: str, s3: str, credentials_url: str, *, dmrpp: bool) -> list[Record]:
    """Links of a granule, in the order NSIDC's records have them."""
    kind = "application/x-hdf5"
    sidecar = "application/vnd.opendap.dap4.dmrpp+xml"
    urls: list[Record] = []
    if https:
        urls.append({"URL": https, "Type": "GET DATA", "MimeType": kind})
    if https and dmrpp:
        urls.append({"URL": f"{https}.dmrpp", "Type": "EXTENDED METADATA", "MimeType": sidecar})
    if s3:
        direct = "GET DATA VIA DIRECT ACCESS"
        urls.append({"URL": s3, "Type": direct, "MimeType": kind, "Description": S3_NOTE})
    if s3 and dmrpp:
        urls.append({"URL": f"{s3}.dmrpp", "Type": "EXTENDED METADATA", "MimeType": sidecar})
    if https:
        urls.append({"URL": _browse(https), "Type": "GET RELATED VISUALIZATION"})
    if credentials_url:
        kind = "VIEW RELATED INFORMATION"
        urls.append({"URL": credentials_url, "Type": kind, "Description": KEYS_NOTE})
    return urls


def _browse(https: str) -> str:
    """Where the picture of a granule is, in the public bucket beside the protected one."""
    parts = urlsplit(https)
    path = parts.path.replace("-protected/", "-public/").removesuffix(".h5")
    return parts._replace(path=f"{path}_BRW.default.default1.jpg").geturl()


@cache
def _table() -> Mapping[str, Mapping[str, Any]]:
    return tomllib.loads((resources.files(__package__) / "collections.toml").read_text("utf-8"))
