"""The texts and mappings that are conditions, and those that are none."""

from __future__ import annotations

import math
import pickle
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryodata.condition import Condition
from cryodata.errors import SelectionError
from tests.conditions import (
    TREES,
    tree_text,
)


@settings(max_examples=100, deadline=None)
@given(TREES)
def test_the_normal_form_says_the_same(tree: Any) -> None:
    """Dask takes the text for the condition: two that differ must not share one."""
    condition = Condition.of(tree_text(tree))
    again = Condition.of(str(condition))
    assert again == condition
    assert hash(again) == hash(condition)
    assert again._root == condition._root
    assert str(again) == str(condition)
    assert pickle.loads(pickle.dumps(condition)) == condition
    assert Condition.of(condition) is condition


@pytest.mark.parametrize(
    "text,normal",
    [
        ("0 < h <= 3", "h > 0 and h <= 3"),
        ("not 0 < h < 3", "not (h > 0 and h < 3)"),
        ("'best' == q", 'q == "best"'),
        ("""q == 'the "best"'""", """q == 'the "best"'"""),
        ("x in {3, 1, 'b', 1}", 'x in (1, 3, "b")'),
        ("not x in (1,)", "x not in (1)"),
        ("x not in [1, -2.5]", "x not in (-2.5, 1)"),
        ("a<1 or (b<2 and (c<3 and not not d<4))", "a < 1 or b < 2 and c < 3 and d < 4"),
        ("(a<1 or b<2) and c<3", "(a < 1 or b < 2) and c < 3"),
        ("`fit/dh` < abs(`h li`)\n  and\tn == -1", "`fit/dh` < abs(`h li`) and n == -1"),
        ("(h) < (1_000)", "h < 1000"),
        ("`h` > .5e1", "h > 5.0"),
        ("`in` == True", "`in` == True"),
        ("abs < 1", "abs < 1"),
        ("`a in (b` not in (1, 2)", "`a in (b` not in (1, 2)"),
        ("höhe < 1", "`höhe` < 1"),
    ],
)
def test_text_in_many_ways(text: str, normal: str) -> None:
    """What people write in other ways means the same, and is kept as the same."""
    assert str(Condition.of(text)) == normal
    assert str(Condition.of(normal)) == normal


@pytest.mark.parametrize(
    "mapping,text",
    [
        ({"h_li_sigma": ("<", 0.5), "q": 0}, "h_li_sigma < 0.5 and q == 0"),
        ({"x": (">=", 1, "<", 5)}, "x >= 1 and x < 5"),
        ({"flag": ["medium", "high"]}, 'flag in ("high", "medium")'),
        ({"flag": {3, 2}}, "flag in (2, 3)"),
        ({"flag": ("medium", "high")}, 'flag in ("high", "medium")'),
        ({"flag": ("not in", [1, 2])}, "flag not in (1, 2)"),
        ({"flag": np.array([1, 2], "i1")}, "flag in (1, 2)"),
        ({"fit/dh": np.float32(0.5), "b": np.True_}, "`fit/dh` == 0.5 and b == True"),
        ({"q": "best"}, 'q == "best"'),
        (
            {"t": (">", np.datetime64("2023-05-01"))},
            't > "2023-05-01T00:00:00.000000000"',
        ),
        (
            {"t": ("<", datetime(2023, 5, 1, 2, tzinfo=UTC))},
            't < "2023-05-01T02:00:00.000000000"',
        ),
    ],
)
def test_a_mapping_says_the_same_as_text(mapping: dict[str, Any], text: str) -> None:
    """Programs write mappings; they must not mean something else than the text."""
    assert Condition.of(mapping) == Condition.of(text)
    assert str(Condition.of(mapping)) == text


