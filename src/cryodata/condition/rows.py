"""A condition on values: which rows fulfil it, exactly as numpy compares."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryodata.condition.terms import (
    AllOf,
    Compare,
    Literal,
    Node,
    Not,
    OneOf,
    Variable,
    variables_of,
)
from cryodata.errors import SelectionError, UnknownVariableError, close_names
from cryodata.timespan import TimeSpan
from cryodata.types import AnyArray

__all__ = ["check_kinds", "fulfilled", "instant"]

Answer = NDArray[np.bool_]

_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}


def fulfilled(node: Node, values: Mapping[str, AnyArray]) -> Answer:
    """Which rows fulfil a condition; see `Condition.evaluate`."""
    arrays: dict[str, AnyArray] = {}
    for name in dict.fromkeys(variable.name for variable in variables_of(node)):
        if name not in values:
            raise UnknownVariableError(
                f"where= needs {name}, which is not there", fix=close_names(name, values)
            )
        arrays[name] = np.asarray(values[name])
    shapes = {name: array.shape for name, array in arrays.items()}
    if len(set(shapes.values())) > 1:
        raise SelectionError(
            f"where= needs variables with the same rows; they have the shapes {shapes}",
            fix="Give each condition to variables of one group.",
        )
    with np.errstate(over="ignore"):  # a number too large for float32 is infinite there
        return _rows(node, arrays)


def _rows(node: Node, arrays: Mapping[str, AnyArray]) -> Answer:
    if isinstance(node, Compare):
        right = node.right
        if isinstance(right, Variable):
            check_kinds(node, arrays[node.left.name].dtype, arrays[right.name].dtype)
            return _answer(node.op, _values(node.left, arrays), _values(right, arrays))
        check_kinds(node, arrays[node.left.name].dtype, right)
        return _beside(node.op, _values(node.left, arrays), right)
    if isinstance(node, OneOf):
        for value in node.values:
            check_kinds(node, arrays[node.left.name].dtype, value)
        left = _values(node.left, arrays)
        found = np.zeros(left.shape, bool)
        for value in node.values:
            found |= _beside("==", left, value)
        return found
    if isinstance(node, Not):
        return np.asarray(~_rows(node.part, arrays))
    found = _rows(node.parts[0], arrays)
    join = np.logical_and if isinstance(node, AllOf) else np.logical_or
    for part in node.parts[1:]:
        found = np.asarray(join(found, _rows(part, arrays)))
    return found


def _values(variable: Variable, arrays: Mapping[str, AnyArray]) -> AnyArray:
    values = arrays[variable.name]
    if values.dtype.kind == "b":  # numpy cannot compare booleans with every integer
        return values.view(np.uint8)
    if not variable.absolute:
        return values
    size = np.asarray(np.abs(values))
    # the absolute value of the smallest integer is in the unsigned type only
    return size.view(f"u{size.dtype.itemsize}") if size.dtype.kind == "i" else size


def _beside(op: str, values: AnyArray, literal: Literal) -> Answer:
    if not isinstance(literal, str):
        return _answer(op, values, literal)
    moment = instant(literal)
    floor = moment.astype(values.dtype)  # in whole units, which may be longer than ns
    if floor.astype(moment.dtype) == moment:
        return _answer(op, values, floor)
    if op in {"==", "!="}:
        return np.full(values.shape, op == "!=")
    return _answer({"<": "<=", ">=": ">"}.get(op, op), values, floor)


def _answer(op: str, left: AnyArray, right: Any) -> Answer:
    return np.asarray(_COMPARE[op](left, right), bool)


def instant(word: str) -> np.datetime64:
    """The beginning of the time that a word says, ns since 1970.

    Raises
    ------
    SelectionError
        It says none.
    """
    start = TimeSpan.of(word).start
    assert start is not None  # only an open end has none
    return start


def check_kinds(node: Compare | OneOf, left: np.dtype[Any], right: np.dtype[Any] | Literal) -> None:
    """Refuse what numpy would compare without sense, or not at all.

    Parameters
    ----------
    node : Compare or OneOf
        For the message.
    left : numpy.dtype
        Of its variable.
    right : numpy.dtype, number or word
        Of what it is compared with.

    Raises
    ------
    SelectionError
        A word that was not resolved, time against number, strings.
    """
    beside = left.kind == "M"
    for dtype in (left, right) if isinstance(right, np.dtype) else (left,):
        if dtype.kind not in "biufM" or (dtype.kind == "M" and not _is_unit(dtype)):
            raise SelectionError(
                f"{node} compares values of type {dtype}",
                fix="Conditions are on numbers, flags and times to the nanosecond.",
            )
    if beside and node.left.absolute:
        raise SelectionError(f"{node} has abs of a time", fix="Compare the time itself.")
    if isinstance(right, np.dtype):
        if (beside or right.kind == "M") and left != right:
            raise SelectionError(
                f"{node} compares {left} with {right}", fix="Compare times with times."
            )
    elif isinstance(right, str) and not beside:
        raise SelectionError(
            f"{node} compares a number with a word that stands for none",
            fix="Compare with a number, or a word among the flag's meanings.",
        )
    elif not isinstance(right, str) and beside:
        raise SelectionError(
            f"{node} compares a time with a number", fix="Write the time: '2023-05-01'."
        )


def _is_unit(dtype: np.dtype[Any]) -> bool:
    """Whether a nanosecond is a whole part of its unit: not so for ps, fs and as."""
    return np.datetime_data(dtype)[0] in {"Y", "M", "W", "D", "h", "m", "s", "ms", "us", "ns"}
