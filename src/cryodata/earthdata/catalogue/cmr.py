"""Questions to the Common Metadata Repository, spelled by earthaccess and asked by us.

earthaccess knows how a search is written; its own way of asking waits for ever, follows any
page however large, and ends a search early where a page in the middle is short.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlencode

from cryodata.earthdata.hosts.http import Client, Deadline
from cryodata.earthdata.hosts.reply import Reply
from cryodata.earthdata.system import System
from cryodata.errors import ConfigurationError, MissingDependencyError

__all__ = ["Answer", "Cmr", "Query"]

MOST_PER_PAGE = 2000
_LARGEST = 64 << 20  # bytes of one page
_LONGEST_URL = 4096  # characters; what is longer goes as a form
_PATIENCE = 60.0  # s for one page, repeats included


class Query(Protocol):
    """A search of earthaccess: ``DataGranules`` or ``DataCollections``."""

    params: Any
    options: Any

    def _build_url(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Answer:
    """One page of records.

    Attributes
    ----------
    items : list
        Records, as they came.
    hits : int
        How many the whole search finds.
    """

    items: list[dict[str, Any]]
    hits: int


class Cmr:
    """The catalogue of a system. Nothing that says who asks is ever sent to it.

    Parameters
    ----------
    system : System
        Whose catalogue it is.
    """

    def __init__(self, system: System) -> None:
        self.system = system
        self._client = Client(system.cmr, largest=_LARGEST)

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()

    def granules(self) -> Any:
        """An empty search for granules, ``earthaccess.DataGranules``."""
        return _earthaccess().DataGranules().mode(f"{self.system.cmr}/search/")

    def collections(self) -> Any:
        """An empty search for collections, ``earthaccess.DataCollections``."""
        return _earthaccess().DataCollections().mode(f"{self.system.cmr}/search/")

    def count(self, query: Query) -> int:
        """How many records a search finds; errors as `pages`."""
        return self._page(query._build_url(), 0, "")[0].hits

    def pages(self, query: Query, *, page_size: int = MOST_PER_PAGE) -> Iterator[Answer]:
        """The records a search finds, page by page, until there are no more.

        Raises
        ------
        ConfigurationError
            If the catalogue refuses the search; its own words are in the message.
        ServiceError
            If it answers no records.
        ThrottledError, FetchTimeoutError, FetchError
            If it cannot be asked.
        """
        url, mark, listed = query._build_url(), "", 0
        while True:
            answer, mark = self._page(url, page_size, mark)
            listed += len(answer.items)
            if answer.items:
                yield answer
            # the mark of a full last page leads to an empty one: not asked where all is there
            if not answer.items or not mark or listed == answer.hits:
                return

    def _page(self, url: str, page_size: int, mark: str) -> tuple[Answer, str]:
        """One page, and the mark that leads to the next; empty where there is none."""
        address, _, words = url.partition("?")
        # earthaccess writes its words without quoting them
        form = [
            *(
                (pair.partition("=")[0], pair.partition("=")[2])
                for pair in words.split("&")
                if pair
            ),
            ("page_size", str(page_size)),
        ]
        headers = {"Accept-Encoding": "gzip"} | ({"CMR-Search-After": mark} if mark else {})
        deadline = Deadline(time.monotonic() + _PATIENCE)
        asked = f"{address}?{urlencode(form)}"
        if len(asked) <= _LONGEST_URL:
            reply = self._client.ask("GET", asked, headers=headers, deadline=deadline)
        else:
            reply = self._client.ask("POST", address, headers=headers, form=form, deadline=deadline)
        return _answer(reply), reply.headers.get("CMR-Search-After", "")


def _answer(reply: Reply) -> Answer:
    """The records of a reply, or why there are none."""
    content = reply.json()
    if reply.status != 200:
        errors = content.get("errors")
        if not 400 <= reply.status < 500 or not isinstance(errors, list) or not errors:
            raise reply.nonsense("records were expected")
        raise ConfigurationError(
            "The catalogue refuses the search: " + "; ".join(str(e)[:300] for e in errors[:3]),
            fix="Change what it names; cd.search takes the words of its documentation.",
            url=reply.url,
        )
    items, hits = content.get("items"), reply.headers.get("CMR-Hits", "")
    if not isinstance(items, list) or not hits.isdecimal():
        raise reply.nonsense("records and their number were expected")
    return Answer([item for item in items if isinstance(item, dict)], int(hits))


def _earthaccess() -> Any:
    try:
        import earthaccess.search
    except ImportError as error:
        raise MissingDependencyError(
            "Search needs earthaccess", fix='Install it: pip install "cryodata-earth[earthdata]"'
        ) from error
    return earthaccess.search
