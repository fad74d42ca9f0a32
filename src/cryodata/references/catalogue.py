"""The granules of references as rows: GeoParquet that maps and databases open.

The newest row of a granule counts; those before it, and granules that were retired, stay as
history.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from cryodata.earthdata.granule import Granule, Ring
from cryodata.earthdata.granules.wkb import polygons_from_wkb, polygons_to_wkb
from cryodata.errors import FormatError, UnsupportedError
from cryodata.formats.parquet_bounds import check_footer
from cryodata.products import parse_name
from cryodata.references.footprints import Box, box_of
from cryodata.types import Source

__all__ = [
    "Row",
    "current",
    "decode_rows",
    "encode_rows",
    "joined",
    "newest",
    "outline_of",
    "row_of",
    "rows_to_table",
    "stamped",
]

FORM = 1
"""Of the columns; what a newer library writes differently gets another."""
MOST_BYTES = 1 << 32
"""Decoded bytes of one file, at most."""
REPLACES = "replaces"

_TEXTS = (
    *("key", "name", "product", "version", "https", "s3", "endpoint", "dmrpp"),
    *("concept_id", "collection_id", "url", "etag", "release", "make", "index", "alike"),
    *("library", "commit"),
)
_COUNTS = ("revision", "size", "index_format", "arrays", "chunks", "nbytes")
_TRACKS = ("rgt", "cycle", "last_cycle")
_TIMES = ("start", "end")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One granule, and where its index is.

    Attributes
    ----------
    key : str
        What it is known by: where it lies, s3 before https.
    granule : Granule
        As the catalogue described it; of a file that is in none, its name only.
    source : Source
        The version that was indexed.
    box : tuple or None
        West, south, east, north in degrees; None where nobody knows.
    index, alike : str
        Names of the two files of the index.
    index_format : int
    library : str
        Version of the library that walked the file.
    arrays, chunks : int
        Of the granule.
    nbytes : int
        Bytes that the values take as they are stored.
    retired : bool
        It was replaced, or is gone.
    commit : str
        Sorts the rows of one granule by age; filled in when they are written.
    """

    key: str
    granule: Granule
    source: Source
    box: Box | None = None
    index: str = ""
    alike: str = ""
    index_format: int = 0
    library: str = ""
    arrays: int = 0
    chunks: int = 0
    nbytes: int = 0
    retired: bool = False
    commit: str = ""


@cache
def _schema() -> pa.Schema:
    box = pa.struct([(name, pa.float64()) for name in ("xmin", "ymin", "xmax", "ymax")])
    return pa.schema(
        [
            *((name, pa.string()) for name in _TEXTS),
            *((name, pa.int64()) for name in _COUNTS),
            *((name, pa.int32()) for name in _TRACKS),
            *((name, pa.timestamp("us", tz="UTC")) for name in _TIMES),
            ("retired", pa.bool_()),
            ("bbox", box),
            ("geometry", pa.binary()),
        ]
    )


def rows_to_table(rows: Iterable[Row]) -> pa.Table:
    """The rows as a table."""
    return pa.Table.from_pylist([_to_dict(row) for row in rows], schema=_schema())


def _to_dict(row: Row) -> dict[str, Any]:
    granule, source = row.granule, row.source
    own = {f.name: getattr(row, f.name) for f in fields(row)}
    said = {f.name: getattr(granule, f.name) for f in fields(granule)}
    name = parse_name(granule.name)
    box = row.box or box_of(granule.footprint)
    rings = [(ring,) for ring in granule.footprint]
    return {
        **{text: {**said, **own}.get(text, "") for text in _TEXTS},
        **{count: {**said, **own}.get(count, 0) for count in _COUNTS},
        "url": source.url,
        "etag": source.etag,
        "size": source.size,
        "release": name.release if name else "",
        "make": name.revision if name else "",
        "rgt": (name.rgt or None) if name else None,
        "cycle": (name.cycle or None) if name else None,
        "last_cycle": (name.last_cycle or None) if name else None,
        **{time: _to_instant(said[time]) for time in _TIMES},
        "retired": row.retired,
        "bbox": None if box is None else dict(zip(_BOX, box, strict=True)),
        "geometry": polygons_to_wkb(rings) if rings else None,
    }


_BOX = ("xmin", "ymin", "xmax", "ymax")


def _to_instant(time: np.datetime64 | None) -> Any:
    return None if time is None else time.astype("M8[us]").item()


def row_of(table: pa.Table, number: int) -> Row:
    """One row of a table.

    Raises
    ------
    FormatError
        It is none that was written by `rows_to_table`.
    """
    (said,) = table.slice(number, 1).to_pylist()
    try:
        outline = said["geometry"]
        rings = () if outline is None else outline_of(outline)
        names = {f.name for f in fields(Granule)} & (set(_TEXTS) | {"revision"})
        granule = Granule(
            **{name: said[name] for name in names},
            size=said["size"],
            footprint=rings,
            start=_from_instant(said["start"]),
            end=_from_instant(said["end"]),
        )
        box = said["bbox"]
        own = {f.name for f in fields(Row)} & {*_TEXTS, *_COUNTS, "retired"}
        return Row(
            granule=granule,
            source=Source(url=said["url"], size=said["size"], etag=said["etag"]),
            box=None if box is None else tuple(box[name] for name in _BOX),
            **{name: said[name] for name in own},
        )
    except (LookupError, TypeError, ValueError) as error:
        raise _damaged(f"a row that makes no sense: {error}") from error


