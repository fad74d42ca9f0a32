"""Bytes of a file received so far: what was added and not dropped, and nothing else."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cryodata.hdf5.rounds import Held

SIZE = 60
FILE = bytes(range(SIZE))
RANGES = st.tuples(st.integers(0, SIZE), st.integers(0, SIZE)).map(sorted)


@given(st.lists(st.tuples(st.booleans(), RANGES), max_size=12), RANGES)
def test_held_is_what_was_added_and_not_dropped(
    steps: list[tuple[bool, list[int]]], asked: list[int]
) -> None:
    """A byte held that was never fetched would be read as structure."""
    held = Held(SIZE)
    blocks: list[set[int]] = []  # each what one step brought that was not there
    for add, (start, stop) in steps:
        wanted = set(range(start, stop))
        if add:
            held.add(start, memoryview(FILE)[start:stop])
            fresh = wanted.difference(*blocks)
            runs = [i for i in sorted(fresh) if i - 1 not in fresh]
            for first in runs:
                last = next(i for i in range(first, SIZE + 1) if i not in fresh)
                blocks.append(set(range(first, last)))
        else:
            held.drop(start, stop)
            blocks = [block for block in blocks if not block <= wanted]
    there: set[int] = set().union(*blocks)
    assert held.nbytes == len(there)
    assert {i for start, stop in held.ranges() for i in range(start, stop)} == there
    start, stop = asked
    found = held.find(start, stop)
    if start < stop:
        assert (found is not None) == (set(range(start, stop)) <= there)
    assert found is None or bytes(found) == FILE[start:stop]
