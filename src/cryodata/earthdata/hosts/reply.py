"""One answer of Earthdata, and what to say where it is none."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from cryodata.earthdata.hosts import clock
from cryodata.errors import FetchError, ServiceError, ThrottledError

__all__ = ["UNJUDGED", "Reply", "unwilling"]

UNJUDGED = frozenset({429, 503})
"""Statuses that say a request was not looked at: not even a password counts as tried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer. Prints its status alone: headers and body may hold secrets.

    Attributes
    ----------
    status : int
        Of HTTP.
    url : str
        What was asked, without query string.
    headers : mapping
        Names in any case.
    body : bytes
        At most 1 MiB.
    """

    status: int
    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    @property
    def date(self) -> float | None:
        """When the server sent it by its own clock, s since 1970; None where it is silent."""
        return clock.parse_http_date(self.headers.get("Date", ""))

    def json(self) -> dict[str, Any]:
        """The body as a JSON object.

        Raises
        ------
        ServiceError
            It is something else, such as a page for people.
        """
        try:
            found = json.loads(self.body)
        except (ValueError, RecursionError):
            found = None
        if isinstance(found, dict):
            return found
        raise self.nonsense("JSON was expected and something else came")

    def nonsense(self, why: str) -> ServiceError:
        """The error that says a host answers what it should not."""
        host = urlsplit(self.url).netloc
        return ServiceError(
            f"{host} answers {self.status} with no sense in it: {why}",
            fix="It may be down for maintenance: see https://status.earthdata.nasa.gov,"
            " and try again later.",
            url=self.url,
        )


def unwilling(reply: Reply) -> FetchError:
    """The error for a status that should pass and did not."""
    if reply.status not in UNJUDGED:
        return reply.nonsense("the server failed")
    host = urlsplit(reply.url).netloc
    error = ThrottledError(
        f"{host} asks to slow down (status {reply.status})",
        fix="Try again in a minute; see https://status.earthdata.nasa.gov.",
        url=reply.url,
    )
    error.retry_after = _seconds(reply.headers.get("Retry-After", ""), reply.date)
    return error


def _seconds(text: str, sent: float | None) -> float:
    """A ``Retry-After`` header: seconds, or an instant by the server's clock."""
    if text.isascii() and text.isdigit():
        return float(text)
    until = clock.parse_http_date(text)
    return max(0.0, until - (sent or clock.now())) if until is not None else 0.0
