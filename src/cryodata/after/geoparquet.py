"""Rows as GeoParquet, written track by track.

Source: GeoParquet 1.1.0 (https://geoparquet.org/releases/v1.1.0): file metadata, WKB
encoding, bounding box covering.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import xarray as xr

from cryodata.after.columns import TableColumn, choose_columns
from cryodata.after.rows import LABELS, PLACE, Batch, TrackRows, track_rows, westward
from cryodata.after.wgs84 import WGS84
from cryodata.errors import ConfigurationError, NotFoundError, SelectionError
from cryodata.tracks.request import Words
from cryodata.types import AnyArray

__all__ = ["MOST_ROWS", "write_geoparquet"]

MOST_ROWS = 1 << 19
"""Rows in memory at once, and in a row group."""

_POINT = np.dtype([("order", "u1"), ("type", "<u4"), ("x", "<f8"), ("y", "<f8")])
"""A point in WKB: little endian (1), geometry type 1, then both coordinates; 21 bytes."""

_SIDES = ("xmin", "ymin", "xmax", "ymax")
_BOX = pa.struct([(side, pa.float64()) for side in _SIDES])
_ABOUT = ("units", "long_name", "hdf5_path")


def write_geoparquet(
    dataset: xr.Dataset, path: str | os.PathLike[str], variables: Words | None, *, overwrite: bool
) -> Path:
    """Write one point per row; see `CryoAccessor.to_geoparquet`."""
    if "://" in os.fspath(path):
        raise ConfigurationError(
            "A GeoParquet file is written to a local path only", fix="Write it here, then copy it."
        )
    target = Path(path).expanduser()
    _check_target(target, overwrite=overwrite)
    rows = track_rows(dataset)
    rows.need(*PLACE)
    columns = choose_columns(rows, variables)
    schema = _schema(rows, columns)
    boxes = [np.array([np.inf, np.inf, -np.inf, -np.inf])]
    with (
        _beside(target, overwrite=overwrite) as file,
        pq.ParquetWriter(file, schema, compression="zstd") as writer,
    ):
        for batch in rows.batches({column.variable for column in columns}, MOST_ROWS):
            rows.check_order(batch.dataset, batch.parts)
            table, box = _table(rows, columns, schema, batch)
            boxes.append(box)
            for _, part in batch.parts:
                count = part.stop - part.start
                writer.write_table(table.slice(part.start, count), row_group_size=count)
            del table, batch  # before the next is read
        writer.add_key_value_metadata({"geo": json.dumps(_geo(np.array(boxes)))})
    return target


def _check_target(target: Path, *, overwrite: bool) -> None:
    if not target.parent.is_dir():
        raise NotFoundError(
            "There is no such folder", url=str(target.parent), fix="Make it first, or name another."
        )
    if target.is_dir() or (target.exists() and not overwrite):
        fix = "Name another." if target.is_dir() else "overwrite=True replaces it."
        raise ConfigurationError("There is something of that name", url=str(target), fix=fix)


@contextmanager
def _beside(target: Path, *, overwrite: bool) -> Iterator[IO[bytes]]:
    """A file that takes the place of `target` when all is written, and else vanishes."""
    beside = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    try:
        with beside.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        _check_target(target, overwrite=overwrite)  # it may have come in the meantime
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)


def _schema(rows: TrackRows, columns: list[TableColumn]) -> Any:
    """Types of the columns, with what the Dataset says of them."""
    fields = []
    for column in columns:
        variable = rows.dataset.variables[column.variable]
        about = {k: str(variable.attrs[k]) for k in _ABOUT if k in variable.attrs}
        fields.append(pa.field(column.name, _arrow_type(column, variable), metadata=about))
    for name in LABELS:
        values = rows.label(name)
        text = values.dtype.kind in "UO"
        kind = pa.dictionary(pa.int32(), pa.string()) if text else pa.from_numpy_dtype(values.dtype)
        fields.append(pa.field(name, kind))
    return pa.schema([*fields, pa.field("bbox", _BOX), pa.field("geometry", pa.binary())])


def _arrow_type(column: TableColumn, variable: xr.Variable) -> Any:
    if variable.dtype.kind in "UO":
        return pa.string()
    try:
        return pa.from_numpy_dtype(variable.dtype)
    except pa.ArrowNotImplementedError as error:
        raise SelectionError(
            f"{column.variable} is of type {variable.dtype}, for which Parquet has none",
            fix="Leave it out of variables=, or change its type first: ds.assign(...).",
        ) from error


def _table(
    rows: TrackRows, columns: list[TableColumn], schema: Any, batch: Batch
) -> tuple[Any, AnyArray]:
    """The rows of a batch, and the box around them."""
    arrays = [
        pa.array(column.values(batch.dataset, rows.dimension), schema.field(column.name).type)
        for column in columns
    ]
    counts = [part.stop - part.start for _, part in batch.parts]
    of_rows = np.repeat([track for track, _ in batch.parts], counts)
    for name in LABELS:
        values = rows.label(name)
        if values.dtype.kind in "UO":
            words, codes = np.unique(values.astype(str), return_inverse=True)
            codes = codes.astype(np.int32)[of_rows]
            arrays.append(pa.DictionaryArray.from_arrays(codes, pa.array(words)))
        else:
            arrays.append(pa.array(values[of_rows]))
    x, y = (batch.dataset[name].values.astype("f8") for name in PLACE)
    x = westward(x)
    placed = np.isfinite(x) & np.isfinite(y)
    sides = [pa.array(side) for side in (x, y, x, y)]
    arrays.append(pa.StructArray.from_arrays(sides, fields=list(_BOX), mask=pa.array(~placed)))
    arrays.append(_points(x, y, placed))
    seen = [v.min(initial=np.inf, where=placed) for v in (x, y)]
    seen += [v.max(initial=-np.inf, where=placed) for v in (x, y)]
    return pa.Table.from_arrays(arrays, schema=schema), np.array(seen)


def _points(x: AnyArray, y: AnyArray, placed: AnyArray) -> Any:
    """Points as WKB; null where there is no place."""
    points = np.zeros(len(x), _POINT)
    points["order"], points["type"], points["x"], points["y"] = 1, 1, x, y
    offsets = np.arange(len(x) + 1, dtype=np.int32) * _POINT.itemsize
    valid = np.packbits(placed, bitorder="little")
    buffers = [pa.py_buffer(part.tobytes()) for part in (valid, offsets, points)]
    return pa.Array.from_buffers(pa.binary(), len(x), buffers)


def _geo(boxes: AnyArray) -> dict[str, Any]:
    """The file metadata of GeoParquet."""
    about: dict[str, Any] = {
        "encoding": "WKB",
        "geometry_types": ["Point"],
        "crs": WGS84,
        "covering": {"bbox": {side: ["bbox", side] for side in _SIDES}},
    }
    low, high = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
    if np.isfinite(low).all():
        about["bbox"] = [*low.tolist(), *high.tolist()]
    return {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": about}}
