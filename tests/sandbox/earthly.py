"""One request to a host of Earthdata and its reply as it is: no redirect is followed."""

from __future__ import annotations

import base64
import http.client
from urllib.parse import parse_qsl, urlsplit

from tests.sandbox.conftest import Reply

__all__ = ["OBJECT", "ask", "basic", "bearer", "fields"]

OBJECT = "/nsidc-cumulus-prod-protected/ATLAS/ATL06/006/a%20granule%2B1.h5"
"""Path of the granule of these tests at the data host."""


def ask(url: str, method: str = "GET", body: str = "", **headers: str) -> Reply:
    """Header names with underscores for dashes."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=20)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, url.removeprefix(f"http://{parts.netloc}"), body, named)
    answer = connection.getresponse()
    reply = Reply(answer.status, answer.read(), {k.title(): v for k, v in answer.headers.items()})
    connection.close()
    return reply


def basic(user: str, password: str) -> str:
    """The header that says a password."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def bearer(token: str) -> str:
    """The header that says a token."""
    return f"Bearer {token}"


def fields(url: str) -> dict[str, str]:
    """Fields of the query of a URL."""
    return dict(parse_qsl(urlsplit(url).query, strict_parsing=True))
