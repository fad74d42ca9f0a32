"""Where ragged rows are cut for dask."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cryodata.chunks import cut_tracks


@given(
    st.lists(st.integers(0, 50), max_size=6),
    st.integers(1, 12),
    st.integers(1, 60),
)
def test_cuts_keep_tracks_and_hdf5_chunks_whole(rows: list[int], piece: int, most: int) -> None:
    """A dask chunk through an HDF5 chunk would have it fetched and decoded twice."""
    lengths = cut_tracks(rows, piece, most)
    assert sum(lengths) == sum(rows)
    edges = set(np.cumsum([0, *lengths]).tolist())
    starts = np.cumsum([0, *rows]).tolist()
    assert set(starts) <= edges  # never across two tracks
    for edge in edges - set(starts):
        first = max(start for start in starts if start <= edge)
        assert (edge - first) % piece == 0
    assert all(0 < length <= max(most, piece) for length in lengths) or lengths == (0,)


def test_cuts_are_as_long_as_asked() -> None:
    """Rounding goes down to whole pieces, so that memory stays as promised."""
    assert cut_tracks([25], piece=10, most=29) == (20, 5)
    assert cut_tracks([25, 0, 8], piece=10, most=3) == (10, 10, 5, 8)
    assert cut_tracks([25, 8], piece=10, most=1000) == (25, 8)
    assert cut_tracks([], piece=10, most=5) == (0,)
