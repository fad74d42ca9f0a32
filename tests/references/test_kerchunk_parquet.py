"""References as a folder of Parquet: equal to h5py through fsspec, and read strictly."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xarray as xr
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from kerchunk.df import refs_to_dataframe
from kerchunk.utils import refs_as_store

from cryodata.errors import (
    CryodataError,
    FormatError,
    LimitExceededError,
    UnsafeReferenceError,
    UnsupportedError,
)
from cryodata.formats.allowed import Allowed
from cryodata.formats.kerchunk_in import KerchunkReferences, read_kerchunk
from cryodata.formats.kerchunk_out import kerchunk_references
from cryodata.formats.kerchunk_parquet_in import read_kerchunk_parquet
from cryodata.formats.kerchunk_parquet_out import kerchunk_parquet
from cryodata.formats.zarr_tree import zarr_tree
from cryodata.granule import GranuleFile
from cryodata.options import Limits
from tests.matrix.case import Case
from tests.real import every_real_file, real_files
from tests.references.compare import datasets, unequal
from tests.references.structures import every_structure, refusals
from tests.references.test_forms import NO_CACHE
from tests.references.test_kerchunk_in import ARRAY, EVIL, PLACE

pytestmark = [
    pytest.mark.filterwarnings("ignore:The 'fastparquet' engine is deprecated"),
    pytest.mark.filterwarnings("ignore::zarr.errors.ZarrUserWarning"),
]


@pytest.fixture(autouse=True)
def few_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of arrays of more chunks only some are compared: zarr takes its time for each."""
    monkeypatch.setattr("tests.references.compare.MOST_CHUNKS", 500)


def references_of(path: Path) -> tuple[dict[str, Any], set[str]]:
    """What is written, and the names of what is refused."""
    with GranuleFile(path, options=NO_CACHE) as granule:
        tree = zarr_tree(granule.walk(), lambda ps: granule.read([(p, None) for p in ps]))
    written, refused = kerchunk_references(tree)
    return written, {*tree.refused, *refused}


def put(files: Mapping[str, bytes], folder: Path) -> str:
    for name, data in files.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
    return f"{folder}/"


def assert_same(found: KerchunkReferences, expected: KerchunkReferences) -> None:
    """The same, whatever order the files are in."""
    assert found.groups == expected.groups
    assert found.attributes == expected.attributes
    assert set(found.arrays) == set(expected.arrays)
    for path, theirs in expected.arrays.items():
        ours = found.arrays[path]
        assert ours.metadata == theirs.metadata
        assert ours.inline == theirs.inline
        for field in fields(ours):
            if field.name in ("numbers", "offsets", "nbytes"):
                np.testing.assert_array_equal(
                    getattr(ours, field.name), getattr(theirs, field.name)
                )
        assert [found.urls[i] for i in ours.files] == [expected.urls[i] for i in theirs.files]


def check(path: Path, folder: Path, record: int) -> set[str]:
    """Through fsspec equal to h5py, through our reader equal to the other form."""
    written, refused = references_of(path)
    files = kerchunk_parquet(written, record=record)
    # that says which protocol: to find out, fsspec would look at each group as if it had chunks
    store = refs_as_store(put(files, folder), remote_protocol="file")
    root = zarr.open_group(store, mode="r", zarr_format=2)
    assert not unequal(root, path, sorted(datasets(path) - refused))
    allow = Allowed.of(path.parent)
    found = read_kerchunk_parquet(files.__getitem__, allow)
    assert_same(found, read_kerchunk(json.dumps(written), allow))
    return refused


@pytest.mark.parametrize("case", every_structure("groups/3000"))
def test_every_structure_is_equal_or_refused(case: Case, tmp_path: Path) -> None:
    """Short records: large arrays are spread over several files."""
    path = tmp_path / "case.h5"
    case.make(path)
    refused = check(path, tmp_path / "refs", 200)
    assert refused == set(refusals(case, "kerchunk")) or "*" in refusals(case, "kerchunk")


@pytest.mark.parametrize("name", every_real_file())
def test_every_real_file_is_equal(name: str, tmp_path: Path) -> None:
    """As large records as they are."""
    assert not check(real_files()[name], tmp_path / "refs", 100_000)


