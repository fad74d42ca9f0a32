"""Random conditions and tables, and an interpreter of their own that goes row by row."""

from __future__ import annotations

import math
import operator
import struct
from collections.abc import Mapping
from datetime import datetime
from itertools import pairwise
from typing import Any

import numpy as np
from hypothesis import strategies as st

from cryodata.types import AnyArray
from cryodata.zones.zones import Zones

EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001  # UTC, as numpy has it
OPERATORS = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
DTYPES = {"h": "f4", "lat": "f8", "n": "i1", "id": "i8", "big": "u8", "flag": "i1", "lit": "?"}
EDGES = [0, 1, -1, 127, -128, 2**24 + 1, 2**53, 2**53 + 1, -(2**53) - 1, 2**63 - 1, -(2**63)]
FLOATS = [0.1, -0.1, 0.5, 1.0, 2.0, 16777217.0, 1e300, -1e300, 2.0**53, 9.3e18, 5e-324, -0.0]
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "h": st.sampled_from([math.nan, math.inf, -math.inf, 0.1, 1.0, 2**24, 0.0, -0.1])
    | st.floats(width=32),
    "lat": st.sampled_from([math.nan, math.inf, *FLOATS]) | st.floats(),
    "n": st.integers(-128, 127),
    "id": st.sampled_from(EDGES) | st.integers(-3, 3),
    "big": st.sampled_from([0, 1, 2, 2**53 + 1, 2**64 - 1]),
    "flag": st.integers(0, 3),
    "lit": st.booleans(),
}
NUMBERS = st.one_of(
    st.integers(-3, 3),
    st.sampled_from(EDGES),
    st.sampled_from(FLOATS),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
)
NAMES = st.sampled_from(sorted(DTYPES))
VARIABLES = st.tuples(NAMES, st.booleans())

# A tree: ("and"|"or", [tree, ...]), ("not", tree), ("in"|"not in", variable, [number, ...]),
# or ("chain", first, [(operator, other), ...]); a side is a number or (name, absolute).
LEAVES = st.one_of(
    st.tuples(
        st.just("chain"),
        VARIABLES,
        st.lists(st.tuples(st.sampled_from(sorted(OPERATORS)), NUMBERS | VARIABLES), max_size=1),
    ).filter(lambda leaf: len(leaf[2]) > 0),
    st.tuples(
        st.just("chain"),
        NUMBERS,
        st.tuples(
            st.tuples(st.sampled_from(sorted(OPERATORS)), VARIABLES),
            st.tuples(st.sampled_from(sorted(OPERATORS)), NUMBERS | VARIABLES),
        ),
    ),
    st.tuples(
        st.sampled_from(["in", "not in"]), VARIABLES, st.lists(NUMBERS, min_size=1, max_size=3)
    ),
)
TREES: st.SearchStrategy[Any] = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.tuples(st.sampled_from(["and", "or"]), st.lists(inner, min_size=2, max_size=3)),
        st.tuples(st.just("not"), inner),
    ),
    max_leaves=5,
)


@st.composite
def tables(draw: st.DrawFn) -> dict[str, AnyArray]:
    size = draw(st.integers(0, 12))
    return {
        name: np.array(draw(st.lists(VALUES[name], min_size=size, max_size=size)), dtype)
        for name, dtype in DTYPES.items()
    }


def side_text(side: Any) -> str:
    if isinstance(side, tuple):
        return f"abs({side[0]})" if side[1] else str(side[0])
    return repr(side)


def tree_text(tree: Any) -> str:
    """The tree as a user would write it, with more parentheses."""
    kind = tree[0]
    if kind in {"and", "or"}:
        return f" {kind} ".join(f"({tree_text(part)})" for part in tree[1])
    if kind == "not":
        return f"not ({tree_text(tree[1])})"
    if kind == "chain":
        return side_text(tree[1]) + "".join(f"{op} {side_text(side)}" for op, side in tree[2])
    return f"{side_text(tree[1])} {kind} [{', '.join(map(repr, tree[2]))}]"


