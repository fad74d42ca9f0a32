"""Which rows are wanted: ``"h_li_sigma < 0.5 and atl06_quality_summary == 'best_quality'"``."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryodata.condition.mapping import parse_mapping
from cryodata.condition.rows import fulfilled
from cryodata.condition.terms import Node, rebuilt, renamed, text_of, variables_of
from cryodata.condition.text import parse
from cryodata.condition.tokens import LONGEST, checked_name
from cryodata.condition.words import resolved
from cryodata.condition.zones import judged
from cryodata.errors import SelectionError
from cryodata.types import AnyArray
from cryodata.zones.zones import Zones

__all__ = ["Condition"]


@dataclass(frozen=True, slots=True, repr=False)
class Condition:
    """A condition on the rows of a Dataset; compares, hashes and pickles by its text.

    Make it with `Condition.of`. ``str()`` gives a normal form, which parses back to an
    equal condition: comparisons have their variable on the left, chains are taken apart,
    lists are sorted.

    Attributes
    ----------
    text : str
        The normal form.
    """

    text: str
    _root: Node = field(compare=False)

    @classmethod
    def of(cls, what: str | Mapping[str, Any] | Condition) -> Condition:
        """The condition a user means.

        Parameters
        ----------
        what : str, mapping or Condition
            As text: comparisons ``== != < <= > >=`` (also chained: ``0 < h_li <= 3000``),
            ``in`` and ``not in`` a list, ``and``, ``or``, ``not`` and parentheses, between
            variables, ``abs(variable)``, numbers, True, False and quoted words. A name with
            a path goes in backquotes: ```fit_statistics/dh_fit_dx` < 0.1``. A quoted word is
            a flag's, or a time in UTC: ``time >= '2023-05-01'`` is from the beginning of
            that day.
            As mapping, all of which must hold: ``{"h_li_sigma": ("<", 0.5), "flag": 0,
            "h_li": (">=", 1, "<", 5), "conf": ["medium", "high"]}``.

        Raises
        ------
        SelectionError
            It is no such condition. The text is read, and never run.
        """
        if isinstance(what, Condition):
            return what
        if isinstance(what, str):
            return cls._made(parse(what))
        if isinstance(what, Mapping):
            return cls._made(parse_mapping(what))
        raise SelectionError(
            f"where= is a text or a mapping, not {type(what).__name__}",
            fix="Write where='h_li_sigma < 0.5', or where={'h_li_sigma': ('<', 0.5)}.",
        )

    @classmethod
    def _made(cls, root: Node) -> Condition:
        text = text_of(root)
        if len(text) > LONGEST:
            raise SelectionError(
                f"where= is {len(text):,} characters long as {text[:30]!r}..., "
                f"more than {LONGEST:,}",
                fix="Say less, or compare with a list: x in (1, 2, 3).",
            )
        return cls(text, root)

    @property
    def names(self) -> tuple[str, ...]:
        """The variables it needs, in the order they are first mentioned."""
        return tuple(dict.fromkeys(variable.name for variable in variables_of(self._root)))

    def with_words(
        self,
        words: Mapping[str, Mapping[str, int]],
        *,
        times: Collection[str] = (),
        variables: Collection[str] | None = None,
    ) -> Condition:
        """The same condition with the values that quoted words stand for.

        Parameters
        ----------
        words : mapping
            Variable to word to value, as ``flag_meanings`` and ``flag_values`` have it.
        times : collection of str
            Variables that hold times: what is quoted beside them stays, as a time.
        variables : collection of str, optional
            All there are. Where given, other names are refused, and a word without its
            quotes is told from a misspelt name.

        Raises
        ------
        SelectionError
            A word the variable does not have, or no word at all; no time beside a time.
        UnknownVariableError
            A name that is not in `variables`.
        """
        return self._made(resolved(self._root, words, times, variables))

    def rename(self, names: Mapping[str, str]) -> Condition:
        """The same condition on variables of other names; those not in `names` keep theirs."""
        new = {old: checked_name(name) for old, name in names.items()}
        return self._made(rebuilt(self._root, lambda leaf: renamed(leaf, new)))

    def evaluate(self, values: Mapping[str, AnyArray]) -> NDArray[np.bool_]:
        """Which rows fulfil it, as numpy compares: nothing equals NaN, and ``!=`` is true of it.

        Parameters
        ----------
        values : mapping of str to array
            Decoded values of all `names`, of one shape: numbers, booleans or datetime64.
            ``abs`` of the smallest integer of a type is right, where numpy's wraps around.

        Raises
        ------
        UnknownVariableError
            A variable is missing.
        SelectionError
            Shapes differ, a word was not resolved, times are compared with numbers.
        """
        return fulfilled(self._root, values)

    def possible(self, zones: Mapping[str, Zones]) -> NDArray[np.bool_]:
        """Which zones may hold a row that fulfils it.

        Parameters
        ----------
        zones : mapping of str to Zones
            Of the same zones for every name, at least one; names may be missing.

        Returns
        -------
        (n,) bool
            False only where no row can fulfil it.

        Raises
        ------
        SelectionError
            No zones, zones that differ, or a comparison that `evaluate` would refuse.
        """
        return judged(self._root, zones).may

    def certain(self, zones: Mapping[str, Zones]) -> NDArray[np.bool_]:
        """Which zones hold only rows that fulfil it; as `possible`, True only where sure."""
        return ~judged(self._root, zones).may_not

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"Condition.of({self.text!r})"

    def __reduce__(self) -> tuple[Callable[[str], Condition], tuple[str]]:
        return Condition.of, (self.text,)
