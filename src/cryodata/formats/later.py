"""Mappings whose values are made when they are touched."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

__all__ = ["Later"]

T = TypeVar("T")


class Later(Mapping[str, T]):
    """A mapping that makes each value once, when it is first asked for.

    Threads may share it: two that ask at once may get equal values that are two objects.

    Parameters
    ----------
    places : callable
        Gives the names, and for each the number that `make` gets; called when first needed.
    make : callable
        Makes a value. What it raises, asking raises, each time.
    """

    __slots__ = ("_find", "_known", "_made", "_make")

    def __init__(self, places: Callable[[], Mapping[str, int]], make: Callable[[int], T]) -> None:
        self._find = places
        self._make = make
        self._known: Mapping[str, int] | None = None
        self._made: dict[str, T] = {}

    def _places(self) -> Mapping[str, int]:
        if self._known is None:
            self._known = self._find()
        return self._known

    def __getitem__(self, name: str) -> T:
        made = self._made.get(name)
        if made is None:
            made = self._made[name] = self._make(self._places()[name])
        return made

    def __contains__(self, name: object) -> bool:
        return name in self._places()

    def get(self, name: str, default: Any = None) -> Any:
        """The value, or `default` where there is none of that name."""
        return self[name] if name in self._places() else default

    def __iter__(self) -> Iterator[str]:
        return iter(self._places())

    def __len__(self) -> int:
        return len(self._places())

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (dict(self),)  # all of it is made to travel

    def __repr__(self) -> str:
        return f"<Later: {', '.join(self)}>"
