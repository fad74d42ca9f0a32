"""The Common Metadata Repository of the sandbox: search for granules and collections."""

from __future__ import annotations

import itertools
import json
import re
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from cryodata.sandbox.earthdata.catalogue import Catalogue, Entry
from cryodata.sandbox.earthdata.cmr_conditions import GRANULE, collection_table, conditions
from cryodata.sandbox.earthdata.cmr_feed import feed_entry
from cryodata.sandbox.earthdata.cmr_query import Asked, Page, Refusal, page_of, parameters_of
from cryodata.sandbox.earthdata.cmr_sort import DEFAULT_SORT, Sorter
from cryodata.sandbox.http import Reply, Request, bare_reply

__all__ = ["CmrOrigin"]

LONGEST_URL = 8_192
"""Longer ones are refused before CMR sees them; a form in a POST may be as long as it likes."""
_ROUTE = re.compile(r"/search/(granules|collections)\.(umm_json|json)(?:_v(\d)_(\d+)(?:_(\d+))?)?")
_TARGETS = frozenset(
    {
        *("provider", "provider_id", "concept_id", "collection_concept_id"),
        *("echo_collection_id", "short_name", "version", "entry_title"),
    }
)
"""One of these has to narrow a search for granules."""

COUNTED = {"include_granule_counts": "granule-count", "include_has_granules": "has-granules"}
"""What may be asked of collections besides, and where it is told."""


class CmrOrigin:
    """Answers searches over a catalogue as CMR does.

    Parameters
    ----------
    catalogue : Catalogue
        What is searched.
    token_ok : callable, optional
        Whether a bearer token is good. Searches need none, but a bad one is refused; None
        takes any.
    clock : callable
        The time by the catalogue's own clock, s since 1970.

    Notes
    -----
    Knows ``/search/granules`` and ``/search/collections`` as ``.umm_json`` (also of a version
    ``_v1_6_6``) and ``.json``, by GET and by POST of a form.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        *,
        token_ok: Callable[[str], bool] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._catalogue = catalogue
        self._token_ok = token_ok
        self._clock = clock
        self._numbers = itertools.count(1)

    @asynccontextmanager
    async def answer(self, request: Request) -> AsyncIterator[Reply]:
        """Reply to one search."""
        try:
            yield self._answer(request)
        except Refusal as refusal:
            yield self._reply(refusal.status, {"errors": refusal.errors}, {})

    def close(self) -> None:
        """Nothing is kept open."""

    def _answer(self, request: Request) -> Reply:
        began = time.perf_counter()
        self._check_token(request.headers.get("authorization", ""))
        found = _ROUTE.fullmatch(request.path)
        if found is None:
            raise Refusal("The requested resource could not be found.", status=404)
        if len(request.target) > LONGEST_URL:
            raise Refusal("Request-URI Too Long", status=414)
        kind, form = found[1], found[2]
        parameters = parameters_of(_text(request))
        mark = request.headers.get("cmr-search-after")
        page, rest = page_of(parameters, mark, DEFAULT_SORT[kind])
        entries = self._granules(rest) if kind == "granules" else self._collections(rest)
        sorter = Sorter(page.sort, kind)
        entries = sorter.sorted(entries)
        shown = _on_page(entries, page, sorter)
        took = int((time.perf_counter() - began) * 1000)
        headers = {"CMR-Hits": str(len(entries)), "CMR-Took": str(took)}
        if shown:
            headers["CMR-Search-After"] = sorter.mark(shown[-1])
        if form == "json":
            content = _feed(kind, request, shown)
            return self._reply(200, content, headers)
        version = ".".join(part for part in found.groups()[2:] if part)
        items = [entry.record for entry in shown]
        content = {"hits": len(entries), "took": took, "items": items}
        version = version or ("1.6.6" if kind == "granules" else "1.18.4")
        media = f"application/vnd.nasa.cmr.umm_results+json;version={version}; charset=utf-8"
        return self._reply(200, content, {**headers, "Content-Type": media})

    def _check_token(self, authorization: str) -> None:
        scheme, _, token = authorization.partition(" ")
        if self._token_ok and scheme.lower() == "bearer" and not self._token_ok(token):
            raise Refusal("Token is invalid or has expired.", status=401)

    def _granules(self, asked: dict[str, Asked]) -> list[Entry]:
        if not _TARGETS & asked.keys():
            raise Refusal(
                "The CMR does not allow querying across granules in all collections."
                " You should limit your query using conditions that identify one or more"
                " collections such as provider, concept_id, short_name, or entry_title."
            )
        wanted = conditions(asked.values(), GRANULE)
        return [entry for entry in self._catalogue.granules if all(ok(entry) for ok in wanted)]

    def _collections(self, asked: dict[str, Asked]) -> list[Entry]:
        counts = self._counts()
        table = collection_table(lambda entry: counts.get(entry.meta["concept-id"], 0) > 0)
        wanted = conditions(asked.values(), table)
        found = [entry for entry in self._catalogue.collections if all(ok(entry) for ok in wanted)]
        for name, field in COUNTED.items():
            if name in asked:
                found = [_with_count(entry, field, counts) for entry in found]
        return found

    def _counts(self) -> dict[str, int]:
        """Granules of each collection."""
        counts: dict[str, int] = {}
        for entry in self._catalogue.granules:
            owner = entry.meta["collection-concept-id"]
            counts[owner] = counts.get(owner, 0) + 1
        return counts

    def _reply(self, status: int, content: dict[str, Any], headers: dict[str, str]) -> Reply:
        common = {
            "Content-Type": "application/json; charset=utf-8",
            "CMR-Request-Id": f"00000000-0000-4000-8000-{next(self._numbers):012d}",
            "Access-Control-Expose-Headers": "CMR-Hits, CMR-Request-Id, CMR-Search-After",
        }
        body = json.dumps(content, separators=(",", ":")).encode()
        return bare_reply(status, {**common, **headers}, body, now=self._clock())


def _with_count(entry: Entry, field: str, counts: Mapping[str, int]) -> Entry:
    """A collection that tells how many granules it has, or whether it has any."""
    count = counts.get(entry.meta["concept-id"], 0)
    told = count if field == "granule-count" else count > 0
    return replace(entry, record={"meta": {**entry.meta, field: told}, "umm": entry.umm})


def _text(request: Request) -> str:
    """The parameters as they came.

    Raises
    ------
    Refusal
        If they cannot come that way.
    """
    if request.method == "GET":
        return request.query
    if request.method != "POST":
        raise Refusal("The method is not allowed here.", status=405)
    kind = request.headers.get("content-type", "").partition(";")[0].strip()
    if request.body and kind != "application/x-www-form-urlencoded":
        raise Refusal(f"Content-Type [{kind}] is not supported.", status=415)
    return "&".join(part for part in (request.query, request.body.decode()) if part)


def _on_page(entries: list[Entry], page: Page, sorter: Sorter) -> list[Entry]:
    if page.after is not None:
        mark = page.after
        entries = [entry for entry in entries if sorter.is_after(entry, mark)]
    return entries[page.skip : page.skip + page.size]


def _feed(kind: str, request: Request, entries: Sequence[Entry]) -> dict[str, Any]:
    return {
        "feed": {
            "updated": max((entry.meta["revision-date"] for entry in entries), default=""),
            "id": f"https://cmr.earthdata.nasa.gov:443{request.target}",
            "title": f"ECHO {'granule' if kind == 'granules' else 'dataset'} metadata",
            "entry": [feed_entry(entry) for entry in entries],
        }
    }
