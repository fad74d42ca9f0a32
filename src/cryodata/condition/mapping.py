"""Conditions as programs write them: ``{"h_li_sigma": ("<", 0.5), "flag": [1, 2]}``."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from cryodata.condition.terms import (
    MIRRORED,
    AllOf,
    Compare,
    Literal,
    Node,
    OneOf,
    Variable,
    joined,
    negated,
)
from cryodata.condition.tokens import LONGEST, checked_name, checked_number
from cryodata.errors import SelectionError
from cryodata.timespan import TimeSpan

__all__ = ["parse_mapping"]

_FIX = "Write {'h_li': ('>=', 1, '<', 5), 'flag': 0, 'conf': ['medium', 'high']}."


def parse_mapping(what: Mapping[str, Any]) -> Node:
    """The condition that all entries of a mapping hold.

    Parameters
    ----------
    what : mapping
        Variable to a value it equals; to operators with their values in a tuple, which all
        hold; or to a collection of values, one of which it equals.

    Raises
    ------
    SelectionError
        An entry is none of these; the message names its key.
    """
    parts: list[Node] = []
    for name, wanted in what.items():
        if not isinstance(name, str):
            raise SelectionError(f"where= has {name!r} for a name", fix=_FIX)
        parts += _parts(Variable(checked_name(name)), wanted)
    if not parts:
        raise SelectionError("where= is empty", fix=f"Leave it out. {_FIX}")
    return joined(AllOf, parts)


def _parts(variable: Variable, wanted: Any) -> list[Node]:
    if isinstance(wanted, tuple) and wanted and _is_sign(wanted[0]):
        if len(wanted) % 2:
            raise _wrong(variable, wanted, "has an operator without its value")
        return [
            _compared(variable, sign, value)
            for sign, value in zip(wanted[::2], wanted[1::2], strict=True)
        ]
    if _is_collection(wanted):
        return [_one_of(variable, wanted)]
    return [Compare(variable, "==", _literal(variable, wanted))]


def _is_sign(what: Any) -> bool:
    """Whether it is an operator, right or wrong, and no word of a flag."""
    signs = {"in", "not in", "is", "is not", "not"}
    return isinstance(what, str) and (
        what in signs or (what != "" and not set(what) - set("<>=!~"))
    )


def _compared(variable: Variable, sign: Any, value: Any) -> Node:
    if sign in {"in", "not in"} and _is_collection(value):
        found = _one_of(variable, value)
        return negated(found) if sign == "not in" else found
    if not isinstance(sign, str) or sign not in MIRRORED:
        raise _wrong(variable, sign, f"is none of the operators {' '.join(MIRRORED)}")
    return Compare(variable, sign, _literal(variable, value))


def _one_of(variable: Variable, values: Collection[Any]) -> OneOf:
    if not 0 < len(values) <= LONGEST:
        raise _wrong(variable, len(values), "values are listed, and 1 or some are needed")
    return OneOf.of(variable, [_literal(variable, value) for value in values])


def _is_collection(what: Any) -> bool:
    if isinstance(what, np.ndarray):
        return what.ndim == 1
    return isinstance(what, list | tuple | set | frozenset)


def _literal(variable: Variable, value: Any) -> Literal:
    if isinstance(value, np.datetime64) or hasattr(value, "isoformat"):  # date, datetime
        value = str(TimeSpan.of(value).start)
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, str):
        if not value.isprintable() or "\\" in value or {"'", '"'} <= set(value):
            raise _wrong(variable, value, "is no word")
        return str(value)
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return checked_number(value, f"{str(variable)!r}: {value!r}")
    raise _wrong(variable, value, "is no number and no word")


def _wrong(variable: Variable, value: Any, what: str) -> SelectionError:
    said = repr(value)
    shown = said if len(said) < 60 else f"{said[:60]}..."
    return SelectionError(f"where= of {variable}: {shown} {what}", fix=_FIX)
