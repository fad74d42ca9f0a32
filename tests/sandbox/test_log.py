"""Depth counts round trips that waited for one another, by hand-made logs."""

from __future__ import annotations

import pickle

import pytest

from cryodata.sandbox import Entry
from cryodata.sandbox.log import Recorder, depth, summarise


def at(start: float, end: float, nbytes: int = 1) -> Entry:
    return Entry(
        time=start,
        method="GET",
        path="/a",
        duration=end - start,
        ttfb=(end - start) / 2,
        nbytes=nbytes,
        done=True,
    )


@pytest.mark.parametrize(
    "spans, expected",
    [
        ([], 0),
        ([(0, 1)], 1),
        ([(0, 1), (1, 2), (2, 3)], 3),
        ([(0, 1), (0, 1), (0, 1)], 1),
        ([(0, 1), (0.5, 1.5), (1, 2)], 2),
        ([(0, 10), (0, 1), (1, 2), (2, 3)], 3),
        ([(0, 1), (0.9996, 2)], 2),
        ([(0, 1), (0.9994, 2)], 1),
        ([(2, 3), (1, 2), (0, 1)], 3),
    ],
    ids=[
        "none",
        "one",
        "chain",
        "parallel",
        "overlap in between",
        "one slow beside a chain",
        "within the clock's error",
        "outside the clock's error",
        "any order",
    ],
)
def test_depth(spans: list[tuple[float, float]], expected: int) -> None:
    """Budgets of round trips would count something else."""
    assert depth([at(*span) for span in spans]) == expected


def test_summary() -> None:
    """The figures printed beside every measurement would be wrong."""
    summary = summarise([at(1, 2, nbytes=5), at(1.5, 3, nbytes=7)])
    assert (summary.requests, summary.nbytes, summary.depth, summary.seconds) == (2, 12, 1, 2)
    assert str(summary) == "2 requests, 12 bytes, depth 1, 2.000 s"


def test_entries_cross_processes() -> None:
    """The log of a wire in another process could not be fetched."""
    assert pickle.loads(pickle.dumps(at(0, 1))) == at(0, 1)


def test_cleared_while_under_way() -> None:
    """A request from before the measurement would appear in its log."""
    recorder = Recorder()
    number = recorder.begin(at(0, 1))
    recorder.clear()
    recorder.update(number, nbytes=3)
    assert recorder.entries() == []
