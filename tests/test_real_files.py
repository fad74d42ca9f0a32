"""Every dataset and attribute of every real file, read by cryodata and by h5py."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import h5py
import numpy as np
import pytest

from cryodata.granule import GranuleFile
from cryodata.sandbox import Sky, cloud
from tests.real import DATA, real_files
from tests.snapshot import DatasetSeen, Snapshot, differences, seen_by_cryodata, seen_by_h5py

FILES = real_files()
ATL03_SUBSET = "ATL03_20181014002445_02350104_006_02.gt1l_bbox_subset.h5"


@lru_cache(maxsize=1)
def as_h5py_sees(path: Path) -> Snapshot:
    with h5py.File(path) as file:
        return seen_by_h5py(file)


@pytest.mark.parametrize("name", FILES)
def test_equal_to_h5py(name: str) -> None:
    """What a scientist gets from a granule must be what is in it, to the last bit."""
    with GranuleFile(FILES[name]) as granule:
        ours = seen_by_cryodata(granule)
    assert not differences(ours, as_h5py_sees(FILES[name]))


@pytest.fixture(scope="module")
def sky() -> Iterator[Sky]:
    """A cloud without latency that holds all files, in public and behind keys."""
    with cloud("none") as running:
        for name, path in FILES.items():
            running.put(path, name)
            running.put(path, name, private=True)
        yield running


@dataclass(frozen=True, slots=True)
class Way:
    """How the bytes come: URL, and who fetches them."""

    name: str
    engine: str = "obstore"
    private: bool = False
    plain: bool = False


WAYS = (
    Way("https", plain=True),
    Way("s3", private=True),
    Way("s3-fsspec", engine="fsspec"),
)
PAIRS = [  # fsspec costs most and shares all but the store: the project's own files suffice
    pytest.param(name, way, id=f"{name}-{way.name}")
    for name, path in FILES.items()
    for way in WAYS
    if way.engine == "obstore" or path.parent == DATA
]


@pytest.mark.parametrize("name, way", PAIRS)
def test_equal_over_the_network(name: str, way: Way, sky: Sky) -> None:
    """What is right from a disk must be as right in the pieces that come over a network."""
    bucket = "private" if way.private else "public"
    url = sky.https(name) if way.plain else f"s3://{bucket}/{name}"
    options = sky.private_options() if way.private else sky.storage_options
    with GranuleFile(
        url, storage_options=None if way.plain else options, engine=way.engine
    ) as granule:
        ours = seen_by_cryodata(granule)
    assert not differences(ours, as_h5py_sees(FILES[name]))


@pytest.mark.parametrize("name", FILES)
def test_each_variable_alone(name: str) -> None:
    """A walk to a few variables must find what the walk of the whole file finds."""
    theirs = as_h5py_sees(FILES[name])
    datasets = [path for path, seen in theirs.items() if isinstance(seen, DatasetSeen)]
    chosen = sorted(datasets)[:: max(1, len(datasets) // 5)]
    for path in chosen:
        with GranuleFile(FILES[name]) as granule, h5py.File(FILES[name]) as file:
            (values,) = granule.read([(path, None)])
            expected = file[path][()]
            if isinstance(expected, np.ndarray) and expected.dtype != object:
                assert values.tobytes() == expected.tobytes(), path
            else:
                assert values.tolist() == np.asarray(expected).tolist(), path


def test_files_are_the_ones_credited() -> None:
    """A file that was changed, or came without its credit line, must not stay in the project."""
    credits = (DATA / "CREDITS.md").read_text("utf-8")
    rows = dict(re.findall(r"^\| `([^`]+)` .*\| ([0-9a-f]{64}) \|$", credits, re.MULTILINE))
    held = {path.name: path for path in DATA.iterdir() if path.suffix in {".h5", ".nc", ".nc4"}}
    assert rows.keys() == held.keys()
    for name, path in held.items():
        assert hashlib.sha256(path.read_bytes()).hexdigest() == rows[name]


def test_shared_files_are_read_too(shared_data: Path) -> None:
    """Where the larger files are at hand, none of them may be left out."""
    there = {path.name for path in shared_data.rglob("*") if path.suffix in {".h5", ".nc", ".nc4"}}
    assert there <= FILES.keys()
    assert len(there) >= 18


def test_lost_scales_leave_no_names() -> None:
    """The subset's scales in the root were cut away: axes without names, values whole."""
    with GranuleFile(DATA / ATL03_SUBSET) as granule:
        index = granule.walk()
    heights = index.array("/gt1l/heights/signal_conf_ph")
    assert heights.shape == (2909, 5)
    assert heights.dims[1:] in {(), ((),)}
    assert all(
        scale in index.arrays for a in index.arrays.values() for axis in a.dims for scale in axis
    )
