"""A condition on zones: which may hold a row that fulfils it, and which one that does not.

Each comparison gets two answers per zone, from the bounds of the values: may a row fulfil
it, may a row fail it. Where both are yes, nothing is known. *Not* exchanges the two; *and*,
*or* join them as if rows could be combined at will, which never rules out too much.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping
from functools import reduce
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cryodata.condition.rows import check_kinds, instant
from cryodata.condition.terms import AllOf, AnyOf, Compare, Literal, Node, Not, OneOf, Variable
from cryodata.errors import SelectionError
from cryodata.zones.zones import Zones

__all__ = ["Judgement", "judged"]

Answer = NDArray[np.bool_]
Floats = NDArray[np.float64]

_EXACT = 2.0**53
"""Below it, float64 holds every integer."""


class Judgement(NamedTuple):
    """What the rows of each zone may do; two arrays of bool, one entry per zone.

    Attributes
    ----------
    may : (n,) bool
        A row may fulfil the condition; False is sure.
    may_not : (n,) bool
        A row may fail it; False is sure.
    """

    may: Answer
    may_not: Answer


class _Span(NamedTuple):
    """Inclusive bounds of values: arrays, or numbers for a literal."""

    low: Any
    high: Any


def judged(node: Node, zones: Mapping[str, Zones]) -> Judgement:
    """Judge a condition on zones; see `Condition.possible`."""
    sizes = [zone.size for zone in zones.values()]
    if not sizes or any(not np.array_equal(sizes[0], size) for size in sizes):
        raise SelectionError(
            f"a condition cannot be judged on zones of {len(sizes)} kinds",
            fix="Give it zones of the same rows for all names, and of one name at least.",
        )
    found = _judge(node, zones, len(sizes[0]))
    rows = sizes[0] > 0
    return Judgement(found.may & rows, found.may_not & rows)


def _judge(node: Node, zones: Mapping[str, Zones], n: int) -> Judgement:
    if isinstance(node, Not):
        inner = _judge(node.part, zones, n)
        return Judgement(inner.may_not, inner.may)
    if isinstance(node, AllOf | AnyOf):
        parts = [_judge(part, zones, n) for part in node.parts]
        may, may_not = [part.may for part in parts], [part.may_not for part in parts]
        if isinstance(node, AllOf):
            return Judgement(reduce(operator.and_, may), reduce(operator.or_, may_not))
        return Judgement(reduce(operator.or_, may), reduce(operator.and_, may_not))
    left = zones.get(node.left.name)
    if isinstance(node, Compare) and isinstance(node.right, Variable):
        right = zones.get(node.right.name)
        if left is None or right is None:
            return Judgement(np.ones(n, bool), np.ones(n, bool))
        return _of_two(node, left, right)
    return Judgement(np.ones(n, bool), np.ones(n, bool)) if left is None else _of_one(node, left)


def _of_two(node: Compare, left: Zones, right: Zones) -> Judgement:
    assert isinstance(node.right, Variable)
    if left.dtype is not None and right.dtype is not None:
        check_kinds(node, left.dtype, right.dtype)
    found = _compared(node.op, _bounds(left, node.left), _bounds(right, node.right))
    valid = (left.valid != 0) & (right.valid != 0)
    missing = _has_missing(left) | _has_missing(right)
    return _with_missing(found, valid, missing, differs=node.op == "!=")


def _of_one(node: Compare | OneOf, zones: Zones) -> Judgement:
    """Judge a comparison with literals: by counts where they are complete, else by bounds."""
    op = node.op if isinstance(node, Compare) else "=="
    literals = node.values if isinstance(node, OneOf) else (node.right,)
    spans = []
    for literal in literals:
        assert not isinstance(literal, Variable)
        if zones.dtype is not None:
            check_kinds(node, zones.dtype, literal)
        spans.append(_span(literal, zones.dtype))

    def any_of(values: _Span) -> Judgement:
        """Values equal one of the literals if they equal the first, or the second, ..."""
        each = [_compared(op, values, span) for span in spans]
        return Judgement(
            reduce(operator.or_, [part.may for part in each]),
            reduce(operator.and_, [part.may_not for part in each]),
        )

    found = any_of(_bounds(zones, node.left))
    if zones.counts:
        counts = np.stack([np.asarray(count) for count in zones.counts.values()])
        size = [float(abs(v) if node.left.absolute else v) for v in zones.counts]
        values = np.array(size)[:, None]
        by_value = any_of(_outward(_Span(values, values), zones.dtype))
        complete = (zones.valid >= 0) & (counts.sum(axis=0) == zones.valid)
        there = counts > 0
        found = Judgement(
            np.where(complete, (there & by_value.may).any(axis=0), found.may),
            np.where(complete, (there & by_value.may_not).any(axis=0), found.may_not),
        )
    return _with_missing(found, zones.valid != 0, _has_missing(zones), differs=op == "!=")


def _compared(op: str, left: _Span, right: _Span) -> Judgement:
    """What valid values within two spans may do."""
    if op in {"!=", ">=", ">"}:
        inner = _compared({"!=": "==", ">=": "<", ">": "<="}[op], left, right)
        return Judgement(inner.may_not, inner.may)
    if op == "<":
        return Judgement(left.low < right.high, left.high >= right.low)
    if op == "<=":
        return Judgement(left.low <= right.high, left.high > right.low)
    same = (left.low == left.high) & (right.low == right.high) & (left.low == right.low)
    return Judgement((left.low <= right.high) & (left.high >= right.low), ~same)


def _with_missing(found: Judgement, valid: Answer, missing: Answer, *, differs: bool) -> Judgement:
    """The judgement of valid values with that of NaN, which differs from everything."""
    may, may_not = found.may & valid, found.may_not & valid
    return Judgement(may | missing, may_not) if differs else Judgement(may, may_not | missing)


def _has_missing(zones: Zones) -> Answer:
    return np.asarray((zones.valid < 0) | (zones.valid < zones.size))


def _bounds(zones: Zones, variable: Variable) -> _Span:
    """Bounds of the valid values, or of their absolute values; infinite where not known."""
    low = np.where(np.isnan(zones.low), -np.inf, zones.low)
    high = np.where(np.isnan(zones.high), np.inf, zones.high)
    low, high = _outward(_Span(low, high), zones.dtype)
    if variable.absolute:
        return _Span(np.maximum(np.maximum(low, -high), 0.0), np.maximum(-low, high))
    return _Span(low, high)


def _outward(span: _Span, dtype: np.dtype[Any] | None) -> _Span:
    """Bounds that hold the integers which were rounded to them."""
    if dtype is not None and (dtype.kind == "f" or (dtype.itemsize < 8 and dtype.kind != "M")):
        return span
    low, high = span
    return _Span(
        np.where(np.abs(low) >= _EXACT, np.nextafter(low, -np.inf), low),
        np.where(np.abs(high) >= _EXACT, np.nextafter(high, np.inf), high),
    )


def _span(literal: Literal, dtype: np.dtype[Any] | None) -> _Span:
    """What a literal may be where numpy compares values of a type with it.

    numpy rounds a Python number to the type of the floats it stands beside: a float32 of
    0.1 equals 0.1, and as float64 it is 0.10000000149.
    """
    if isinstance(literal, str):
        return _of_time(instant(literal), dtype)
    if isinstance(literal, int):
        near = float(literal)
        low = near if near <= literal else float(np.nextafter(near, -np.inf))
        high = near if near >= literal else float(np.nextafter(near, np.inf))
    else:
        low = high = literal
    if dtype is not None and (dtype.kind != "f" or dtype.itemsize >= 8):
        return _Span(low, high)
    types = (np.float16, np.float32) if dtype is None else (dtype.type,)
    with np.errstate(over="ignore"):
        rounded = [float(type_(value)) for type_ in types for value in (low, high)]
    both = [*rounded, low, high] if dtype is None else rounded
    return _Span(min(both), max(both))


def _of_time(moment: np.datetime64, dtype: np.dtype[Any] | None) -> _Span:
    if dtype is None:  # the unit is not known
        return _Span(-np.inf, np.inf)
    floor = moment.astype(dtype)
    count = int(floor.astype(np.int64))
    low, high = float(count), float(count + (floor.astype(moment.dtype) != moment))
    return _outward(_Span(low, high), dtype)
