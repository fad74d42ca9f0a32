"""Bounds of chunks: learnt from what is decoded, kept, and never narrower than the values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryodata.granule import GranuleFile
from cryodata.options import Options
from cryodata.zones.zone_map import BOUNDED, UNKNOWN, ZoneMap

CHUNK = 10


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Variables of all sorts in chunks of ten rows, 25 rows each."""
    rng = np.random.default_rng(3)
    path = tmp_path / "bounds.h5"
    heights = rng.normal(size=25).astype("f4")
    heights[:10] = 3.4028235e38
    heights[12] = np.nan
    flags = rng.integers(-2, 5, (25, 5)).astype("i1")
    with h5py.File(path, "w") as made:
        made.create_dataset("h", data=heights, chunks=(CHUNK,), compression=6)
        made["h"].attrs["_FillValue"] = np.float32(3.4028235e38)
        made.create_dataset("conf", data=flags, chunks=(CHUNK, 5))
        made.create_dataset("count", data=rng.integers(-(2**62), 2**62, 25), chunks=(CHUNK,))
        made.create_dataset("packed", data=np.arange(25), chunks=(CHUNK,))
        made["packed"].attrs["scale_factor"] = 0.1
        made.create_dataset("columns", data=flags, chunks=(CHUNK, 2))
        made.create_dataset("whole", data=flags)
        made.create_dataset("unwritten", (25,), "f4", chunks=(CHUNK,))
    return path


NAMES = ("h", "conf", "count", "packed", "columns", "whole", "unwritten")


def learn(path: Path, *reads: tuple[str, Any], cache: Path | None = None) -> GranuleFile:
    file = GranuleFile(str(path), options=Options(cache=cache))
    file.learn(f"/{name}" for name in NAMES)
    for name, rows in reads:
        file.read([(f"/{name}", (rows,))])
    file.flush()
    return file


def test_bounds_are_those_of_the_valid_values(file: Path) -> None:
    """A bound that is a fill value, or NaN, would rule out nothing, or everything."""
    granule = learn(file, ("h", slice(None)), ("conf", slice(None)), ("count", slice(None)))
    with h5py.File(file) as told:
        for name in ("h", "conf", "count"):
            zones = granule.zone_map(f"/{name}")
            assert zones is not None
            values = told[name][()].reshape(25, -1)
            for chunk in range(3):
                for column in range(values.shape[1]):
                    own = values[chunk * CHUNK : (chunk + 1) * CHUNK, column].astype("f8")
                    own = own[~np.isnan(own) & (own < 3.4e38)]
                    assert zones.valid[chunk, column] == len(own)
                    expected = (own.min(), own.max()) if len(own) else (np.nan, np.nan)
                    found = (zones.low[chunk, column], zones.high[chunk, column])
                    np.testing.assert_array_equal(found, expected)


def test_only_whole_chunks_that_were_decoded_are_known(file: Path) -> None:
    """Three rows of a chunk bring all of it; a chunk that was not read may hold anything."""
    zones = learn(file, ("count", slice(12, 15))).zone_map("/count")
    assert zones is not None
    assert zones.known.tolist() == [False, True, False]
    with h5py.File(file) as told:
        own = told["count"][10:20]
    assert (zones.low[1, 0], zones.high[1, 0]) == (float(own.min()), float(own.max()))


@pytest.mark.parametrize("name", ["packed", "columns", "whole", "unwritten"])
def test_nothing_is_learnt_where_chunks_are_no_runs_of_plain_rows(file: Path, name: str) -> None:
    """Bounds of packed numbers, or of half a row, mean something else than they seem to."""
    zones = learn(file, (name, slice(None))).zone_map(f"/{name}")
    assert zones is None or not zones.known.any()


def test_bounds_are_kept_and_grow(file: Path, tmp_path: Path) -> None:
    """What one process learnt, the next one must not read again."""
    cache = tmp_path / "cache"
    learn(file, ("count", slice(0, 5)), cache=cache)
    learn(file, ("count", slice(21, 22)), cache=cache)
    again = learn(file, cache=cache)
    again.walk(["/count"])
    zones = again.zone_map("/count")
    assert zones is not None
    assert zones.known.tolist() == [True, False, True]


def test_a_workers_copy_learns_nothing(file: Path) -> None:
    """It is small to pickle, and thrown away."""
    granule = learn(file, ("count", slice(None)))
    assert granule.select(["/count"]).zone_map("/count") is None


@given(st.data())
def test_merging_keeps_what_was_measured(data: st.DataObject) -> None:
    """Bounds that were guessed from segments give way to the photons' own, never the reverse."""
    kinds = st.lists(st.sampled_from([UNKNOWN, BOUNDED, 0, 5]), min_size=4, max_size=4)
    one, other = (_of(data.draw(kinds), low) for low in (1.0, 2.0))
    merged = one.merge(other)
    for chunk in range(4):
        first, second = int(one.valid[chunk, 0]), int(other.valid[chunk, 0])
        takes_second = first < 0 and second != UNKNOWN
        assert merged.valid[chunk, 0] == (second if takes_second else first)
        assert merged.low[chunk, 0] == (2.0 if takes_second else 1.0)


def _of(valid: list[int], low: float) -> ZoneMap:
    bounds = np.full((4, 1), low)
    return ZoneMap(low=bounds, high=bounds, valid=np.array(valid)[:, None])
