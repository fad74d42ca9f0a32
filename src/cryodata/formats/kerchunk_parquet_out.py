"""References of kerchunk as a folder of Parquet files, which readers look up piece by piece.

::

    .zmetadata              metadata of the whole, and how many chunks there are to a file
    gt1l/h/refs.0.parq      columns path, offset, size, raw: a row per chunk, in C order
    gt1l/h/refs.1.parq

Source: "LazyReferenceMapper" in the documentation of fsspec, and what it reads.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from cryodata.errors import UnsupportedError
from cryodata.formats.references_in import DOCUMENTS, ChunkReferences, chunk_number
from cryodata.types import AnyArray

__all__ = ["kerchunk_parquet"]

RECORD = 100_000
"""Chunks to a file."""
MOST_ROWS = 50_000_000
"""Chunks, there or not, of an array."""
LARGEST_DICTIONARY = 512 << 20
"""Bytes of different values of a column: all of them, so that equal ones are written once."""
BASE64 = b"base64:"


def kerchunk_parquet(references: Mapping[str, Any], *, record: int = RECORD) -> dict[str, bytes]:
    """The files of a folder.

    Parameters
    ----------
    references : mapping
        As `kerchunk_references` gives them.
    record : int
        Chunks to a file.

    Returns
    -------
    dict of str to bytes
        Content by name, ``gt1l/h/refs.0.parq``. The last one is ``.zmetadata``: who writes them
        in this order leaves nothing that looks whole before it is.

    Raises
    ------
    UnsupportedError
        The form cannot hold an array: its chunks are too many, or nobody could name its files.
    """
    documents: dict[str, Any] = {}
    chunks: dict[str, dict[str, Any]] = {}
    for key, value in references["refs"].items():
        path, _, name = key.rpartition("/")
        if name in DOCUMENTS:
            documents[key] = json.loads(value)
        else:
            chunks.setdefault(path, {})[name] = value
    files: dict[str, bytes] = {}
    for key, metadata in documents.items():
        path, _, name = key.rpartition("/")
        if name == ".zarray":
            _refuse_names(path)
            files |= _records(path, metadata, chunks.get(path, {}), record)
    # some releases of zarr lose what does not stand beside others of its group
    ordered = dict(sorted(documents.items(), key=lambda item: item[0].split("/")))
    whole = {"metadata": ordered, "record_size": record}
    return {**files, ".zmetadata": json.dumps(whole).encode("utf-8")}


def _refuse_names(path: str) -> None:
    """What would lead out of the folder, or fsspec takes for metadata."""
    parts = path.split("/")
    odd = any(part in ("", ".", "..") or part.startswith(".z") for part in parts)
    if odd or "\0" in path or "\\" in path:
        raise UnsupportedError(
            "Its name is none for a folder of references",
            path=f"/{path}",
            fix="Write references of kerchunk as JSON.",
        )


def _records(
    path: str, metadata: Mapping[str, Any], refs: Mapping[str, Any], record: int
) -> Iterator[tuple[str, bytes]]:
    """Name and content of an array's files; also of those none of whose chunks was written."""
    grid = ChunkReferences.of(dict(metadata)).grid
    count = math.prod(grid)
    if count > MOST_ROWS:
        raise UnsupportedError(
            f"{count} chunks, most of which were never written, are too many for Parquet",
            path=f"/{path}",
            fix="Write it as Zarr version 3.",
        )
    numbers = sorted((chunk_number(key, grid, path), key) for key in refs)
    at = 0
    for start in range(0, count, record):
        rows = min(record, count - start)
        here: dict[int, Any] = {}
        while at < len(numbers) and numbers[at][0] < start + rows:
            here[numbers[at][0] - start] = refs[numbers[at][1]]
            at += 1
        yield f"{path}/refs.{start // record}.parq", _encode(here, rows)


def _encode(refs: Mapping[int, Any], rows: int) -> bytes:
    """A file of so many rows; those that are not in `refs` are empty."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    paths: AnyArray = np.full(rows, None, object)
    raws: AnyArray = np.full(rows, None, object)
    offsets, sizes = np.zeros(rows, np.int64), np.zeros(rows, np.int64)
    for row, value in refs.items():
        if isinstance(value, str):
            raws[row] = _raw(value)
        elif value[2]:
            paths[row], offsets[row], sizes[row] = value
        else:  # without a size it would be taken for the whole file
            raws[row] = b""
    schema = pa.schema(
        [
            pa.field("path", pa.string()),
            pa.field("offset", pa.int64(), nullable=False),
            pa.field("size", pa.int64(), nullable=False),
            pa.field("raw", pa.binary()),
        ]
    )
    table = pa.table([paths, offsets, sizes, raws], schema=schema)
    sink = pa.BufferOutputStream()
    # fastparquet, which fsspec reads by, gives None for a text that is not there only where the
    # column has a dictionary, and whole numbers only where statistics say that none is missing
    pq.write_table(
        table,
        sink,
        compression="zstd",
        use_dictionary=["path", "raw"],
        dictionary_pagesize_limit=LARGEST_DICTIONARY,
        write_statistics=["offset", "size"],
        store_schema=False,
    )
    return bytes(sink.getvalue())


def _raw(value: str) -> bytes:
    """Bytes as fsspec wants them: it decodes again what looks like base64."""
    data = value.encode("utf-8", "surrogatepass")
    if not data.startswith(BASE64):
        return data
    plain = base64.b64decode(data.removeprefix(BASE64))
    return data if plain.startswith(BASE64) else plain