def test_xarray_opens_a_folder(tmp_path: Path) -> None:
    """By the engine of kerchunk, masks included; chunks that were never written are fill values."""
    path = tmp_path / "x.h5"
    with h5py.File(path, "w") as file:
        x = file.create_dataset(
            "x", (5000,), "f4", chunks=(10,), compression="gzip", fillvalue=-1, shuffle=True
        )
        x.attrs["_FillValue"] = np.float32(-1)
        x[95:4000:100] = range(40)
        file.create_dataset("few", data=np.arange(7, dtype="i2"))
        file["few"].make_scale("few")
        x.make_scale("x")
    written, refused = references_of(path)
    assert not refused
    folder = put(kerchunk_parquet(written, record=100), tmp_path / "refs")
    options: dict[str, Any] = {"storage_options": {"remote_protocol": "file"}}
    with (
        xr.open_dataset(folder, engine="kerchunk", **options) as found,
        xr.open_dataset(path, engine="h5netcdf") as expected,
    ):
        assert int(found.x.count()) == 40
        xr.testing.assert_equal(found.load(), expected.load())


def test_a_folder_that_kerchunk_writes(tmp_path: Path) -> None:
    """Padded records, and none at all for chunks that were never written."""
    path = tmp_path / "x.h5"
    with h5py.File(path, "w") as file:
        x = file.create_dataset("x", (1000,), "f4", chunks=(10,), compression="gzip")
        x.attrs["_FillValue"] = np.float32(0)
        x[:250] = 7
        file.create_dataset("y", data=np.arange(7.0))
    written, _ = references_of(path)
    folder = tmp_path / "refs"
    refs_to_dataframe({"refs": dict(written["refs"])}, str(folder), record_size=30)
    allow = Allowed.of(tmp_path)

    def files(name: str) -> bytes:
        return (folder / name).read_bytes()

    with pytest.raises(FormatError, match="never written"):
        read_kerchunk_parquet(files, allow)
    found = read_kerchunk_parquet(files, allow, lost_ok=True)
    assert_same(found, read_kerchunk(json.dumps(written), allow))


def test_bytes_that_look_like_base64(tmp_path: Path) -> None:
    """They are decoded by fsspec once more than JSON does."""
    path = tmp_path / "x.h5"
    with h5py.File(path, "w", track_order=True) as file:
        create = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        create.set_layout(h5py.h5d.COMPACT)
        data = np.frombuffer(b"base64:AAECAw==", "u1")
        space = h5py.h5s.create_simple(data.shape)
        h5py.h5d.create(file.id, b"x", h5py.h5t.NATIVE_UINT8, space, create).write(
            h5py.h5s.ALL, h5py.h5s.ALL, np.ascontiguousarray(data)
        )
    assert not check(path, tmp_path / "refs", 10)


def test_names_that_lead_elsewhere_are_refused() -> None:
    """Files are named after variables."""
    for name in ("../x", "a/../x", ".zx", "a/.zx", "a\\x"):
        with pytest.raises(UnsupportedError, match="folder of references"):
            kerchunk_parquet({"refs": {f"{name}/.zarray": json.dumps(ARRAY)}})


def test_an_array_without_end_is_refused() -> None:
    """Each of its chunks would be a row."""
    huge = json.dumps(ARRAY | {"shape": [10**12, 4]})
    with pytest.raises(UnsupportedError, match="too many for Parquet"):
        kerchunk_parquet({"refs": {"h/.zarray": huge}})


URL = "s3://bucket/granules/a.h5"
ROWS: dict[str, Any] = {
    "path": [URL, None, URL],
    "offset": [100, 0, 7],
    "size": [50, 0, 40],
    "raw": [None, b"\0\1\2", None],
}


def parquet(columns: Mapping[str, Any] = ROWS, **how: Any) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table(dict(columns)), sink, **how)
    return sink.getvalue()


def folder(
    data: bytes | None = None,
    *,
    record: Any = 3,
    array: Mapping[str, Any] = ARRAY,
    more: Any = None,
) -> dict[str, bytes]:
    """A sound folder with one file, or something in place of a part of it."""
    documents = {".zgroup": {"zarr_format": 2}, "h/.zarray": dict(array), "h/.zattrs": {}} | (
        more or {}
    )
    whole = {"metadata": documents, "record_size": record}
    return {
        ".zmetadata": json.dumps(whole).encode(),
        "h/refs.0.parq": parquet() if data is None else data,
    }


