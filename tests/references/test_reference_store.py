"""References read through our own store: equal to h5py, or an error; never what was not there."""

from __future__ import annotations

import json
import os
import pickle
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numcodecs
import numpy as np
import pytest
import xarray as xr
import zarr
from kerchunk.hdf import SingleHdf5ToZarr

from cryodata.errors import (
    ChunkCorruptError,
    CryodataError,
    FormatError,
    GranuleChangedError,
    LimitExceededError,
    NotFoundError,
    UnsupportedError,
)
from cryodata.formats.allowed import Allowed
from cryodata.formats.kerchunk_in import KerchunkReferences, read_kerchunk
from cryodata.formats.kerchunk_parquet_in import read_kerchunk_parquet
from cryodata.formats.kerchunk_parquet_out import kerchunk_parquet
from cryodata.references.reference_store import ReferenceStore
from cryodata.sandbox import Sky, cloud
from tests.matrix.case import Case
from tests.real import every_real_file, real_files
from tests.references.compare import datasets, unequal
from tests.references.structures import every_structure
from tests.references.test_kerchunk_parquet import references_of

pytestmark = pytest.mark.filterwarnings("ignore::zarr.errors.ZarrUserWarning")

SECRET = "WhoReadsThisHasTheKeys"


@pytest.fixture(autouse=True)
def few_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of arrays of more chunks only some are compared: zarr takes its time for each."""
    if not os.environ.get("CRYODATA_SOAK"):
        monkeypatch.setattr("tests.references.compare.MOST_CHUNKS", 500)


def opened(references: KerchunkReferences, **how: Any) -> zarr.Group:
    return zarr.open_group(ReferenceStore(references, **how), mode="r", zarr_format=2)


@pytest.mark.parametrize("case", every_structure("groups/3000"))
def test_every_structure_is_equal(case: Case, tmp_path: Path) -> None:
    """What was refused when it was written is not there; all else is."""
    path = tmp_path / "case.h5"
    case.make(path)
    written, refused = references_of(path)
    root = opened(read_kerchunk(json.dumps(written), Allowed.of(tmp_path)))
    assert not unequal(root, path, sorted(datasets(path) - refused))


@pytest.mark.parametrize("name", every_real_file())
def test_every_real_file_is_equal(name: str) -> None:
    """By way of Parquet."""
    path = real_files()[name]
    written, _ = references_of(path)
    files = kerchunk_parquet(written)
    root = opened(read_kerchunk_parquet(files.__getitem__, Allowed.of(path.parent)))
    assert not unequal(root, path, sorted(datasets(path)))


def test_references_that_kerchunk_makes() -> None:
    """Others write them in their own way."""
    path = real_files()["processed_ATL06_20191106230008_06270503_006_01.h5"]
    theirs = SingleHdf5ToZarr(str(path), inline_threshold=300).translate()
    root = opened(read_kerchunk(json.dumps(theirs), Allowed.of(path.parent)))
    names = sorted(name for name in datasets(path) if "land_ice_segments/" in name)
    assert len(names) > 50
    assert not unequal(root, path, names)


ROWS = np.arange(40_000, dtype="<i4")


def tiny(path: Path, values: Any = ROWS) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("g/x", data=values, chunks=(10_000,), compression="gzip", shuffle=True)
        file.create_dataset("plain", data=np.arange(100.0))


def changed(references: dict[str, Any], allow: Allowed, **refs: Any) -> KerchunkReferences:
    """References with other parts."""
    return read_kerchunk(json.dumps({**references, "refs": references["refs"] | refs}), allow)


@pytest.fixture
def sky() -> Iterator[Sky]:
    with cloud("in_region", server="static") as sky:
        yield sky


def on_sky(sky: Sky, path: Path, **refs: Any) -> KerchunkReferences:
    """References to a file that lies in the sandbox."""
    url = sky.put(path, "x.h5")
    written, _ = references_of(path)
    text = json.dumps(written).replace(str(path.resolve()), url)
    return changed(json.loads(text), Allowed.of(url.rpartition("/")[0]), **refs)


def test_values_over_the_wire(sky: Sky, tmp_path: Path) -> None:
    """One request for the version of the file, and one for each chunk."""
    tiny(tmp_path / "x.h5")
    references = on_sky(sky, tmp_path / "x.h5")
    store = ReferenceStore(references, storage_options=sky.storage_options)
    sky.log.clear()
    with xr.open_zarr(store, group="g", consolidated=False, zarr_format=2) as found:
        assert sky.log.summary().requests == 0
        np.testing.assert_array_equal(found.x.values, ROWS)
    assert sky.log.summary().requests == 1 + 4


def test_another_version_is_refused(sky: Sky, tmp_path: Path) -> None:
    """Chunks of two versions in one array would be silent nonsense."""
    tiny(tmp_path / "x.h5")
    root: Any = opened(on_sky(sky, tmp_path / "x.h5"), storage_options=sky.storage_options)
    root["g/x"][:10_000]
    copy = pickle.loads(pickle.dumps(root.store))
    tiny(tmp_path / "new.h5", ROWS[::-1])
    sky.put(tmp_path / "new.h5", "x.h5")
    with pytest.raises(GranuleChangedError):
        root["g/x"][10_000:20_000]
    assert all(file.source == root.store._files[n].source for n, file in copy._files.items())


def test_a_local_file_that_changes_is_refused(tmp_path: Path) -> None:
    """The same for files of this machine."""
    path = tmp_path / "x.h5"
    tiny(path)
    written, _ = references_of(path)
    root: Any = opened(changed(written, Allowed.of(tmp_path)))
    root["plain"][:]
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(GranuleChangedError):
        root["g/x"][:]


def test_no_secret_shows_or_travels(sky: Sky, tmp_path: Path) -> None:
    """Keys stay in this process."""
    tiny(tmp_path / "x.h5")
    options = {**sky.storage_options, "key": "AKIA", "secret": SECRET}
    options.pop("anon", None)
    store = ReferenceStore(on_sky(sky, tmp_path / "x.h5"), storage_options=options)
    data = pickle.dumps(store)
    assert SECRET.encode() not in data
    assert SECRET not in repr(store) + str(store)
    again = pickle.loads(data)
    assert again == store
    assert hash(again) == hash(store)


SHUFFLED = {"id": "shuffle", "elementsize": 4}
ZEROS = bytes(1 << 28)
BOMB = zlib.compress(ZEROS, 9)
CODECS: Mapping[str, Any] = {
    "zlib": {"id": "zlib", "level": 1},
    "gzip": {"id": "gzip", "level": 1},
    "bz2": {"id": "bz2", "level": 1},
    "zstd": {"id": "zstd", "level": 1},
    "lz4": {"id": "lz4", "acceleration": 1},
    "blosc": {"id": "blosc", "cname": "lz4", "clevel": 5, "shuffle": 1, "blocksize": 0},
}


def one_chunk(path: Path, data: bytes, **metadata: Any) -> KerchunkReferences:
    """An array of one chunk of 100 numbers that lies in a file as these bytes."""
    path.write_bytes(data)
    array = {
        "zarr_format": 2,
        "shape": [100],
        "chunks": [100],
        "dtype": "<i4",
        "fill_value": 0,
        "order": "C",
        "filters": None,
        "compressor": None,
        **metadata,
    }
    found = {".zgroup": {"zarr_format": 2}, "x/.zarray": array, "x/0": [str(path), 0, len(data)]}
    return read_kerchunk(json.dumps(found), Allowed.of(path.parent))


HUNDRED = np.arange(100, dtype="<i4")


@pytest.mark.parametrize("name", CODECS)
@pytest.mark.parametrize("way", ["compressor", "filter", "shuffled", "checked"])
def test_every_codec_is_bounded(name: str, way: str, tmp_path: Path) -> None:
    """Sound bytes pass; bytes that become another size do not, though there are few of them."""
    chain = [CODECS[name]]
    if way == "shuffled":
        chain = [SHUFFLED, *chain]
    if way == "checked":
        chain = [SHUFFLED, *chain, {"id": "fletcher32"}]
    metadata = {"compressor": chain[0]} if way == "compressor" else {"filters": chain}

    def stored(values: Any) -> bytes:
        for codec in chain:
            values = numcodecs.get_codec(dict(codec)).encode(values)
        return bytes(values)

    root: Any = opened(one_chunk(tmp_path / "x", stored(HUNDRED), **metadata))
    np.testing.assert_array_equal(root["x"][:], HUNDRED)
    for wrong in (HUNDRED[:99], np.append(HUNDRED, HUNDRED[:1]), np.zeros(30_000, "<i4")):
        bad: Any = opened(one_chunk(tmp_path / "x", stored(wrong), **metadata))
        with pytest.raises((ChunkCorruptError, LimitExceededError)):
            bad["x"][:]
    cut: Any = opened(one_chunk(tmp_path / "x", stored(HUNDRED)[:10], **metadata))
    with pytest.raises(CryodataError):
        cut["x"][:]


EVIL: Mapping[str, tuple[bytes, dict[str, Any], type[CryodataError]]] = {
    "a bomb": (BOMB, {"filters": [CODECS["zlib"]]}, LimitExceededError),
    "a bomb in a bomb": (
        zlib.compress(BOMB, 9),
        {"filters": [CODECS["zlib"], CODECS["zlib"]]},
        LimitExceededError,
    ),
    "too few bytes": (bytes(399), {}, ChunkCorruptError),
    "too many bytes": (bytes(401), {}, ChunkCorruptError),
    "no bytes": (b"", {}, ChunkCorruptError),
    "strings without end": (
        b"\xff\xff\xff\xff" + bytes(400),
        {"dtype": "|O", "filters": [{"id": "vlen-utf8"}]},
        ChunkCorruptError,
    ),
    "strings without end, deflated": (
        zlib.compress(b"\xff\xff\xff\xff" + bytes(400)),
        {"dtype": "|O", "filters": [{"id": "vlen-utf8"}], "compressor": CODECS["zlib"]},
        ChunkCorruptError,
    ),
    "a codec that does not say": (bytes(40), {"compressor": {"id": "lzma"}}, UnsupportedError),
    "damage": (b"\0" * 40, {"compressor": CODECS["zlib"]}, ChunkCorruptError),
}


@pytest.mark.parametrize("what", EVIL)
def test_bytes_that_are_no_chunk_are_refused(what: str, tmp_path: Path) -> None:
    """Before zarr makes anything of them."""
    data, metadata, error = EVIL[what]
    root: Any = opened(one_chunk(tmp_path / "x", data, **metadata))
    with pytest.raises(error):
        root["x"][:]


def test_places_that_are_not_there_are_refused(tmp_path: Path) -> None:
    """Neither the end of the file, nor a file that is gone, is a fill value."""
    data = one_chunk(tmp_path / "x", HUNDRED.tobytes())
    array = data.arrays["x"]
    beyond = replace(array, offsets=array.offsets + 1)
    root: Any = opened(replace(data, arrays={"x": beyond}))
    with pytest.raises(FormatError, match="beyond the end"):
        root["x"][:]
    (tmp_path / "x").unlink()
    gone: Any = opened(data)
    with pytest.raises(NotFoundError):
        gone["x"][:]


def test_a_chunk_without_a_place_needs_a_fill_value(tmp_path: Path) -> None:
    """Zarr itself would give zeros."""
    for fill in (7, None):
        data = one_chunk(tmp_path / "x", HUNDRED.tobytes(), shape=[200], fill_value=fill)
        root: Any = opened(data)
        if fill:
            assert root["x"][100:].tolist() == [7] * 100
        else:
            with pytest.raises(UnsupportedError, match="nowhere"):
                root["x"][100:]
        np.testing.assert_array_equal(root["x"][:100], HUNDRED)


def test_groups_that_nobody_mentions_are_there(tmp_path: Path) -> None:
    """Older references leave them out; an array is no group."""
    found = one_chunk(tmp_path / "x", HUNDRED.tobytes())
    deep = replace(found, arrays={"a/b/x": found.arrays["x"]}, groups={})
    root: Any = opened(deep)
    assert sorted(root["a/b"].keys()) == ["x"]
    assert sorted(ReferenceStore(deep)._documents)[:2] == [".zattrs", ".zgroup"]
    both = replace(found, arrays={"a": found.arrays["x"], "a/x": found.arrays["x"]})
    with pytest.raises(FormatError, match="has to be a group"):
        ReferenceStore(both)


def test_keys_with_slashes(tmp_path: Path) -> None:
    """The other way to write the place of a chunk."""
    (tmp_path / "x").write_bytes(HUNDRED.tobytes())
    array = {
        "zarr_format": 2,
        "shape": [10, 10],
        "chunks": [10, 10],
        "dtype": "<i4",
        "fill_value": 0,
        "order": "C",
        "filters": None,
        "compressor": None,
        "dimension_separator": "/",
    }
    refs = {"g/x/.zarray": array, "g/x/0/0": [str(tmp_path / "x"), 0, 400]}
    root: Any = opened(read_kerchunk(json.dumps(refs), Allowed.of(tmp_path)))
    np.testing.assert_array_equal(root["g/x"][:].ravel(), HUNDRED)


def test_nothing_is_written(tmp_path: Path) -> None:
    """It is a view."""
    root: Any = opened(one_chunk(tmp_path / "x", HUNDRED.tobytes()))
    with pytest.raises(ValueError, match="read-only"):
        root["x"][:] = 1
