"""What was worked out of objects that never change, for as long as they are in use."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

__all__ = ["remembered"]

P = ParamSpec("P")
T = TypeVar("T")

MOST = 64
"""Answers that one function remembers."""


def remembered(function: Callable[P, T]) -> Callable[P, T]:
    """A function of immutable objects that is not asked twice about the same ones.

    Objects are told apart by identity, texts, numbers and tuples by value; so it serves tables
    of products, which do not hash. Arguments are given by position.
    """
    known: dict[Any, tuple[Any, T]] = {}

    @wraps(function)
    def ask(*args: P.args, **kwargs: P.kwargs) -> T:
        key = tuple([a if isinstance(a, str | int | tuple) else id(a) for a in args])
        found = known.get(key)
        if found is None:
            if len(known) >= MOST:
                known.clear()
            # the arguments stay alive as long as the answer: nothing else gets their identity
            found = known[key] = (args, function(*args, **kwargs))
        return found[1]

    return ask