def with_row(**change: Any) -> dict[str, bytes]:
    """The first row changed."""
    return folder(parquet({k: [change.get(k, v[0]), *v[1:]] for k, v in ROWS.items()}))


def test_a_sound_folder() -> None:
    """What the tables below change one thing of."""
    found = read_kerchunk_parquet(folder().__getitem__, PLACE)
    assert found.urls == (URL,)
    chunks = found.arrays["h"]
    assert chunks.numbers.tolist() == [0, 2]
    assert chunks.offsets.tolist() == [100, 7]
    assert chunks.nbytes.tolist() == [50, 40]
    assert chunks.inline == {1: b"\0\1\2"}


def is_of_metadata(text: Any) -> bool:
    """Whether references are evil by what they say of an array."""
    try:
        found = json.loads(text)["refs"]["h/.zarray"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return False
    return isinstance(found, dict) and found != ARRAY


BIG = b"\0" * (1 << 20)
RAWS = {
    "path": pa.nulls(1000, pa.string()),
    "offset": [0] * 1000,
    "size": [0] * 1000,
    "raw": [BIG] * 1000,
}
THOUSAND = ARRAY | {"shape": [4000, 4]}

HOSTILE: dict[str, tuple[dict[str, bytes], type[CryodataError], str | None]] = {
    "a file of this machine": (with_row(path="/etc/passwd"), UnsafeReferenceError, "not allowed"),
    "as URL": (with_row(path="file:///etc/passwd"), UnsafeReferenceError, "not allowed"),
    "another bucket": (with_row(path="s3://other/a.h5"), UnsafeReferenceError, "not allowed"),
    "another host": (with_row(path="http://169.254.169.254/x"), UnsafeReferenceError, "allowed"),
    "a way out": (with_row(path="s3://bucket/granules/../x"), UnsafeReferenceError, "winding"),
    "an expression": (with_row(path="{{ 7 * 7 }}"), UnsafeReferenceError, "not evaluated"),
    "a negative offset": (with_row(offset=-1), FormatError, "No file has"),
    "an offset of 2**62": (with_row(offset=2**62), FormatError, "No file has"),
    "a negative size": (with_row(size=-50), FormatError, "No file has"),
    "a whole file": (with_row(offset=0, size=0), UnsupportedError, "whole file"),
    "no size": (with_row(size=0), UnsupportedError, "whole file"),
    "an offset that is missing": (with_row(offset=None), FormatError, "no offset"),
    "offsets of fractions": (
        folder(parquet(ROWS | {"offset": [0.5, 0, 0]})),
        UnsupportedError,
        "column 'offset'",
    ),
    "a path of numbers": (folder(parquet(ROWS | {"path": [1, 2, 3]})), UnsupportedError, "path"),
    "a path of lists": (
        folder(parquet(ROWS | {"path": [[URL], None, [URL]]})),
        UnsupportedError,
        "column",
    ),
    "a path that is no text": (
        folder(parquet(ROWS | {"path": [b"\xff\xfe", None, None]})),
        FormatError,
        "no text",
    ),
    "a column too many": (folder(parquet(ROWS | {"run": [1, 2, 3]})), UnsupportedError, "'run'"),
    "bad base64": (
        folder(parquet(ROWS | {"raw": [b"base64:!", None, None]})),
        FormatError,
        "no base64",
    ),
    "too few rows": (
        folder(parquet({k: v[:2] for k, v in ROWS.items()})),
        FormatError,
        "2 rows stand for 3 chunks",
    ),
    "too many rows": (
        folder(parquet({k: v * 2 for k, v in ROWS.items()})),
        LimitExceededError,
        "6 rows, where there may be 3",
    ),
    "chunks beyond the grid": (
        folder(parquet({k: v * 2 for k, v in ROWS.items()}), record=6),
        FormatError,
        "beyond the grid",
    ),
    "a bomb of equal bytes": (
        folder(parquet(RAWS, compression="zstd"), record=1000, array=THOUSAND),
        LimitExceededError,
        "stand in the references",
    ),
    "bytes that share their beginning": (
        folder(
            parquet(
                RAWS,
                compression="zstd",
                use_dictionary=False,
                column_encoding={"raw": "DELTA_BYTE_ARRAY"},
            ),
            record=1000,
            array=THOUSAND,
        ),
        UnsupportedError,
        "encoding 7",
    ),
    "no Parquet": (folder(b"PAR1 is what it says, but no more PAR1"), FormatError, "cut off"),
    "nothing": (folder(b""), FormatError, "cut off"),
    "a file cut off": (folder(parquet()[:-20]), FormatError, "cut off"),
    "a file without its beginning": (folder(parquet()[200:]), FormatError, "cut off"),
    "a file that is not there": (
        {".zmetadata": folder()[".zmetadata"]},
        FormatError,
        "nobody knows",
    ),
    "no metadata": ({}, FormatError, "no .zmetadata"),
    "metadata that is no JSON": ({".zmetadata": b"{"}, FormatError, "no JSON"),
    "metadata that is a list": ({".zmetadata": b"[]"}, FormatError, "no table"),
    "metadata of references": ({".zmetadata": b'{"refs": {}}'}, FormatError, "no table"),
    "a record of 10**15": (folder(record=10**15), LimitExceededError, "chunks to a file"),
    "a record of nothing": (folder(record=0), FormatError, "no number of chunks"),
    "a record that is a text": (folder(record="3"), FormatError, "no number of chunks"),
    "a record that is true": (folder(record=True), FormatError, "no number of chunks"),
    "a million files": (
        folder(record=1, array=ARRAY | {"shape": [4_000_000, 4]}),
        LimitExceededError,
        "100000 files",
    ),
    "a grid without end": (
        folder(array=ARRAY | {"shape": [10**15, 4]}),
        LimitExceededError,
        "chunks",
    ),
    "a key that climbs": (folder(more={"../h/.zarray": ARRAY}), FormatError, "a key"),
    "an array that is all": (folder(more={".zarray": ARRAY}), UnsupportedError, "of an array"),
    "objects": (
        folder(array=ARRAY | {"dtype": "|O", "filters": None}),
        UnsupportedError,
        "no strings",
    ),
    **{
        what: (folder(array=json.loads(text)["refs"]["h/.zarray"]), error, None)
        for what, (text, error) in EVIL.items()
        if is_of_metadata(text) and "grid" not in what
    },
}


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_folders_are_refused(what: str) -> None:
    """Typed, bounded, and before anything is opened."""
    files, error, words = HOSTILE[what]
    with pytest.raises(error, match=words):
        read_kerchunk_parquet(files.__getitem__, PLACE)


def test_pages_are_not_decompressed_beyond_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kilobyte of zeros, compressed, is a gigabyte where they differ from row to row."""
    monkeypatch.setattr("cryodata.formats.kerchunk_parquet_in.MOST_FILE", 8 << 20)
    different = RAWS | {"raw": [bytes([i]) * (1 << 20) for i in range(10)] + [None] * 990}
    data = parquet(different, compression="zstd")
    assert len(data) < 20_000
    files = folder(data, record=1000, array=THOUSAND)
    with pytest.raises(LimitExceededError, match="too large, decompressed"):
        read_kerchunk_parquet(files.__getitem__, PLACE)


def test_limits_of_the_caller_hold() -> None:
    """Where they are stricter."""
    with pytest.raises(LimitExceededError, match="3 chunks"):
        read_kerchunk_parquet(folder().__getitem__, PLACE, Limits(chunks=2))
    with pytest.raises(LimitExceededError, match="too large"):
        read_kerchunk_parquet(folder().__getitem__, PLACE, Limits(chunk_bytes=63))


@settings(max_examples=300, deadline=None)
@given(at=st.integers(0, 10_000), byte=st.integers(0, 255), count=st.integers(1, 4))
def test_any_byte_may_be_anything(at: int, byte: int, count: int) -> None:
    """References that are allowed, or an error of ours; nothing else, and no crash."""
    data = bytearray(parquet(compression="zstd"))
    at %= len(data)
    data[at : at + count] = bytes([byte] * count)
    try:
        sound = read_kerchunk_parquet(folder(bytes(data)).__getitem__, PLACE)
    except CryodataError:
        return
    assert all(url.startswith("s3://bucket/granules/") for url in sound.urls)
