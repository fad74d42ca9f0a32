"""Every dataset and attribute of every real file, read by cryodata and by h5py."""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache
from pathlib import Path

import h5py
import numpy as np
import pytest

from cryodata.granule import GranuleFile
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
