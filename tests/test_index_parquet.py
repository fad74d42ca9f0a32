"""An index comes back from Parquet as it went in, or not at all."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as stn

from cryodata.attributes import decode_attributes
from cryodata.errors import CacheError, FetchError
from cryodata.formats import count_facts, decode_index, encode_index, index_parquet, summarise
from cryodata.formats.index_parquet import touch
from cryodata.formats.index_rows import ALIKE
from cryodata.formats.seal import UNSEALED, seal
from cryodata.formats.value_json import dump_json
from cryodata.index import Index
from cryodata.layout import Chunked
from cryodata.options import Limits
from cryodata.types import Source
from tests.index_samples import differences, every_kind, small_index, table_of, walk_file
from tests.matrix import attributes, dtypes, files, fills, filters, groups, layouts, refused
from tests.real import real_files

GOLDEN = Path(__file__).parent / "data" / "index-format-3.parquet"
OLDER = Path(__file__).parent / "data" / "index-format-1.parquet"
PARTS = (attributes, dtypes, files, fills, filters, groups, layouts, refused)


def chunks_of(index: Index) -> int:
    return sum(
        len(a.storage.table) for a in index.arrays.values() if isinstance(a.storage, Chunked)
    )


def chunk_bytes(data: bytes) -> int:
    """Stored bytes of the chunk columns."""
    group = pq.ParquetFile(io.BytesIO(data)).metadata.row_group(0)
    columns = [group.column(i) for i in range(group.num_columns)]
    return sum(
        column.total_compressed_size
        for column in columns
        if column.path_in_schema.split(".")[0] in index_parquet.CHUNK_COLUMNS
    )


def test_every_field_of_every_kind() -> None:
    """A lost byte order, enum name, empty shape or odd byte would change what users see."""
    index = every_kind()
    assert differences(decode_index(encode_index(index)), index) == []


def test_empty_index() -> None:
    """A granule of which nothing was asked yet still has a version."""
    index = Index(source=Source(url="s3://b/k", size=0, etag=""))
    assert differences(decode_index(encode_index(index)), index) == []


@pytest.mark.parametrize("name", real_files())
def test_real_files(name: str) -> None:
    """What NASA's files hold is what the cache must hold; within 12 bytes a chunk."""
    index = walk_file(real_files()[name])
    data = encode_index(index)
    assert differences(decode_index(data), index) == []
    if chunks_of(index) >= 80:
        assert chunk_bytes(data) <= 12 * chunks_of(index)


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.__name__.rsplit(".", 1)[-1])
def test_matrix(part: Any, tmp_path: Path) -> None:
    """A check on loading that is stricter than the walker would make the cache useless."""
    cases = [c for c in part.CASES if not c.name.endswith(("v108", "v110"))]
    if part in (layouts, filters):  # many, which differ in how chunks are found or decoded
        cases = cases[::3]
    assert len(cases) >= 5
    for case in cases:
        path = tmp_path / "case.h5"
        case.make(path)
        index = walk_file(path)
        assert differences(decode_index(encode_index(index)), index) == [], case.name


def test_walk_of_a_part() -> None:
    """What was not walked must not come back as walked and absent."""
    path = real_files()["processed_ATL06_20191106230008_06270503_006_01.h5"]
    index = walk_file(path, ["/gt1l/land_ice_segments/h_li"])
    kept = decode_index(encode_index(index))
    assert differences(kept, index) == []
    assert kept.knows("/gt1l/land_ice_segments/h_li")
    assert not kept.knows("/gt1l/land_ice_segments/latitude")
    assert not kept.complete


columns = st.integers(0, 40).flatmap(
    lambda n: st.tuples(
        stn.arrays(np.int64, n, elements=st.integers(0, 399), unique=True).map(np.sort),
        stn.arrays(np.int64, n, elements=st.integers(0, (1 << 45) - (1 << 32))),
        stn.arrays(np.uint32, n),
        stn.arrays(np.uint32, n),
        st.booleans(),
        st.booleans(),
    )
)


