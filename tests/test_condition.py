"""Conditions on rows, against a small interpreter that goes row by row over Python numbers."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryodata.condition import Condition
from cryodata.errors import SelectionError, UnknownVariableError
from cryodata.types import AnyArray
from cryodata.zones.zones import Zones
from tests.conditions import (
    EPOCH,
    OPERATORS,
    TREES,
    edges_of,
    fulfils,
    rows_of,
    tables,
    tree_text,
)


@settings(max_examples=150, deadline=None)
@given(TREES, tables())
def test_evaluate_equals_going_row_by_row(tree: Any, table: dict[str, AnyArray]) -> None:
    """A row too many or too few would be a wrong result that nobody sees."""
    found = Condition.of(tree_text(tree)).evaluate(table)
    assert found.dtype == bool
    assert found.tolist() == [fulfils(tree, row) for row in rows_of(table)]


WORDS = {"q": {"best_quality": 0, "potential_problem": 1}, "conf": {"low": 2, "high": 4}}


def test_names_are_in_order() -> None:
    """The names say what is read for the condition."""
    condition = Condition.of("b < 1 and (abs(`a/c`) > d or b in (1, 2)) and not e == 'w'")
    assert condition.names == ("b", "a/c", "d", "e")


def test_words_become_values() -> None:
    """A word that stands for another value would keep the bad rows and drop the good."""
    condition = Condition.of(
        "q == 'best_quality' and conf in ('low', 'high', 3) and 'low' <= conf and t > '2023'"
    )
    found = condition.with_words(WORDS, times=["t"])
    assert str(found) == 'q == 0 and conf in (2, 3, 4) and conf >= 2 and t > "2023"'
    mapping = Condition.of({"conf": ["low"], "q": ("!=", "best_quality")}).with_words(WORDS)
    assert str(mapping) == "conf in (2) and q != 0"
    assert found.with_words({}, times=["t"]) == found


@pytest.mark.parametrize(
    "text,error,says",
    [
        ("q == 'best_qualty'", SelectionError, "Did you mean best_quality?"),
        ("q in ('best_quality', 'worst')", SelectionError, "best_quality = 0"),
        ("h == 'high'", SelectionError, "h has no words"),
        ("t > 'yesterday'", SelectionError, "no time"),
        ("q == best_quality", SelectionError, "q == 'best_quality'"),
        ("best_quality == q", SelectionError, "q == 'best_quality'"),
        ("h_lo < 1", UnknownVariableError, "Did you mean h_li"),
        ("h_li < dem", UnknownVariableError, "dem"),
    ],
)
def test_words_and_names_that_are_none(text: str, error: type[Exception], says: str) -> None:
    """A misspelt word has to be told from the words there are."""
    with pytest.raises(error, match=says.replace("?", "[?]")):
        Condition.of(text).with_words(WORDS, times={"t"}, variables=["q", "conf", "h", "t", "h_li"])


def test_names_can_be_changed() -> None:
    """Columns get other names than their files have; the condition must follow."""
    condition = Condition.of("a < b and abs(a) in (1, 2) and c == 'a'")
    assert str(condition.rename({"a": "x/y", "b": "a"})) == (
        '`x/y` < a and abs(`x/y`) in (1, 2) and c == "a"'
    )
    with pytest.raises(SelectionError, match="names no variable"):
        condition.rename({"a": "__x"})


def test_evaluate_refuses_what_makes_no_sense() -> None:
    """Numpy answers False, or guesses, where types do not go together."""
    times = np.array(["2023-01-01"], "M8[ns]")
    numbers = np.zeros(1)
    for text, values, says in [
        ("x < 1", {"y": numbers}, "needs x"),
        ("x < 1 and y < 1", {"x": numbers, "y": np.zeros(2)}, "same rows"),
        ("x == 'word'", {"x": numbers}, "stands for none"),
        ("x in ('word', 1)", {"x": numbers}, "stands for none"),
        ("t < 1", {"t": times}, "Write the time"),
        ("t == 'monday'", {"t": times}, "is no time"),
        ("t < x", {"t": times, "x": numbers}, "times with times"),
        ("t < '2023' and abs(t) < t", {"t": times}, "abs of a time"),
        ("abs(t) < u", {"t": times, "u": times}, "abs of a time"),
        ("x == 1", {"x": np.array(["a"])}, "values of type"),
        ("x == 1", {"x": np.array([None])}, "values of type"),
        ("x == 1", {"x": np.array([1], "m8[s]")}, "values of type"),
        ("x > '2023'", {"x": np.array([1], "M8[ps]")}, "values of type"),
    ]:
        with pytest.raises((SelectionError, UnknownVariableError), match=says):
            Condition.of(text).evaluate(values)


@settings(max_examples=150, deadline=None)
@given(
    st.data(),
    st.sampled_from(sorted(OPERATORS)),
    st.sampled_from(["ns", "us", "s", "h", "D"]),
    st.datetimes(EPOCH.replace(year=1900), EPOCH.replace(year=2200)),
    st.lists(st.none() | st.integers(-2, 2), max_size=8),
)
def test_times_are_compared_exactly(
    data: st.DataObject, op: str, unit: str, moment: datetime, steps: list[int | None]
) -> None:
    """An instant before the end of a second must not pass for that second."""
    text = moment.isoformat()
    if moment.microsecond == 0:
        text = moment.strftime("%Y-%m-%d %H:%M:%SZ")
    lengths = {"ns": 1, "us": 10**3, "s": 10**9, "h": 3600 * 10**9, "D": 86400 * 10**9}
    micro = (moment - EPOCH) // timedelta(microseconds=1)
    exact = micro * 1000
    counts = [None if step is None else exact // lengths[unit] + step for step in steps]
    values = np.array(["NaT" if count is None else count for count in counts], f"M8[{unit}]")
    expected = [
        op == "!=" if count is None else OPERATORS[op](count * lengths[unit], exact)
        for count in counts
    ]
    condition = Condition.of(f"t {op} '{text}'")
    assert condition.evaluate({"t": values}).tolist() == expected
    edges = data.draw(edges_of(len(values)))
    runs = [values[a:b] for a, b in pairwise(edges)]
    whole = [run[~np.isnat(run)].astype(np.int64) for run in runs]
    zones = Zones(
        low=np.array([float(v.min()) if len(v) else math.nan for v in whole]),
        high=np.array([float(v.max()) if len(v) else math.nan for v in whole]),
        valid=np.array([len(v) for v in whole], np.int64),
        size=np.array([len(run) for run in runs], np.int64),
        dtype=values.dtype if data.draw(st.booleans()) else None,
    )
    possible = condition.possible({"t": zones})
    for zone, (start, stop) in enumerate(pairwise(edges)):
        assert possible[zone] or not any(expected[start:stop])


def test_other_byte_orders_and_shapes_work() -> None:
    """HDF5 keeps both byte orders, and some variables have columns."""
    values = np.array([[-128, 5], [7, -3]], ">i2")
    found = Condition.of("abs(x) > 4 and x != y").evaluate({"x": values, "y": values * 0 + 7})
    assert found.tolist() == [[True, True], [False, False]]


def test_abs_of_the_smallest_integer_is_positive() -> None:
    """In its own type it is negative again: -128 would pass for a small size."""
    for dtype in ("i1", "i2", "i4", "i8"):
        values = np.array([np.iinfo(dtype).min, 1, -2], dtype)
        assert Condition.of("abs(x) > 2").evaluate({"x": values}).tolist() == [True, False, False]
