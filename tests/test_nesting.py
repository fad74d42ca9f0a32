"""Photons of segments: where they begin, and where they can be."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryodata.rowwise.nesting import REACH, agree, around_chunks, fine_starts, reaches
from cryodata.types import AnyArray
from cryodata.zones.zone_map import ZoneMap
from tests.real import real_files

COUNTS = st.lists(st.integers(0, 4), min_size=1, max_size=25).map(np.array)


def stored_first(count: AnyArray, begin: int) -> AnyArray:
    """``ph_index_beg`` by its definition: from 1, 0 where there is no photon."""
    first, at = [], begin
    for n in count:
        first.append(at if n else 0)
        at += n
    return np.array(first)


@given(COUNTS, st.sampled_from([1, 77]))
def test_starts_are_those_of_a_plain_loop(count: AnyArray, begin: int) -> None:
    """Numbered from 1, or as in the whole granule: the rows are the same."""
    starts = fine_starts(count, int(count.sum()))
    assert starts is not None
    assert starts.tolist() == [int(count[:i].sum()) for i in range(len(count))]
    assert agree(starts, stored_first(count, begin), count)


@given(COUNTS.filter(lambda count: count.sum() > 2), st.integers(1, 3))
def test_counts_that_do_not_fit_tell_nothing(count: AnyArray, lost: int) -> None:
    """Photons of which a subsetter lost some would be put under the wrong segment."""
    assert fine_starts(count, int(count.sum()) - lost) is None
    first, filled = stored_first(count, 1), np.flatnonzero(count)
    starts = fine_starts(count, int(count.sum()))
    assert starts is not None
    if len(filled) > 1:
        first[filled[-1]] += lost
        assert not agree(starts, first, count)


def test_starts_of_real_segments() -> None:
    """149,697 segments of a real beam, of which 26,574 are without photons."""
    path = next(path for path in real_files().values() if "ph_index_beg_only" in path.name)
    with h5py.File(path) as file:
        found: list[AnyArray] = []
        file.visititems(lambda _, x: found.append(x[()]) if isinstance(x, h5py.Dataset) else None)
    first = found[0]
    filled = np.flatnonzero(first)
    count = np.zeros(len(first), np.int64)
    count[filled[:-1]] = np.diff(first[filled])
    count[filled[-1]] = 5
    starts = fine_starts(count, int(count.sum()))
    assert starts is not None
    assert agree(starts, first, count)
    np.testing.assert_array_equal(starts[filled], first[filled] - first[filled][0])


def test_starts_of_a_real_subset() -> None:
    """A subsetter counts anew, and its counts add up to the photons it kept."""
    path = next(path for path in real_files().values() if "gt1l_bbox_subset" in path.name)
    with h5py.File(path) as file:
        segments = file["gt1l/geolocation"]
        first, count = segments["ph_index_beg"][()], segments["segment_ph_cnt"][()]
        photons = len(file["gt1l/heights/h_ph"])
    starts = fine_starts(count, photons)
    assert starts is not None
    assert agree(starts, first, count)
    assert starts[count > 0].tolist() == (first[count > 0] - 1).tolist()


@given(
    COUNTS.filter(lambda count: count.sum() > 0),
    st.integers(1, 7),
    st.floats(-89.9, 89.9),
    st.integers(0, 2**32 - 1),
)
def test_bounds_hold_photons_within_the_reach(
    count: AnyArray, piece: int, north: float, seed: int
) -> None:
    """A photon outside the bounds of its chunk would be skipped though it is wanted."""
    rng = np.random.default_rng(seed)
    rows = int(count.sum())
    latitude = north + rng.uniform(-0.05, 0.05, len(count))
    longitude = rng.choice([-179.9999, -20.0, 179.9999]) + rng.uniform(-1e-4, 1e-4, len(count))
    longitude = (longitude + 180) % 360 - 180
    latitude[count == 0], longitude[count == 0] = 1e38, 1e38  # nobody set them
    starts = fine_starts(count, rows)
    assert starts is not None
    bounds = around_chunks(
        starts, count, piece, rows, {"latitude": latitude, "longitude": longitude}
    )
    segment = np.repeat(np.arange(len(count)), count)
    away = rng.uniform(-REACH, REACH, rows) / 2
    lat = np.clip(latitude[segment] + away, -90, 90)
    sideways = away / np.maximum(np.cos(np.radians(lat)), 1e-6)
    lon = (longitude[segment] + sideways + 180) % 360 - 180
    for chunk in range(len(bounds["latitude"])):
        own = slice(chunk * piece, (chunk + 1) * piece)
        for name, values in (("latitude", lat), ("longitude", lon)):
            assert bounds[name].low[chunk, 0] <= values[own].min()
            assert bounds[name].high[chunk, 0] >= values[own].max()


def test_bounds_are_narrow() -> None:
    """Bounds that hold everything would spare nothing."""
    count = np.full(100, 10)
    latitude = np.linspace(60, 80, 100)
    starts = np.arange(100) * 10
    bounds = around_chunks(
        starts, count, 50, 1000, {"latitude": latitude, "longitude": np.full(100, -40.0)}
    )
    assert (bounds["latitude"].high - bounds["latitude"].low < 1).all()
    assert (bounds["longitude"].high - bounds["longitude"].low < 0.5).all()


@pytest.mark.parametrize("off, trusted", [(0.4, True), (0.6, False), (3.0, False)])
def test_photons_beyond_half_the_reach_are_not_trusted(off: float, trusted: bool) -> None:
    """Where photons that were read lie far out, those that were not may lie farther."""
    bounds = around_chunks(
        np.array([0, 5]), np.array([5, 5]), 5, 10, {"latitude": np.array([60.0, 61.0])}
    )
    measured = ZoneMap(
        low=np.array([[60.0], [np.nan]]),
        high=np.array([[60.0 + off * REACH], [np.nan]]),
        valid=np.array([[5], [-1]]),
    )
    assert reaches("latitude", bounds, measured) is trusted
