"""Reading ahead: what a walk waits for is always fetched, and not much else."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from cryodata.hdf5.readahead import HEAD, SMALL, TAIL, both_ends, widen
from cryodata.hdf5.rounds import Held
from cryodata.types import ByteRange

MiB = 1 << 20


@st.composite
def waiting(draw: st.DrawFn) -> tuple[Held, list[ByteRange]]:
    """A file, the blocks held of it, and the ranges waited for."""
    size = draw(st.integers(1, 200 * MiB))
    held = Held(size)
    for _ in range(draw(st.integers(0, 5))):
        start = draw(st.integers(0, size - 1))
        stop = draw(st.integers(start, min(size, start + 2 * MiB)))
        held.add(start, memoryview(bytes(stop - start)))
    needs = []
    for _ in range(draw(st.integers(1, 20))):
        start = draw(st.integers(0, size - 1))
        needs.append(ByteRange(start, min(size, start + draw(st.integers(1, 100_000)))))
    return held, sorted(needs)


@given(waiting(), st.booleans())
@settings(deadline=None, max_examples=200)
def test_needs_are_held_after_the_round(case: tuple[Held, list[ByteRange]], paged: bool) -> None:
    """A need left out would be waited for again, and for ever; an overlap fetched twice."""
    held, needs = case
    ranges = widen(needs, held, paged=paged)
    at = 0
    for start, stop in ranges:
        assert at <= start < stop <= held.size
        assert held.missing(start, stop) == [(start, stop)]
        at = stop
        held.add(start, memoryview(bytes(stop - start)))
    for start, stop in needs:
        assert held.missing(start, stop) == []


def test_a_small_file_is_read_whole() -> None:
    """Walking a small file block by block would cost rounds for bytes that cost nothing."""
    held = Held(SMALL)
    held.add(0, memoryview(bytes(HEAD)))
    ranges = widen([ByteRange(2 * MiB, 2 * MiB + 8)], held, paged=False)
    assert sum(stop - start for start, stop in ranges) == SMALL - HEAD
    assert max(stop - start for start, stop in ranges) <= MiB


def test_a_round_of_a_large_file_stays_small() -> None:
    """Windows around scattered headers must not add up to the file."""
    held = Held(7_000 * MiB)
    needs = [ByteRange(i * 5 * MiB, i * 5 * MiB + 100) for i in range(1_000)]
    ranges = widen(needs, held, paged=False)
    assert sum(stop - start for start, stop in ranges) <= 5 * MiB


@given(st.integers(1, 10 * MiB))
def test_both_ends_do_not_overlap(size: int) -> None:
    """Bytes fetched twice, or an empty range, which servers refuse."""
    ranges = both_ends(size)
    assert ranges[0].start == 0
    assert ranges[-1].stop == size
    assert all(start < stop for start, stop in ranges)
    assert sum(stop - start for start, stop in ranges) == min(size, HEAD + TAIL)