@settings(max_examples=40, deadline=None)
@given(tables=st.lists(columns, max_size=4))
def test_chunk_tables(tables: list[Any]) -> None:
    """Columns are stored one table after the other: none may bleed into its neighbour."""
    layout = replace(small_index().arrays["/x0"], shape=(4000,))
    arrays = {}
    for i, (numbers, offsets, nbytes, masks, dense, plain) in enumerate(tables):
        numbers = np.arange(len(numbers)) if dense else numbers
        table = table_of(numbers, offsets, nbytes, np.zeros_like(masks) if plain else masks)
        arrays[f"/{i}"] = replace(layout, path=f"/{i}", storage=Chunked(table))
    index = Index(source=Source(url="s3://b/k", size=1 << 45, etag="x"), arrays=arrays)
    assert differences(decode_index(encode_index(index)), index) == []


def test_size_of_a_large_table() -> None:
    """A granule of ATL03 has a hundred thousand chunks: its index must stay small."""
    rng = np.random.default_rng(1)
    nbytes = rng.integers(20_000, 60_000, 16_000).astype(np.uint32)
    offsets = np.cumsum(np.concatenate([[2048], nbytes[:-1].astype(np.int64) + 300]))
    table = table_of(np.arange(16_000), offsets, nbytes, np.zeros(16_000))
    layout = replace(small_index().arrays["/x0"], shape=(160_000,), storage=Chunked(table))
    index = Index(source=Source(url="s3://b/k", size=1 << 40, etag="x"), arrays={"/x0": layout})
    data = encode_index(index)
    assert differences(decode_index(data), index) == []
    assert chunk_bytes(data) <= 5 * 16_000


def test_golden_file() -> None:
    """An index written by an earlier version is read as it was meant, or not at all."""
    assert index_parquet.FORMAT == 3, "keep this file, expect CacheError, and add a new one"
    assert differences(decode_index(GOLDEN.read_bytes()), every_kind()) == []
    with pytest.raises(CacheError, match="format 1"):
        decode_index(OLDER.read_bytes())


def test_pandas_reads_it() -> None:
    """References are for everybody: chunk places and shapes must be plain columns."""
    frame = pd.read_parquet(io.BytesIO(encode_index(every_kind()))).set_index("path")
    row = frame.loc["/chunked/sparse"]
    assert list(row["shape"]) == [20, 9]
    assert list(row["chunk_numbers"]) == [1, 3]
    assert list(row["chunk_offsets"]) == [10, 10]
    assert json.loads(str(row["about"]))["dtype"] == "<i4"
    assert json.loads(str(frame.loc["/soft", "about"]))["target"] == "/chunked"


def test_pyarrow_is_imported_late() -> None:
    """Opening a local file for the first time must not pay for a cache it does not use."""
    code = "import sys, cryodata.formats.index_parquet; sys.exit('pyarrow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0


def test_summary() -> None:
    """Savers compare by it: a poorer index must not replace a richer one."""
    index = small_index(arrays=2)
    summary = summarise(encode_index(index))
    assert (summary.source, summary.complete) == (index.source, False)
    assert summary.facts == count_facts(index)
    known = index.arrays["/x1"]
    less = replace(index, arrays={**index.arrays, "/x1": replace(known, dims_known=False)})
    assert count_facts(small_index()) < count_facts(less) < count_facts(index)


def test_what_cannot_be_written_is_not_left_out() -> None:
    """An index without what could not be written would be a wrong index."""
    index = small_index()
    lost = replace(index.arrays["/x0"], attributes={"a": object()})
    with pytest.raises(CacheError, match=r"object cannot be written.*s3://bucket/a\.h5"):
        encode_index(replace(index, arrays={"/x0": lost}))
    with pytest.raises(CacheError, match="FetchError is not kept"):
        encode_index(replace(index, problems={"/y": FetchError("the network was down")}))
    with pytest.raises(CacheError, match="stands under the name"):
        encode_index(replace(index, arrays={"/y": index.arrays["/x0"]}))


