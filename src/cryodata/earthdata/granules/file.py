"""Granules in a file: GeoJSON or GeoParquet, which maps can show, and this library read back.

Both hold one row per granule with its fields and its outline, and say once which program
wrote them and in which form. Nothing in them is secret: links have neither user nor query.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from cryodata.earthdata.catalogue.record_links import checked_link
from cryodata.earthdata.granule import Granule, Ring
from cryodata.earthdata.granules.wkb import polygons_from_wkb, polygons_to_wkb
from cryodata.earthdata.system import System
from cryodata.errors import (
    ConfigurationError,
    FormatError,
    NotFoundError,
    ServiceError,
    UnsupportedError,
)

if TYPE_CHECKING:
    from cryodata.earthdata.granules import Granules

__all__ = ["Kept", "read_granules", "write_granules"]

FORM = 1
"""Of the file; what a newer library writes differently gets another."""
_LARGEST = 1 << 30  # bytes
_TEXTS = ("name", "product", "version", "concept_id", "collection_id")
_LINKS = ("https", "s3", "dmrpp", "endpoint")
_TIMES = ("start", "end")
_NUMBERS = ("size", "revision")
Reader = Callable[[bytes], tuple[Mapping[str, Any], list[dict[str, Any]]]]
_FIX = "Search again, and save the result: granules.save(path)."


@dataclass(frozen=True, slots=True)
class Kept:
    """What a file holds; see `Granules`."""

    items: tuple[Granule, ...]
    superseded: tuple[Granule, ...]
    hits: int


def write_granules(path: str | os.PathLike[str], granules: Granules) -> None:
    """Write the file beside its place, then move it there; errors as `Granules.save`."""
    target = Path(path).expanduser()
    write = _WRITERS.get(target.suffix.lower())
    if write is None:
        raise ConfigurationError(
            f"Granules are not saved as {target.suffix or 'a file without suffix'}",
            fix='End the name in ".geojson" or ".parquet".',
        )
    if not target.parent.is_dir():
        raise NotFoundError(
            "There is no such folder", url=str(target.parent), fix="Make it first, or name another."
        )
    rows = [(granule, False) for granule in granules]
    rows += [(granule, True) for granule in granules.superseded]
    beside = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    try:
        with beside.open("xb") as file:
            write(file, rows, granules.hits)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)


def read_granules(path: str | os.PathLike[str], *, system: System) -> Kept:
    """What the file holds; errors as `Granules.load`."""
    source = Path(path).expanduser()
    try:
        with source.open("rb") as file:
            data = file.read(_LARGEST + 1)
    except FileNotFoundError as error:
        raise NotFoundError(
            "There is no such file of granules", url=str(source), fix=_FIX
        ) from error
    try:
        if len(data) > _LARGEST:
            raise _damaged(f"it is larger than {_LARGEST >> 30} GiB")  # noqa: TRY301 - located below, as all damage is
        return _kept(data, _READERS.get(source.suffix.lower(), _read_geojson), system)
    except FormatError as error:
        error.locate(url=str(source))
        raise
    except Exception as error:
        raise _damaged(f"{type(error).__name__}: {str(error)[:120]}").locate(
            url=str(source)
        ) from error


def _kept(data: bytes, read: Reader, system: System) -> Kept:
    """What is in the bytes of a file; raises anything where they are not ours."""
    head, rows = read(data)
    form, hits = head.get("form"), head.get("hits")
    if head.get("written_by") != "cryodata" or not isinstance(form, int):
        raise _damaged("cryodata did not write it")
    if form > FORM:
        raise UnsupportedError(
            f"The file of granules has form {form}; this version reads up to {FORM}",
            fix="Update cryodata-earth.",
        )
    granules = [(_granule(row, system), bool(row.get("superseded"))) for row in rows]
    return Kept(
        tuple(granule for granule, old in granules if not old),
        tuple(granule for granule, old in granules if old),
        hits if isinstance(hits, int) and hits >= 0 else 0,
    )


def _damaged(why: str) -> FormatError:
    return FormatError(f"No file of granules, or a damaged one: {why}", fix=_FIX)


def _head(hits: int) -> dict[str, Any]:
    return {"written_by": "cryodata", "form": FORM, "hits": hits}


def _fields(granule: Granule, superseded: bool) -> dict[str, Any]:
    """A row but for the outline, in words of JSON."""
    for name in _LINKS:
        parts = urlsplit(getattr(granule, name))
        if parts.query or "@" in parts.netloc:  # a signed link, or one with a password
            raise ConfigurationError(
                f"{granule.name} has a link with a query or a user in it: that may be secret",
                fix="Save granules as the catalogue gave them.",
            )
    times = {name: getattr(granule, name) for name in _TIMES}
    return {
        **{name: getattr(granule, name) for name in (*_TEXTS, *_LINKS, *_NUMBERS)},
        **{name: None if t is None else f"{t.astype('M8[us]')}Z" for name, t in times.items()},
        "superseded": superseded,
    }


def _granule(row: Mapping[str, Any], system: System) -> Granule:
    """The granule of a row; raises anything where the row is not one of ours."""
    texts = {name: row[name] for name in (*_TEXTS, *_LINKS)}
    if not all(isinstance(text, str) for text in texts.values()) or not texts["name"]:
        raise ValueError("a name or a link is no text")
    for name in _LINKS:
        if texts[name]:
            try:
                checked_link(texts[name], system)
            except ServiceError as error:
                raise ValueError(error.what.replace("catalogue", "file")) from error
    numbers = {name: row[name] for name in _NUMBERS}
    if not all(isinstance(number, int) and number >= 0 for number in numbers.values()):
        raise ValueError("a size is no number")
    return Granule(
        **texts,
        **numbers,
        start=_instant(row["start"]),
        end=_instant(row["end"]),
        footprint=_footprint(row["footprint"]),
    )


def _instant(text: str | None) -> np.datetime64 | None:
    return None if text is None else np.datetime64(text.removesuffix("Z"), "us")


def _footprint(rings: Iterable[Any]) -> tuple[Ring, ...]:
    checked = tuple(tuple((float(x), float(y)) for x, y in ring) for ring in rings)
    if any(abs(x) > 180 or not abs(y) <= 90 for ring in checked for x, y in ring):
        raise ValueError("an outline is off the Earth")
    return checked


def _write_geojson(file: Any, rows: list[tuple[Granule, bool]], hits: int) -> None:
    features = [
        {
            "type": "Feature",
            "id": number,
            "geometry": {
                "type": "MultiPolygon",
                "coordinates": [[ring] for ring in granule.footprint],
            }
            if granule.footprint
            else None,
            "properties": _fields(granule, superseded),
        }
        for number, (granule, superseded) in enumerate(rows)
    ]
    content = {"type": "FeatureCollection", "cryodata": _head(hits), "features": features}
    file.write(json.dumps(content, allow_nan=False, indent=1).encode())


def _read_geojson(data: bytes) -> tuple[Mapping[str, Any], list[dict[str, Any]]]:
    content = json.loads(data)
    if not isinstance(content, dict) or not isinstance(content.get("cryodata"), dict):
        raise _damaged("cryodata did not write it")
    rows = []
    for feature in content["features"]:
        geometry = feature["geometry"]
        rings = [] if geometry is None else [polygon[0] for polygon in geometry["coordinates"]]
        rows.append({**feature["properties"], "footprint": rings})
    return content["cryodata"], rows


def _write_parquet(file: Any, rows: list[tuple[Granule, bool]], hits: int) -> None:
    fields = [_fields(granule, superseded) for granule, superseded in rows]
    columns: dict[str, Any] = {
        name: pa.array([row[name] for row in fields], pa.string()) for name in (*_TEXTS, *_LINKS)
    }
    for name in _NUMBERS:
        columns[name] = pa.array([row[name] for row in fields], pa.int64())
    for name in _TIMES:
        times = [getattr(granule, name) for granule, _ in rows]
        columns[name] = pa.array(
            [None if t is None else t.astype("M8[us]").item() for t in times],
            pa.timestamp("us", tz="UTC"),
        )
    columns["superseded"] = pa.array([row["superseded"] for row in fields], pa.bool_())
    outlines = [
        polygons_to_wkb([(ring,) for ring in granule.footprint]) if granule.footprint else None
        for granule, _ in rows
    ]
    columns["geometry"] = pa.array(outlines, pa.binary())
    geo = {
        "version": "1.1.0",
        "primary_column": "geometry",
        "columns": {"geometry": {"encoding": "WKB", "geometry_types": ["MultiPolygon"]}},
    }
    table = pa.table(columns).replace_schema_metadata(
        {"geo": json.dumps(geo), "cryodata": json.dumps(_head(hits))}
    )
    pq.write_table(table, file, compression="zstd")


def _read_parquet(data: bytes) -> tuple[Mapping[str, Any], list[dict[str, Any]]]:
    table = pq.read_table(pa.BufferReader(data))
    head = (table.schema.metadata or {}).get(b"cryodata")
    if head is None:
        raise _damaged("cryodata did not write it")
    rows = table.to_pylist()
    for row in rows:
        outline = row.pop("geometry")
        row["footprint"] = [] if outline is None else [p[0] for p in polygons_from_wkb(outline)]
        for name in _TIMES:
            row[name] = None if row[name] is None else row[name].replace(tzinfo=None).isoformat()
    return json.loads(head), rows


_WRITERS = {".geojson": _write_geojson, ".json": _write_geojson, ".parquet": _write_parquet}
_READERS = {".parquet": _read_parquet}