def outline_of(geometry: bytes) -> tuple[Ring, ...]:
    """A footprint from WKB.

    Raises
    ------
    FormatError
        It is none.
    """
    try:
        return tuple(polygon[0] for polygon in polygons_from_wkb(geometry))
    except (LookupError, ValueError, struct.error) as error:
        raise _damaged(f"an outline that makes no sense: {error}") from error


def _from_instant(time: Any) -> np.datetime64 | None:
    return None if time is None else np.datetime64(time.replace(tzinfo=None), "us")


def encode_rows(table: pa.Table, *, replaces: Sequence[str] = ()) -> bytes:
    """A GeoParquet file.

    Parameters
    ----------
    table : Table
        Of `rows_to_table`.
    replaces : sequence of str
        Names of files whose rows are all in this one.
    """
    covering = {"bbox": {name: ["bbox", name] for name in _BOX}}
    geo = {
        "version": "1.1.0",
        "primary_column": "geometry",
        "columns": {
            "geometry": {
                "encoding": "WKB",
                "geometry_types": ["MultiPolygon"],
                "covering": covering,
            }
        },
    }
    about = {"written_by": "cryodata", "form": FORM, REPLACES: list(replaces)}
    table = table.replace_schema_metadata({"geo": json.dumps(geo), "cryodata": json.dumps(about)})
    sink = pa.BufferOutputStream()
    pq.write_table(
        table,
        sink,
        compression="zstd",
        compression_level=9,
        use_dictionary=False,
        write_statistics=False,
    )
    return bytes(sink.getvalue())


def decode_rows(data: bytes) -> tuple[pa.Table, tuple[str, ...]]:
    """The rows of a file, and the names of the files that it replaces.

    Raises
    ------
    FormatError
        It is damaged, or somebody else wrote it.
    UnsupportedError
        A newer version of the library wrote it.
    """
    try:
        check_footer(data, MOST_BYTES)
        return _decode(pq.ParquetFile(pa.BufferReader(data)))
    except (FormatError, UnsupportedError):
        raise
    except Exception as error:  # Arrow raises anything, of bytes that are no Parquet
        raise _damaged(f"{type(error).__name__}: {str(error)[:120]}") from error


def _decode(file: pq.ParquetFile) -> tuple[pa.Table, tuple[str, ...]]:
    about = json.loads((file.schema_arrow.metadata or {}).get(b"cryodata", b"{}"))
    if about.get("written_by") != "cryodata" or type(about.get("form")) is not int:
        raise _damaged("cryodata did not write it")
    if about["form"] > FORM:
        raise UnsupportedError(
            f"The references have form {about['form']}; this version reads up to {FORM}",
            fix="Update cryodata-earth.",
        )
    table = file.read(use_threads=False).replace_schema_metadata(None)
    table.validate(full=True)  # texts that are none
    if not table.schema.equals(_schema()) or _has_gaps(table):
        raise _damaged("its columns are others")
    return table, tuple(str(name) for name in about.get(REPLACES, ()))


def _has_gaps(table: pa.Table) -> bool:
    return any(table.column(name).null_count for name in (*_TEXTS, *_COUNTS, "retired"))


def _damaged(why: str) -> FormatError:
    return FormatError(
        f"No references, or damaged ones: {why}",
        fix="Build them again: cryodata.references.build(granules, where).",
    )


def joined(tables: Iterable[pa.Table]) -> pa.Table:
    """All rows of several tables."""
    return pa.concat_tables([_schema().empty_table(), *tables])


def newest(table: pa.Table) -> pa.Table:
    """The last row of each granule, in the order of commits; retired ones among them."""
    if not len(table):
        return table
    places = pc.sort_indices(table, sort_keys=[("commit", "ascending")])  # which is stable
    ordered = table.select(["key"]).take(places)
    ordered = ordered.append_column("place", pa.array(np.arange(len(ordered))))
    last = ordered.group_by("key").aggregate([("place", "max")]).column("place_max")
    last = last.combine_chunks()
    return table.take(places.take(last.take(pc.sort_indices(last))))


def current(table: pa.Table) -> pa.Table:
    """The granules that were not retired, by time and name."""
    kept = table.filter(pc.invert(table.column("retired")))
    return kept.sort_by([("start", "ascending"), ("name", "ascending"), ("key", "ascending")])


def stamped(table: pa.Table, commit: str) -> pa.Table:
    """The same rows, as those of one commit."""
    place = table.schema.get_field_index("commit")
    return table.set_column(place, _schema().field("commit"), pa.array([commit] * len(table)))
