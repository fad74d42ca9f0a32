"""The order of what is found, and the mark that tells where a page ended."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from cryodata.sandbox.earthdata.catalogue import Entry
from cryodata.sandbox.earthdata.cmr_query import Refusal
from cryodata.sandbox.earthdata.cmr_times import milliseconds, time_span

__all__ = ["DEFAULT_SORT", "Sorter"]

Value = str | int | float
DEFAULT_SORT: Mapping[str, tuple[str, ...]] = {
    "granules": ("provider", "start_date"),
    "collections": ("entry_title", "provider"),
}


def _span(side: int) -> Callable[[Entry], Value]:
    def of(entry: Entry) -> Value:
        span = time_span(entry)
        return min(span[side], 2**53) if span else 0

    return of


def _size(entry: Entry) -> Value:
    files = entry.umm.get("DataGranule", {}).get("ArchiveAndDistributionInformation", ())
    return sum(float(file.get("Size", 0.0)) for file in files)


def _producer(entry: Entry) -> Value:
    found = entry.umm.get("DataGranule", {}).get("Identifiers", ())
    return next((str(item["Identifier"]).lower() for item in found), "")


def _of_collection(field: str) -> Callable[[Entry], Value]:
    return lambda entry: str((entry.collection or entry).umm[field]).lower()


KEYS: Mapping[str, Callable[[Entry], Value]] = {
    "provider": lambda entry: str(entry.meta["provider-id"]).lower(),
    "start_date": _span(0),
    "end_date": _span(1),
    "revision_date": lambda entry: milliseconds(entry.meta["revision-date"]),
    "short_name": _of_collection("ShortName"),
    "version": _of_collection("Version"),
    "entry_title": _of_collection("EntryTitle"),
    "granule_ur": lambda entry: str(entry.umm.get("GranuleUR", "")).lower(),
    "producer_granule_id": _producer,
    "readable_granule_name": _producer,
    "data_size": _size,
}


class Sorter:
    """Puts records into the order asked for; their number breaks ties.

    Parameters
    ----------
    keys : sequence of str
        Names of `KEYS`, ``-`` before those that fall.
    kind : {"granules", "collections"}
        For the message.

    Raises
    ------
    Refusal
        If a key is unknown.
    """

    def __init__(self, keys: Sequence[str], kind: str) -> None:
        self._keys = [key.lstrip("-+ ") for key in keys]
        self._signs = [-1 if key.startswith("-") else 1 for key in keys] + [1]
        for key in self._keys:
            if key not in KEYS:
                raise Refusal(f"The sort key [{key}] is not a valid field for sorting {kind}.")

    def sorted(self, entries: Iterable[Entry]) -> list[Entry]:
        """The records in order."""
        by = functools.cmp_to_key(self._compare)
        return sorted(entries, key=lambda entry: by(self._values(entry)))

    def mark(self, entry: Entry) -> str:
        """What tells later that a page ended with this record: the value of a header."""
        return json.dumps(self._values(entry), separators=(",", ":"))

    def is_after(self, entry: Entry, mark: Sequence[Any]) -> bool:
        """Whether a record comes after the one a mark was made of.

        Raises
        ------
        Refusal
            If the mark is of another search.
        """
        try:
            return self._compare(self._values(entry), mark) > 0
        except (TypeError, ValueError):  # text against number, or not as many
            raise Refusal("search-after header value does not fit the sort keys.") from None

    def _values(self, entry: Entry) -> tuple[Value, ...]:
        return (*(KEYS[key](entry) for key in self._keys), entry.number)

    def _compare(self, one: Sequence[Any], other: Sequence[Any]) -> int:
        both = list(zip(self._signs, one, other, strict=True))
        return next((sign if a > b else -sign for sign, a, b in both if a != b), 0)
