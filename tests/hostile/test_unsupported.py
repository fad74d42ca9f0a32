"""What cannot be read is listed, and says so when touched; it is never dropped or zeroed.

The table of everything refused is in ``test_matrix.py``; here is how a refusal behaves.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import h5py
import numcodecs
import numpy as np
import pytest

from cryodata.errors import UnsupportedError
from cryodata.granule import GranuleFile
from tests.hostile.jobs import NO_CACHE, read_rows
from tests.hostile.sandboxed import Sandbox
from tests.matrix import dtypes, refused
from tests.matrix.case import sample

VALUES = np.round(np.cumsum(np.ones(600)), 2)


@dataclass(frozen=True, slots=True)
class Foreign:
    """A filter that h5py does not have: its registered number, and how to write it."""

    number: int
    encode: Callable[[bytes], bytes]


FOREIGN = {
    "zstd": Foreign(32015, lambda raw: bytes(numcodecs.Zstd(3).encode(raw))),
    "blosc": Foreign(32001, lambda raw: bytes(numcodecs.Blosc("lz4").encode(raw))),
    "bzip2": Foreign(307, lambda raw: bytes(numcodecs.BZ2().encode(raw))),
}


def write_foreign(path: Path, filter: Foreign, *, shuffle: bool) -> None:
    """Three chunks written as they are, through a filter that only we know how to undo."""
    dcpl = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    dcpl.set_chunk((200,))
    if shuffle:
        dcpl.set_shuffle()
    dcpl.set_filter(filter.number, h5py.h5z.FLAG_OPTIONAL, ())
    with h5py.File(path, "w") as file:
        space = h5py.h5s.create_simple((600,))
        made = h5py.h5d.create(file.id, b"x", h5py.h5t.IEEE_F64LE, space, dcpl)
        for start in range(0, 600, 200):
            raw = VALUES[start : start + 200].tobytes()
            if shuffle:
                raw = np.frombuffer(raw, "u1").reshape(200, 8).T.tobytes()
            made.write_direct_chunk((start,), filter.encode(raw))


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("name", FOREIGN)
def test_rarer_filters(name: str, shuffle: bool, tmp_path: Path) -> None:
    """Filters beyond HDF5's own go through numcodecs; h5py cannot say whether they are right."""
    write_foreign(tmp_path / "x.h5", FOREIGN[name], shuffle=shuffle)
    with GranuleFile(tmp_path / "x.h5", options=NO_CACHE) as granule:
        (values,) = granule.read([("x", None)])
    assert np.array_equal(values, VALUES)


@pytest.mark.parametrize("name", FOREIGN)
def test_rarer_filters_on_damaged_chunks(name: str, tmp_path: Path, sandbox: Sandbox) -> None:
    """Rotten bytes must not get further than an error, whoever's decoder they go through."""
    path = tmp_path / "x.h5"
    write_foreign(path, FOREIGN[name], shuffle=False)
    with h5py.File(path) as file:
        chunk = file["x"].id.get_chunk_info(1)
    data = path.read_bytes()
    for at in range(0, chunk.size, max(1, chunk.size // 40)):
        damaged = bytearray(data)
        damaged[chunk.byte_offset + at] ^= 0x5A
        path.write_bytes(damaged)
        outcome = sandbox.run(read_rows, str(path), "x", None)
        assert not outcome.signal, at
        assert not outcome.hung, at
        # blosc keeps no checksum: there, some damage can only show in the values
        assert outcome.returned or outcome.error == "ChunkCorruptError", (at, outcome.what)


CASES = {case.name: case for case in (*refused.CASES, *dtypes.CASES)}
TOUCHED = {
    "refused/virtual/latest": "/virtual",
    "refused/external/earliest": "/outside",
    "refused/filter/latest": "/written",
    "dtype/references/latest": "/regions",
    "dtype/times/earliest": "/time",
    "dtype/texts-in-compound/latest": "/table",
}


@pytest.mark.parametrize("name", TOUCHED)
def test_refusal_waits_until_touched(name: str, tmp_path: Path) -> None:
    """Opening must succeed, list the variable, and keep its error for whoever reads it."""
    path = tmp_path / "x.h5"
    CASES[name].make(path)
    place = TOUCHED[name]
    with GranuleFile(path, options=NO_CACHE) as granule:
        index = granule.walk()
        assert place in index.arrays
        assert index.arrays[place].shape
        for _ in range(2):
            with pytest.raises(UnsupportedError) as caught:
                granule.read([(place, None)])
            assert caught.value.path == place
            assert caught.value.url.endswith("x.h5")
            assert caught.value.fix
            assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_one_refusal_in_a_plan_of_many(tmp_path: Path) -> None:
    """A read of several variables fails as a whole: half an answer would look like all of it."""
    path = tmp_path / "x.h5"
    CASES["refused/virtual/latest"].make(path)
    with GranuleFile(path, options=NO_CACHE) as granule:
        with pytest.raises(UnsupportedError, match="/virtual"):
            granule.read([("fine", None), ("virtual", None)])
        (fine,) = granule.read([("fine", None)])
    assert np.array_equal(fine, np.arange(10))


def test_fill_is_only_for_what_was_never_written(tmp_path: Path) -> None:
    """A chunk whose bytes are gone must not look like one that was never there (D6)."""
    path = tmp_path / "x.h5"
    with h5py.File(path, "w") as file:
        made = file.create_dataset("x", (30,), "f4", chunks=(10,), fillvalue=-1)
        made[:20] = sample("f4", (20,), "x")
        last = made.id.get_chunk_info(1)
    data = path.read_bytes()
    end = last.byte_offset + last.size
    assert end <= len(data)
    path.write_bytes(
        data.replace(last.byte_offset.to_bytes(8, "little"), (1 << 40).to_bytes(8, "little"))
    )
    with GranuleFile(path, options=NO_CACHE) as granule, pytest.raises(Exception, match="/x"):
        granule.read([("x", (slice(10, 20),))])