def test_shares_nothing_mutable() -> None:
    """An array attribute changed by a user must not change its twins in other variables."""
    index = small_index(arrays=2)
    twins = {
        path: replace(array, attributes={"range": np.array([1, 2])})
        for path, array in index.arrays.items()
    }
    kept = decode_index(encode_index(replace(index, arrays=twins)))
    assert kept.arrays["/x0"].attributes is kept.arrays["/x1"].attributes
    with pytest.raises(ValueError, match="read-only"):
        kept.arrays["/x0"].attributes["range"][0] = 9
    with pytest.raises(TypeError):
        kept.arrays["/x0"].attributes["range"] = 9  # type: ignore[index]
    decode_attributes(kept.arrays["/x0"].attributes)["range"][0] = 9
    assert kept.arrays["/x1"].attributes["range"].tolist() == [1, 2]


def test_every_changed_byte_is_noticed() -> None:
    """One flipped bit may turn an offset into another one that looks just as good."""
    data = encode_index(every_kind())
    rng = np.random.default_rng(3)
    for place in range(len(data)):
        changed = bytearray(data)
        changed[place] ^= 1 << int(rng.integers(8))
        with pytest.raises(CacheError):
            decode_index(bytes(changed))


def test_every_cut_is_noticed() -> None:
    """A file cut short by a full disk must not be read as a smaller index."""
    data = encode_index(every_kind())
    for length in (0, 1, 4, 12, *range(20, len(data), 97), len(data) - 1):
        with pytest.raises(CacheError):
            decode_index(data[:length])
    with pytest.raises(CacheError):
        decode_index(data + b"\0")


def forge(change: Any, about: Mapping[str, Any] | None = None) -> bytes:
    """`every_kind` with some rows changed, and a checksum that fits."""
    table = pq.read_table(io.BytesIO(encode_index(every_kind())))
    rows = table.to_pylist()
    change(rows)
    forged = pa.Table.from_pylist(rows, schema=table.schema)
    known = {"alike": index_parquet._checksum(forged) if all(whole(row) for row in rows) else ""}
    header = {**index_parquet._about(every_kind()), **known, **(about or {})}
    return index_parquet._write(forged, header)


def whole(row: Mapping[str, Any]) -> bool:
    """Whether all is there that has a checksum of its own."""
    return all(row[name] is not None for name in ALIKE)


def test_forging_changes_nothing_by_itself() -> None:
    """The refusals below would prove nothing if every forged file were refused."""
    assert differences(decode_index(forge(lambda rows: None)), every_kind()) == []