@pytest.mark.parametrize(
    "what",
    [
        {},
        {1: 2},
        {"x": ("<",)},
        {"x": ("=<", 1)},
        {"x": ("<", 1, "and", 2)},
        {"x": ("is", 1)},
        {"x": []},
        {"x": [[1]]},
        {"x": None},
        {"x": {"y": 1}},
        {"x": math.nan},
        {"x": math.inf},
        {"x": 2**64},
        {"x": 1j},
        {"x": "a\nb"},
        {"x": "a'b\"c"},
        {"x": "\\"},
        {"": 1},
        {"a`b": 1},
        {"__class__": 1},
        {"a/__b__": 1},
        {"x" * 2000: 1},
        {"x": range(10)},
        {"x": list(range(20_000))},
        {"x": ["word" * 1000] * 10 + ["w" * 9000]},
        {"x": np.zeros((2, 2))},
        {"x": ("<", [1])},
        ["x < 1"],
        None,
        b"x < 1",
    ],
)
def test_mappings_that_are_no_condition(what: Any) -> None:
    """A misread entry would select other rows; the error must name it, and stay short."""
    with pytest.raises(SelectionError) as caught:
        Condition.of(what)
    assert caught.value.fix
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    "text,column,says",
    [
        ("", 0, "empty"),
        ("   ", 0, "empty"),
        ("x", 1, "compares this with nothing"),
        ("not x", 5, "compares this with nothing"),
        ("x < 1 or y", 10, "compares this with nothing"),
        ("x.y < 1", 2, "no attributes"),
        ("().__class__.__bases__", 3, "no attributes"),
        ("x[0] < 1", 2, "no subscripts"),
        ("`x`[0] < 1", 4, "no subscripts"),
        ("f(x) < 1", 1, "calls nothing but abs"),
        ("__import__('os')", 1, "calls nothing but abs"),
        ("eval('1') == x", 1, "calls nothing but abs"),
        ("abs(x)(y) < 1", 7, "and, or, not"),
        ("abs(3) < 1", 5, "abs of a variable"),
        ("abs(abs(x)) < 1", 5, "calls nothing but"),
        ("abs(x, y) < 1", 6, "no ')' where it is needed"),
        ("abs(x) == 'a'", 1, "with a word"),
        ("abs(x) in ('a', 1)", 12, "with a word"),
        ("x + 1 < 2", 3, "no arithmetic"),
        ("x - 1 < 2", 3, "no arithmetic"),
        ("1 - x < 2", 3, "no arithmetic"),
        ("a/b < 2", 2, "no arithmetic"),
        ("x < 10**9", 7, "no arithmetic"),
        ("-x < 2", 1, "minus before no number"),
        ("x < --2", 5, "minus before no number"),
        ("x = 1", 3, "two ="),
        ("x =< 1", 3, "two ="),
        ("x <> 1", 3, "cannot be read"),
        ("x := 1", 3, "no :"),
        ("x < 1 & y < 2", 7, "joins by words"),
        ("x < 1 || y < 2", 7, "joins by words"),
        ("!(x < 1)", 1, "no !"),
        ("x is None", 3, "no is"),
        ("x == None", 6, "no None"),
        ("x < 1 and 5", 11, "with no variable"),
        ("'a' == 'b'", 1, "with no variable"),
        ("1 < 2 < x", 1, "with no variable"),
        ("True", 1, "with no variable"),
        ("(x < 1) < 2", 2, "comparison once more"),
        ("0 < (x < 1)", 6, "comparison once more"),
        ("(x < 1) in (1, 2)", 2, "no variable"),
        ("1 in (1, 2)", 1, "no variable"),
        ("x in ()", 6, "empty list"),
        ("x in 3", 6, "no list"),
        ("x in y", 6, "no list"),
        ("x in (y,)", 7, "no number and no quoted word"),
        ("x in (1 2)", 9, "no ',' where"),
        ("x in (1, 2]", 11, "no ',' where"),
        ("x in ((1,), 2)", 7, "deeper"),
        ("x in (1,", 0, "other half"),
        ("x <", 0, "other half"),
        ("x < 1 and", 0, "other half"),
        ("(x < 1", 0, "')'"),
        ("x < 1)", 6, "and, or, not"),
        ("x < 1 y < 2", 7, "and, or, not"),
        ("x, y", 2, "and, or, not"),
        ("x not 1", 3, "and, or, not"),
        ("x < 1; y < 2", 6, "cannot be read"),
        ("x < 1 # why", 7, "no comments"),
        ("x == 'a", 6, "quote"),
        ("x == 'a\nb'", 6, "quote"),
        ("x == 'a\\'b'", 6, "quote"),
        ("x == \\n", 6, "backslash"),
        ("`a < 1", 1, "backquote"),
        ("`` < 1", 1, "no variable has"),
        ("f'{x}' == x", 2, "and, or, not"),
        ("x == b'a'", 7, "and, or, not"),
        ("x == 'a' 'b'", 10, "and, or, not"),
        ("x == '''a'''", 8, "and, or, not"),
        ("lambda: x", 7, "no :"),
        ("lambda x", 1, "no place for this word"),
        ("await x < 1", 1, "no place for this word"),
        ("x if y else z", 3, "and, or, not"),
        ("[x for x in y]", 1, "needs a variable"),
        ("*x < 1", 1, "no arithmetic"),
        ("x < 1e999", 5, "64 bits"),
        ("x < 18446744073709551616", 5, "64 bits"),
        ("x < 1__0", 5, "64 bits"),
        ("x < 0x10", 5, "cannot be read"),
        ("x < 1j", 5, "cannot be read"),
        ("x < 1or y < 2", 5, "cannot be read"),
        ("__x__ < 1", 1, "no variable has"),
        ("`a/__b__` < 1", 1, "no variable has"),
        ("x\0 < 1", 2, "cannot be read"),
        ("x < \ud800", 5, "cannot be read"),
        ("x < …", 5, "cannot be read"),
    ],
)
def test_text_that_is_no_condition(text: str, column: int, says: str) -> None:
    """What is not understood must be refused at its column, and above all never run."""
    with pytest.raises(SelectionError) as caught:
        Condition.of(text)
    said = str(caught.value)
    assert says in said
    assert caught.value.fix
    assert said.count("\n") <= 1
    assert (f"at column {column}:" if column else "at its end") in said


