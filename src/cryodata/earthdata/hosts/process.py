"""State that a child of fork must not share with its parent."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

__all__ = ["PerProcess"]

T = TypeVar("T")


class PerProcess(Generic[T]):
    """A value that each process makes for itself, when it first asks.

    A lock that another thread holds at the moment of a fork stays locked in the child for
    ever, and a connection would be read from by both: what contains either lives in here.

    Parameters
    ----------
    make : callable
        Makes the value; quick, and without asking for another `PerProcess`.
    """

    __slots__ = ("_made", "_make")

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._made: tuple[int, T] | None = None

    def get(self) -> T:
        """The value of this process."""
        made = self._made
        if made is None or made[0] != os.getpid():
            with _making[0]:
                made = self._made
                if made is None or made[0] != os.getpid():
                    made = self._made = (os.getpid(), self._make())
        return made[1]


_making = [threading.Lock()]


def _forget_lock() -> None:
    _making[0] = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_lock)