DENSE, SPARSE, PLAIN = "/chunked/plain", "/chunked/sparse", "/contiguous"
LIES: list[tuple[str, str, Any]] = [
    (DENSE, "chunk_offsets", [-1, 10, 50]),
    (DENSE, "chunk_offsets", [90, 10, (1 << 40) - 39]),
    (DENSE, "chunk_offsets", [90, 10, (1 << 63) - 1]),
    (DENSE, "chunk_offsets", [90, 10]),
    (DENSE, "chunk_offsets", [90, None, 10]),
    (DENSE, "chunk_offsets", None),
    (DENSE, "chunk_nbytes", [40, 40, None]),
    (DENSE, "chunk_nbytes", [40] * 4),
    (DENSE, "chunk_numbers", [1, 0, 2]),
    (DENSE, "chunk_numbers", [0, 1, 1]),
    (DENSE, "chunk_numbers", [0, 1, 4]),
    (DENSE, "chunk_numbers", [-1, 1, 2]),
    (DENSE, "chunk_masks", [0, 1]),
    (DENSE, "shape", [5, 9]),
    (DENSE, "shape", [-20, 9]),
    (DENSE, "shape", [1 << 62, 9]),
    (DENSE, "shape", [20, None]),
    (DENSE, "shape", None),
    (DENSE, "maxshape", [20]),
    (DENSE, "maxshape", [-1, None]),
    (DENSE, "chunk_shape", [0, 5]),
    (DENSE, "chunk_shape", [10]),
    (DENSE, "chunk_shape", None),
    (DENSE, "chunk_shape", [1 << 20, 1 << 20]),
    (DENSE, "dtype", "object"),
    (DENSE, "dtype", "<i4,<i4"),
    (DENSE, "dtype", "<i8"),
    (DENSE, "dtype", "|V0"),
    (DENSE, "dtype", "|O"),
    (DENSE, "dtype", '{"base":"<i4","shape":[1]}'),
    (DENSE, "dtype", '{"base":"<f4","enum":{"a":1}}'),
    (DENSE, "dtype", '{"base":"<i4","enum":{"a":9999999999}}'),
    (DENSE, "dtype", '{"names":["a"],"formats":["|O"],"offsets":[0],"itemsize":8}'),
    (DENSE, "dtype", '{"names":["a"],"formats":["<i4"],"offsets":[2],"itemsize":4}'),
    (DENSE, "stored_dtype", None),
    (DENSE, "element", "<q"),
    (DENSE, "encoding", "utf-16"),
    (DENSE, "padding", None),
    (DENSE, "is_null", None),
    (DENSE, "type", None),
    (DENSE, "problem", None),
    (DENSE, "storage", "tape"),
    (DENSE, "storage", None),
    (DENSE, "storage", "inline"),
    (DENSE, "kind", "variable"),
    (DENSE, "path", SPARSE),
    (DENSE, "path", "chunked/plain"),
    (DENSE, "path", None),
    (DENSE, "dims", '["ab","c"]'),
    (DENSE, "dims", "[[1],[]]"),
    (DENSE, "filters", '[{"id":70000,"name":"x","values":[],"optional":false}]'),
    (DENSE, "filters", '[{"id":1,"name":"x","values":[-1],"optional":false}]'),
    (DENSE, "filters", '[{"id":1,"name":"x","values":[],"optional":0}]'),
    (DENSE, "filters", '[{"id":1,"name":"x","values":[],"more":0}]'),
    (DENSE, "fill", '"text"'),
    (DENSE, "fill", "null"),
    (DENSE, "fill", "NaN"),
    (DENSE, "fill", '{"dtype":"<i8","value":1}'),
    (DENSE, "fill", '{"dtype":"<i4","shape":[3],"value":[1,2,3]}'),
    (DENSE, "attributes", None),
    (DENSE, "attributes", "[]"),
    (DENSE, "attributes", "{"),
    (DENSE, "attributes", "[" * 100_000),
    (DENSE, "attributes", '{"a":1}'),
    (DENSE, "attributes", '{"a":{"pickle":"gASVKAAAAAAAAAA="}}'),
    (DENSE, "attributes", '{"a":{"unreadable":1}}'),
    (DENSE, "attributes", '{"a":{"string":"x","bytes":"y"}}'),
    (DENSE, "attributes", '{"a":{"dtype":"<i4","value":1.5}}'),
    (DENSE, "attributes", '{"a":{"dtype":"|u1","value":256}}'),
    (DENSE, "attributes", '{"a":{"dtype":"<i4","value":[1]}}'),
    (DENSE, "attributes", '{"a":{"dtype":"<f4","value":0.1}}'),
    (DENSE, "attributes", '{"a":{"dtype":"<f4","value":Infinity}}'),
    (DENSE, "attributes", '{"a":{"dtype":"|V4","value":1}}'),
    (DENSE, "attributes", '{"a":{"dtype":"|S2","shape":[1],"value":["abc"]}}'),
    (DENSE, "attributes", '{"a":{"dtype":"|O","base64":"AAAAAAAAAAA="}}'),
    (DENSE, "attributes", '{"a":{"dtype":"<i4","shape":[1],"value":[1,2]}}'),
    (DENSE, "attributes", '{"a":{"dtype":"<i4","shape":[1000000000000],"base64":"AAAAAA=="}}'),
    (DENSE, "attributes", '{"a":{"dtype":"<i4","shape":[-1,-1],"base64":"AAAAAA=="}}'),
    (DENSE, "attributes", '{"a":{"dtype":"<i4","base64":"A*AAAA=="}}'),
    (PLAIN, "offset", -1),
    (PLAIN, "offset", (1 << 40) - 23),
    (PLAIN, "nbytes", 25),
    (PLAIN, "nbytes", None),
    (PLAIN, "chunk_shape", [1, 3]),
    ("/inline", "data", bytes(23)),
    ("/inline", "data", None),
    ("/sequences", "stored_dtype", "<f8"),
    ("/sequences", "fill", '"text"'),
    ("/empty", "links", None),
    ("/empty", "links", '{"a":-1}'),
    ("/empty", "links", '{"a":18446744073709551616}'),
    ("/empty", "links", '{"a":true}'),
    ("/empty", "links", '{"a":{"kind":"wormhole","address":null,"target":""}}'),
    ("/empty", "links", '{"a":{"kind":"soft","address":"7","target":""}}'),
    ("/soft", "target", "chunked"),
    ("/soft", "target", None),
    ("/bad", "error", '{"error":"SystemExit"}'),
    *(
        ("/bad", "error", dump_json({**fields, "fix": "", "url": "", "path": "", "stop": None}))
        for fields in (
            {"error": "NotFoundError", "what": "", "start": None},
            {"error": "FormatError", "what": 1, "start": None},
            {"error": "FormatError", "what": "", "start": -1},
        )
    ),
]


