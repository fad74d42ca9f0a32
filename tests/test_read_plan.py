"""The plan: every byte that is wanted, few that are not, and nothing in between."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryodata.errors import SelectionError, UnsupportedError
from cryodata.layout import ArrayLayout, Chunked, ChunkTable, Contiguous
from cryodata.options import Network
from cryodata.read_plan import ReadPlan, Want, plan_reads
from cryodata.types import ByteRange

NEAR = Network(latency=0.04, bandwidth=85e6)
FAR = Network(latency=0.18, bandwidth=12e6)
PLENTY_OF_MEMORY = 1 << 60


def chunked(
    shape: tuple[int, ...],
    chunk: tuple[int, ...],
    numbers: list[int],
    offsets: list[int],
    nbytes: list[int],
) -> ArrayLayout:
    return ArrayLayout(
        path="/x",
        dtype=np.dtype("<f4"),
        stored_dtype=np.dtype("<f4"),
        kind="float",
        shape=shape,
        maxshape=shape,
        chunk_shape=chunk,
        fill=np.float32(0),
        storage=Chunked(
            ChunkTable(
                np.array(numbers, np.int64),
                np.array(offsets, np.int64),
                np.array(nbytes, np.uint32),
                np.zeros(len(numbers), np.uint32),
            )
        ),
    )


def whole(layout: ArrayLayout) -> Want:
    return Want(layout, tuple((0, n) for n in layout.shape))


@st.composite
def wants(draw: st.DrawFn) -> tuple[Want, ...]:
    """Some arrays of chunks scattered over a file, and a box of each."""
    found = []
    for _ in range(draw(st.integers(1, 3))):
        rank = draw(st.integers(1, 3))
        shape = tuple(draw(st.integers(1, 12)) for _ in range(rank))
        chunk = tuple(draw(st.integers(1, 5)) for _ in range(rank))
        grid = [-(-n // c) for n, c in zip(shape, chunk, strict=True)]
        numbers = sorted(draw(st.sets(st.integers(0, math.prod(grid) - 1), max_size=20)))
        offsets = [draw(st.integers(0, 1 << 24)) for _ in numbers]
        nbytes = [draw(st.integers(1, 1 << 16)) for _ in numbers]
        box = []
        for n in shape:
            start = draw(st.integers(0, n))
            box.append((start, draw(st.integers(start, n))))
        found.append(Want(chunked(shape, chunk, numbers, offsets, nbytes), tuple(box)))
    return tuple(found)


def expected_chunks(want: Want) -> set[int]:
    """Numbers of the chunks that share an element with the box, element by element."""
    layout = want.layout
    assert isinstance(layout.storage, Chunked)
    assert layout.chunk_shape is not None
    written = set(layout.storage.table.numbers.tolist())
    touched = set()
    for place in np.ndindex(*want.shape):
        at = [
            (p + start) // c
            for p, (start, _), c in zip(place, want.box, layout.chunk_shape, strict=True)
        ]
        touched.add(int(np.ravel_multi_index(at, layout.grid)))
    return touched & written


@given(wants(), st.sampled_from([NEAR, FAR]))
@settings(deadline=None, max_examples=150)
def test_every_chunk_wanted_lies_in_its_range(asked: tuple[Want, ...], network: Network) -> None:
    """A chunk left out, or outside the range it is said to lie in, would be a wrong value."""
    plan = plan_reads(asked, network, memory=PLENTY_OF_MEMORY)
    for i, want in enumerate(asked):
        mine = plan.pieces.want == i
        assert set(plan.pieces.number[mine].tolist()) == expected_chunks(want)
        missing = {
            *map(int, range(math.prod(want.layout.grid))),
        } - set(want.layout.storage.table.numbers.tolist())  # type: ignore[union-attr]
        if plan.covered[i] and 0 not in want.shape:
            assert not (expected_all(want) & missing)
    for offset, nbytes, number in zip(
        plan.pieces.offset, plan.pieces.nbytes, plan.pieces.range, strict=True
    ):
        start, stop = plan.ranges[number]
        assert start <= offset
        assert offset + nbytes <= stop


def expected_all(want: Want) -> set[int]:
    """As `expected_chunks`, whether written or not."""
    assert want.layout.chunk_shape is not None
    places = [
        range(start // c, -(-stop // c))
        for (start, stop), c in zip(want.box, want.layout.chunk_shape, strict=True)
    ]
    corners = np.stack(np.meshgrid(*places, indexing="ij")).reshape(len(places), -1)
    return set(np.ravel_multi_index(tuple(corners), want.layout.grid).tolist())


@given(wants())
@settings(deadline=None, max_examples=100)
def test_equal_inputs_give_equal_plans(asked: tuple[Want, ...]) -> None:
    """A plan that depended on anything else could not be priced, cached or compared."""
    first, second = (plan_reads(asked, NEAR, memory=PLENTY_OF_MEMORY) for _ in range(2))
    assert first.ranges == second.ranges
    assert first.pieces.offset.tolist() == second.pieces.offset.tolist()


def scattered(count: int, gap: int, nbytes: int = 10_000) -> ArrayLayout:
    """Chunks of `nbytes` bytes, `gap` bytes apart."""
    offsets = [i * (nbytes + gap) for i in range(count)]
    return chunked((count * 10,), (10,), list(range(count)), offsets, [nbytes] * count)


def waste(plan: ReadPlan) -> float:
    return plan.nbytes / plan.needed


@pytest.mark.parametrize("gap", [100, 1_000, 5_000, 20_000, 100_000, 1_000_000])
@pytest.mark.parametrize("count", [5, 50, 500])
def test_scarce_bandwidth_is_not_wasted(gap: int, count: int) -> None:
    """Beyond 1.3 times the bytes used, a slow line would wait for bytes nobody asked for."""
    plan = plan_reads([whole(scattered(count, gap))], FAR, memory=PLENTY_OF_MEMORY)
    assert waste(plan) <= 1.3


def test_plenty_of_bandwidth_saves_requests() -> None:
    """Near the data a gap of 8 kB is cheaper read than asked around."""
    plan = plan_reads([whole(scattered(500, 8_000))], NEAR, memory=PLENTY_OF_MEMORY)
    assert plan.requests <= 64
    assert waste(plan) <= 2


def test_long_runs_are_shared_among_connections() -> None:
    """One long request would take as long as its connection is slow."""
    plan = plan_reads([whole(scattered(2_000, 0, 40_000))], NEAR, memory=PLENTY_OF_MEMORY)
    longest = max(stop - start for start, stop in plan.ranges)
    assert longest <= NEAR.largest + 40_000
    assert 32 <= plan.requests <= 128
    assert plan.nbytes == plan.needed


def test_bytes_at_hand_get_ranges_of_their_own() -> None:
    """A range that mixes held and missing bytes would be fetched as a whole."""
    layout = scattered(10, 0)
    held = [ByteRange(0, 25_000), ByteRange(60_000, 100_000)]
    plan = plan_reads([whole(layout)], NEAR, memory=PLENTY_OF_MEMORY, held=held)
    inside = [
        any(low <= start and stop <= high for low, high in held) for start, stop in plan.ranges
    ]
    assert plan.ranges == ((0, 20_000), (20_000, 60_000), (60_000, 100_000))
    assert inside == [True, False, True]


def test_contiguous_slices_read_little_more_than_the_slice() -> None:
    """A slice of a large contiguous array must not read the array."""
    layout = ArrayLayout(
        path="/x",
        dtype=np.dtype("<f8"),
        stored_dtype=np.dtype("<f8"),
        kind="float",
        shape=(1_000, 100_000),
        maxshape=(1_000, 100_000),
        chunk_shape=None,
        fill=np.float64(0),
        storage=Contiguous(4_096, 800_000_000),
    )
    plan = plan_reads([Want(layout, ((500, 502), (10, 20)))], NEAR, memory=PLENTY_OF_MEMORY)
    assert plan.ranges[0].start >= 4_096 + 500 * 800_000
    assert plan.nbytes <= 2 * 800_000
    assert plan.needed >= 2 * 80


def test_a_result_larger_than_memory_is_refused_before_it_is_planned() -> None:
    """A trillion elements must neither be enumerated nor allocated."""
    layout = chunked((10**12,), (1_000,), [0], [0], [100])
    with pytest.raises(SelectionError, match=r"4000\.0 GB"):
        plan_reads([whole(layout)], NEAR, memory=1 << 32)
    plan = plan_reads([Want(layout, ((5, 15),))], NEAR, memory=1 << 32)
    assert plan.ranges == ((0, 100),)


def test_what_cannot_be_read_is_named() -> None:
    """An unsupported layout must not become an empty plan, which would read as fill."""
    layout = ArrayLayout(
        path="/virtual",
        dtype=np.dtype("<f8"),
        stored_dtype=np.dtype("<f8"),
        kind="float",
        shape=(3,),
        maxshape=(3,),
        chunk_shape=None,
        storage=None,
        problem="A virtual dataset cannot be read",
    )
    with pytest.raises(UnsupportedError, match="virtual dataset") as caught:
        plan_reads([whole(layout)], NEAR, memory=PLENTY_OF_MEMORY)
    assert caught.value.path == "/virtual"