def as_single(value: float) -> float:
    """The float32 nearest to a number; infinite beyond the largest."""
    try:
        (rounded,) = struct.unpack("f", struct.pack("f", float(value)))
    except OverflowError:
        return math.copysign(math.inf, value)
    return float(rounded)


def compare(op: str, left: Any, right: Any, row: Mapping[str, Any]) -> bool:
    """One comparison of one row, in the types that numpy compares in."""
    sides = [left, right]
    values = [row[s[0]] if isinstance(s, tuple) else s for s in sides]
    values = [int(v) if isinstance(v, bool) else v for v in values]
    values = [
        abs(v) if isinstance(s, tuple) and s[1] else v for s, v in zip(sides, values, strict=True)
    ]
    kinds = [DTYPES[s[0]] if isinstance(s, tuple) else "" for s in sides]
    if "" in kinds:  # a Python number is taken in the type of the floats beside it
        if "f4" in kinds:
            values = [v if kind else as_single(v) for v, kind in zip(values, kinds, strict=True)]
        elif "f8" in kinds or any(isinstance(v, float) for v in values):
            values = [float(v) for v in values]
    elif {"f4", "f8"} & set(kinds):
        values = [float(v) for v in values]
    return bool(OPERATORS[op](*values))


def fulfils(tree: Any, row: Mapping[str, Any]) -> bool:
    """Whether one row fulfils a tree, by the meaning of its words."""
    kind = tree[0]
    if kind in {"and", "or"}:
        return (all if kind == "and" else any)(fulfils(part, row) for part in tree[1])
    if kind == "not":
        return not fulfils(tree[1], row)
    if kind == "chain":
        left, found = tree[1], True
        for op, right in tree[2]:
            found = found and compare(op, left, right, row)
            left = right
        return found
    found = any(compare("==", tree[1], value, row) for value in tree[2])
    return found if kind == "in" else not found


def rows_of(table: Mapping[str, AnyArray]) -> list[dict[str, Any]]:
    columns = {name: values.tolist() for name, values in table.items()}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def zones_of(values: AnyArray, edges: list[int], *, counted: bool = False) -> Zones:
    """Exact statistics of runs of rows, by numpy."""
    runs = [values[a:b] for a, b in pairwise(edges)]
    valid = [run[run == run] for run in runs]  # noqa: PLR0124  # NaN is not itself
    flags = sorted(set(values.tolist())) if counted else []
    return Zones(
        low=np.array([float(v.min()) if len(v) else math.nan for v in valid]),
        high=np.array([float(v.max()) if len(v) else math.nan for v in valid]),
        valid=np.array([len(v) for v in valid], np.int64),
        size=np.array([len(run) for run in runs], np.int64),
        dtype=values.dtype,
        counts={
            int(flag): np.array([np.count_nonzero(run == flag) for run in runs], np.int64)
            for flag in flags
        }
        if counted
        else None,
    )


@st.composite
def edges_of(draw: st.DrawFn, size: int) -> list[int]:
    return [0, *sorted(draw(st.lists(st.integers(0, size), max_size=4))), size]


@st.composite
def vague(draw: st.DrawFn, zones: Zones) -> Zones:
    """The same zones with less known of them."""
    n = len(zones)
    masks = st.lists(st.booleans(), min_size=n, max_size=n).map(np.array)
    keep_bounds = draw(st.booleans())

    def blurred(values: AnyArray, nothing: Any) -> AnyArray:
        if keep_bounds or not n:
            return values
        return np.where(draw(masks), values, nothing)

    return Zones(
        low=blurred(zones.low, math.nan),
        high=blurred(zones.high, math.nan),
        valid=blurred(zones.valid, -1),
        size=zones.size,
        dtype=zones.dtype if draw(st.booleans()) else None,
        counts=zones.counts,
    )