def put(row: dict[str, Any], column: str, value: Any) -> None:
    """Change what a row says; in ``about``, a text that looks like JSON stands there as it is."""
    about = json.loads(row["about"])
    if column not in about:
        assert row[column] != value
        row[column] = value
        return
    said = {name: json.dumps(own) for name, own in about.items()}
    as_it_is = isinstance(value, str) and (value[:1] in ('"', "{", "[") or value in RAW)
    new = value if as_it_is else json.dumps(value)
    assert said[column] != new
    said[column] = new
    row["about"] = "{" + ",".join(f"{json.dumps(name)}:{text}" for name, text in said.items()) + "}"


RAW = ("null", "NaN")


@pytest.mark.parametrize("path, column, value", LIES, ids=lambda value: str(value)[:40])
def test_lies_are_refused(path: str, column: str, value: Any) -> None:
    """A stranger's index with a fitting checksum is no more to be trusted than his file."""

    def change(rows: list[dict[str, Any]]) -> None:
        row = next(row for row in rows if row["path"] == path)
        put(row, column, value)

    data = forge(change)
    with pytest.raises(CacheError, match="no index that can be used"):
        decode_index(data)
    with pytest.raises(CacheError, match="no index that can be used"):
        touch(decode_index(data, later=True))


@pytest.mark.parametrize(
    "about",
    [
        {"format": 4},
        {"format": None},
        {"size": -1},
        {"size": "10"},
        {"size": 100},
        {"size": 1 << 63},
        {"url": None},
        {"etag": 7},
        {"library": None},
        {"complete": True},
        {"facts": "many"},
    ],
    ids=str,
)
def test_false_headers_are_refused(about: dict[str, Any]) -> None:
    """A newer format may mean something else by the same columns."""
    with pytest.raises(CacheError):
        decode_index(forge(lambda rows: None, about))


def test_foreign_parquet_is_refused() -> None:
    """Any Parquet file may lie in the folder, even a sealed one."""
    sink = io.BytesIO()
    pq.write_table(pa.table({"path": ["/x"]}), sink)
    with pytest.raises(CacheError, match="no checksum"):
        decode_index(sink.getvalue())
    with pytest.raises(CacheError):
        decode_index(index_parquet._write(pa.table({"path": ["/x"]}), {"format": 1}))
    with pytest.raises(CacheError):
        decode_index(seal(b"PAR1" + UNSEALED.encode() + b"PAR1"))


def test_limits_bound_what_an_index_may_claim() -> None:
    """Limits that hold for a file must hold for what somebody says of it."""
    data = encode_index(small_index())
    assert decode_index(data, limits=Limits(chunk_bytes=40)).arrays
    with pytest.raises(CacheError, match="size of the chunks"):
        decode_index(data, limits=Limits(chunk_bytes=39))
    with pytest.raises(CacheError, match="number of chunks"):
        decode_index(data, limits=Limits(chunks=2))
