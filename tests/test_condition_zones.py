"""Zones ruled out by a condition, against the rows they are made of."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryodata.condition import Condition
from cryodata.errors import SelectionError
from cryodata.types import AnyArray
from cryodata.zones.zones import Zones
from tests.conditions import (
    DTYPES,
    NAMES,
    NUMBERS,
    OPERATORS,
    TREES,
    VALUES,
    edges_of,
    fulfils,
    rows_of,
    tables,
    tree_text,
    vague,
    zones_of,
)


@settings(max_examples=200, deadline=None)
@given(st.data(), TREES, tables())
def test_no_zone_with_a_fulfilling_row_is_ruled_out(
    data: st.DataObject, tree: Any, table: dict[str, AnyArray]
) -> None:
    """Rows of a chunk that was wrongly skipped would be missing without a word."""
    expected = np.array([fulfils(tree, row) for row in rows_of(table)], bool)
    edges = data.draw(edges_of(len(expected)))
    counted = data.draw(st.booleans())
    known = data.draw(st.lists(NAMES, min_size=1, unique=True))
    zones = {
        name: data.draw(
            vague(zones_of(table[name], edges, counted=counted and DTYPES[name] == "i1"))
        )
        for name in known
    }
    condition = Condition.of(tree_text(tree))
    possible, certain = condition.possible(zones), condition.certain(zones)
    assert possible.dtype == certain.dtype == bool
    for zone, (start, stop) in enumerate(pairwise(edges)):
        assert possible[zone] or not expected[start:stop].any()
        assert not certain[zone] or expected[start:stop].all()


SMALL = {name: VALUES[name] for name in ("h", "lat", "n", "flag", "lit")}


@settings(max_examples=200, deadline=None)
@given(st.data(), st.sampled_from(sorted(SMALL)), st.sampled_from(["<", "<=", ">", ">="]), NUMBERS)
def test_bounds_decide_an_order_exactly(
    data: st.DataObject, name: str, op: str, number: float
) -> None:
    """Zones that cannot fulfil a bound, and are read all the same, are requests for nothing."""
    values = np.array(data.draw(st.lists(SMALL[name], max_size=12)), DTYPES[name])
    edges = data.draw(edges_of(len(values)))
    tree = ("chain", (name, False), [(op, number)])
    rows = [fulfils(tree, {name: value}) for value in values.tolist()]
    zones = {name: zones_of(values, edges)}
    runs = [rows[a:b] for a, b in pairwise(edges)]
    condition = Condition.of(tree_text(tree))
    assert condition.possible(zones).tolist() == [any(run) for run in runs]
    assert condition.certain(zones).tolist() == [all(run) for run in runs]
    inverse = Condition.of(f"not {condition}")
    assert inverse.possible(zones).tolist() == [not all(run) for run in runs]
    assert inverse.certain(zones).tolist() == [not any(run) for run in runs]


@settings(max_examples=200, deadline=None)
@given(
    st.data(),
    st.one_of(
        st.tuples(
            st.just("chain"),
            st.just(("flag", False)),
            st.tuples(st.tuples(st.sampled_from(sorted(OPERATORS)), st.integers(-1, 4))),
        ),
        st.tuples(
            st.sampled_from(["in", "not in"]),
            st.tuples(st.just("flag"), st.booleans()),
            st.lists(st.integers(-1, 4), min_size=1, max_size=3),
        ),
    ),
)
def test_counts_decide_a_flag_exactly(data: st.DataObject, tree: Any) -> None:
    """A chunk with bad and good rows, none of them fair, must not be read for the fair ones."""
    values = np.array(data.draw(st.lists(VALUES["flag"], max_size=12)), "i1")
    edges = data.draw(edges_of(len(values)))
    rows = [fulfils(tree, {"flag": value}) for value in values.tolist()]
    runs = [rows[a:b] for a, b in pairwise(edges)]
    zones = {"flag": zones_of(values, edges, counted=True)}
    condition = Condition.of(tree_text(tree))
    assert condition.possible(zones).tolist() == [any(run) for run in runs]
    assert condition.certain(zones).tolist() == [all(run) for run in runs]


H = {
    "h": Zones(
        low=np.array([0.0, 5.0, np.nan, np.nan]),
        high=np.array([1.0, 9.0, np.nan, np.nan]),
        valid=np.array([10, 8, 0, -1]),
        size=np.array([10, 10, 10, 10]),
    )
}


@pytest.mark.parametrize(
    "text,expected",
    [
        ("h < 2", [1, 0, 0, 1]),
        ("h > 9", [0, 0, 0, 1]),
        ("h >= 9", [0, 1, 0, 1]),
        ("h == 3", [0, 0, 0, 1]),
        ("h != 3", [1, 1, 1, 1]),
        ("h in (-1, 20)", [0, 0, 0, 1]),
        ("not h < 2", [0, 1, 1, 1]),
        ("not (h < 2 or h != h)", [0, 1, 0, 1]),
        ("2 < h < 4", [0, 0, 0, 1]),
        ("h < 2 and h > 4", [0, 0, 0, 1]),
        ("h < 2 or other == 1", [1, 1, 1, 1]),
        ("h < 2 and other == 1", [1, 0, 0, 1]),
        ("other < h", [1, 1, 1, 1]),
        ("abs(h) < 0", [0, 0, 0, 0]),
        ("h > 8 and not h < 20", [0, 1, 0, 1]),
    ],
)
def test_zones_are_ruled_out(text: str, expected: list[int]) -> None:
    """Zones that rule nothing out would make every condition read everything."""
    assert Condition.of(text).possible(H).tolist() == [bool(value) for value in expected]


def test_a_number_is_rounded_as_the_values_are() -> None:
    """The float32 of 0.1 is above 0.1: its zone would be skipped, and numpy finds it equal."""
    values = np.array([0.1], "f4")
    zones = zones_of(values, [0, 1])
    for known in (zones, Zones(low=zones.low, high=zones.high, valid=zones.valid, size=zones.size)):
        for text in ("h <= 0.1", "h == 0.1", "h in (0.1, 7)"):
            assert Condition.of(text).evaluate({"h": values}).all()
            assert Condition.of(text).possible({"h": known}).all()
    assert not Condition.of("h < 0.1").possible({"h": zones}).any()


def test_zones_must_be_of_the_same_rows() -> None:
    """Zones of other rows would rule out rows they say nothing of."""
    one = zones_of(np.arange(4), [0, 2, 4])
    other = zones_of(np.arange(4), [0, 1, 4])
    with pytest.raises(SelectionError, match="zones"):
        Condition.of("a < 1").possible({"a": one, "b": other})
    with pytest.raises(SelectionError, match="zones"):
        Condition.of("a < 1").possible({})


def test_zones_rule_out_times() -> None:
    """Time is what most chunks are ruled out by."""
    days = np.array(["2023-01-01", "2023-02-01", "2023-03-01"], "M8[ns]").astype(np.int64)
    zones = Zones(
        low=days.astype(float),
        high=days.astype(float),
        valid=np.full(3, 5),
        size=np.full(3, 5),
        dtype=np.dtype("M8[ns]"),
    )
    condition = Condition.of("'2023-01-15' <= time < '2023-02-15'")
    assert condition.possible({"time": zones}).tolist() == [False, True, False]
    assert condition.certain({"time": zones}).tolist() == [False, True, False]


@pytest.mark.parametrize(
    "number,text",
    [
        (2**53 + 1, "x > 9007199254740992"),
        (2**53 + 3, "x < 9007199254740996"),
        (-(2**53) - 1, "x < -9007199254740992"),
        (2**63 - 1, "x < 9223372036854775808"),
    ],
)
def test_integers_that_float64_does_not_hold_are_kept(number: int, text: str) -> None:
    """Bounds are float64: what was rounded to them would lie outside, and be skipped."""
    values = np.array([number])
    assert Condition.of(text).evaluate({"x": values}).all()
    assert Condition.of(text).possible({"x": zones_of(values, [0, 1])}).all()
