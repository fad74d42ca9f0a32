"""Replies as web applications give them: JSON for programs, pages for people."""

from __future__ import annotations

import json
from html import escape
from typing import Any

from cryodata.sandbox.earthdata.realm import Realm
from cryodata.sandbox.http import Reply, Request, bare_reply

__all__ = ["json_reply", "page", "redirect", "text_reply"]


def json_reply(realm: Realm, request: Request, status: int, content: Any, **headers: str) -> Reply:
    """`content` as JSON. Header names with underscores for dashes, here and below."""
    body = json.dumps(content).encode()
    return _reply(realm, request, status, body, "application/json; charset=utf-8", headers)


def text_reply(realm: Realm, request: Request, status: int, text: str, **headers: str) -> Reply:
    """A line of plain text."""
    return _reply(realm, request, status, f"{text}\n".encode(), "text/plain", headers)


def page(
    realm: Realm, request: Request, status: int, text: str, *, link: str = "", **headers: str
) -> Reply:
    """A page of HTML that says `text`, perhaps with a link."""
    more = f'<p><a href="{escape(link)}">{escape(link)}</a></p>' if link else ""
    body = f"<!DOCTYPE html><html><body><h1>{escape(text)}</h1>{more}</body></html>\n".encode()
    return _reply(realm, request, status, body, "text/html; charset=utf-8", headers)


def redirect(realm: Realm, request: Request, status: int, to: str, **headers: str) -> Reply:
    """A redirect without body."""
    return _reply(realm, request, status, b"", "text/html", {"Location": to, **headers})


def _reply(
    realm: Realm, request: Request, status: int, body: bytes, kind: str, headers: dict[str, str]
) -> Reply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    sent = b"" if request.method == "HEAD" else body
    return bare_reply(
        status, {"Content-Type": kind, **named}, sent, length=len(body), now=realm.now()
    )
