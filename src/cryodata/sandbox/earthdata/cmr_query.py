"""A search as it comes over HTTP, taken apart and checked: parameters, options, page."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

__all__ = ["Asked", "Page", "Refusal", "page_of", "parameters_of"]

MOST = 2000
"""Records on one page."""
DEPTH = 1_000_000
"""Records reachable by page number."""
_OPTION = re.compile(r"options\[(\w+)\]\[(\w+)\]")
_PAGING = frozenset({"page_size", "page_num", "offset", "sort_key"})


class Refusal(Exception):  # noqa: N818 - an answer, not a failure
    """The answer is an error.

    Attributes
    ----------
    status : int
        HTTP status.
    errors : list of str
        What CMR says.
    """

    def __init__(self, *errors: str, status: int = 400) -> None:
        super().__init__(*errors)
        self.errors = list(errors)
        self.status = status


@dataclass(frozen=True, slots=True)
class Asked:
    """One parameter of a search.

    Attributes
    ----------
    name : str
        Without brackets.
    values : tuple of str
        All that were given, in order.
    options : mapping of str to bool
        ``pattern``, ``ignore_case``, ``and``, ``or``, ``exclude_boundary``.
    """

    name: str
    values: tuple[str, ...]
    options: Mapping[str, bool]

    def option(self, name: str, *, default: bool = False) -> bool:
        """An option, or what holds without it."""
        return self.options.get(name, default)


@dataclass(frozen=True, slots=True)
class Page:
    """Which of the records found are wanted.

    Attributes
    ----------
    size : int
        Most records; 0 asks for their number alone.
    skip : int
        Records before them.
    after : tuple or None
        Values of the sort keys of the last record of the page before; None on the first.
    sort : tuple of str
        Sort keys, ``-`` before those that fall.
    """

    size: int
    skip: int
    after: tuple[Any, ...] | None
    sort: tuple[str, ...]


def parameters_of(text: str) -> dict[str, Asked]:
    """Parameters by name, from a query string or a form.

    Options of parameters that are not given are ignored, as CMR does.
    """
    values: dict[str, list[str]] = {}
    options: dict[str, dict[str, bool]] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        name = name.replace("-", "_")
        if found := _OPTION.fullmatch(name):
            options.setdefault(found[1], {})[found[2]] = value.lower() == "true"
        else:
            values.setdefault(re.sub(r"\[\d*\]$", "", name), []).append(value)
    return {
        name: Asked(name, tuple(given), options.get(name, {})) for name, given in values.items()
    }


def page_of(
    asked: Mapping[str, Asked], search_after: str | None, sort: Iterable[str]
) -> tuple[Page, dict[str, Asked]]:
    """The page that is wanted, and the parameters that are left.

    Parameters
    ----------
    asked : mapping
        Parameters, as `parameters_of` gives them.
    search_after : str or None
        The header of that name.
    sort : iterable of str
        Sort keys where none are asked for.

    Raises
    ------
    Refusal
        If a number is none, or too large, or the page is named in two ways.
    """
    rest = {name: given for name, given in asked.items() if name not in _PAGING}
    size = _number(asked, "page_size", 10)
    if size is None or not 0 <= size <= MOST:
        raise Refusal(f"page_size must be a number between 0 and {MOST}")
    number = _number(asked, "page_num", 1)
    if number is None or number < 1:
        raise Refusal("page_num must be a number greater than or equal to 1")
    if size * number > DEPTH:
        raise Refusal(
            f"The paging depth (page_num * page_size) of [{size * number}] exceeds the limit"
            f" of {DEPTH}."
        )
    offset = _number(asked, "offset", 0)
    if offset is None or offset < 0:
        raise Refusal("offset must be an integer greater than or equal to zero")
    after = None
    if search_after is not None:
        for name in ("page_num", "offset"):
            if name in asked:
                raise Refusal(f"{name} is not allowed with search-after")
        after = _mark(search_after)
    keys = asked["sort_key"].values if "sort_key" in asked else tuple(sort)
    return Page(size, offset or (number - 1) * size, after, tuple(keys)), rest


def _number(asked: Mapping[str, Asked], name: str, default: int) -> int | None:
    """A whole number; None where it is something else."""
    if name not in asked:
        return default
    try:
        return int(asked[name].values[-1])
    except ValueError:
        return None


def _mark(header: str) -> tuple[Any, ...]:
    try:
        found = json.loads(header)
    except ValueError:
        found = None
    if not isinstance(found, list):
        raise Refusal("search-after header value is invalid, must be in the form of a JSON array.")
    return tuple(found)