@given(st.text(alphabet="ab1.'\"`()[]{}<>=!,- \nénotinrdabs_:\\#", max_size=40))
def test_any_text_is_a_condition_or_an_error(text: str) -> None:
    """Another exception would show users the inside of the parser."""
    try:
        condition = Condition.of(text)
    except SelectionError:
        return
    assert Condition.of(str(condition)) == condition


def nested(depth: int, inside: str = "x < 1") -> str:
    return "(" * depth + inside + ")" * depth


@pytest.mark.parametrize(
    "text",
    [
        nested(51),
        nested(100_000),
        nested(4_000),
        "(" * 9_000,
        "not " * 51 + "x < 1",
        "not " * 2_000 + "x < 1",
        nested(50, "not 0 < x < 1"),
        "x < 1 and " * 5_000,
        "x" * 10_001,
        "x < " + "9" * 9_000,
        "0 < " + " < ".join(["x" * 3_000] * 3),
        "`" + "x" * 5_000 + "` < 1",
    ],
)
def test_bounds_hold(text: str) -> None:
    """Hostile text must cost neither stack nor memory."""
    with pytest.raises(SelectionError) as caught:
        Condition.of(text)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    "text",
    [nested(50), "not " * 49 + "x < 1", " or ".join(["x < 1"] * 1000), nested(48, "not 0<x<1")],
)
def test_what_is_within_bounds_is_read(text: str) -> None:
    """A bound that the normal form breaks would make a condition that cannot be pickled."""
    condition = Condition.of(text)
    assert Condition.of(str(condition)) == condition
    assert condition.evaluate({"x": np.zeros(3)}).shape == (3,)
