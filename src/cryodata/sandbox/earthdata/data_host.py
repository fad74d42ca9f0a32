"""The data host: objects for those who are logged in, and keys to read S3 directly."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from urllib.parse import parse_qsl

from cryodata.sandbox.earthdata.gate import Gate, Visitor
from cryodata.sandbox.earthdata.links import Links
from cryodata.sandbox.earthdata.objects import Objects
from cryodata.sandbox.earthdata.realm import PROTECTED, Realm
from cryodata.sandbox.earthdata.replies import json_reply, page, redirect, text_reply
from cryodata.sandbox.http import Reply, Request
from cryodata.sandbox.s3server import Method, S3Server

__all__ = ["DataHost"]

SESSION_NAME = 64
"""Characters of a session's name. Source: AWS STS AssumeRole."""


class DataHost:
    """The origin ``data.nsidc.earthdatacloud.nasa.gov``, as thin-egress-app answers."""

    def __init__(self, realm: Realm, server: S3Server, links: Links) -> None:
        self._realm = realm
        self._server = server
        self._links = links
        self._objects = Objects(server)
        self._gate = Gate(realm)

    @asynccontextmanager
    async def answer(self, request: Request) -> AsyncIterator[Reply]:
        """Reply to one request."""
        yield await self._reply(request)

    def close(self) -> None:
        """Give connections back."""
        self._objects.close()

    async def _reply(self, request: Request) -> Reply:
        path = request.path
        if request.method not in ("GET", "HEAD"):
            return page(self._realm, request, 405, "Method not allowed.")
        if path == "/login":
            return await self._gate.login(request, dict(parse_qsl(request.query)))
        if path == "/s3credentialsREADME":
            return page(self._realm, request, 200, "Keys for S3, good for an hour")
        bucket, _, key = path.lstrip("/").partition("/")
        if path != "/s3credentials" and not (bucket == PROTECTED and key):
            return self._not_found(request)
        visitor = await self._gate.admit(request)
        if isinstance(visitor, Reply):
            return visitor
        if path == "/s3credentials":
            return await self._keys(request, visitor)
        return await self._object(request, visitor, key)

    def _may_read(self, visitor: Visitor) -> bool:
        needed = self._realm.rules.required_group
        return not needed or needed in visitor.groups

    async def _keys(self, request: Request, visitor: Visitor) -> Reply:
        """Keys of a new session, whose name says who asked and with what."""
        cookie = _cookie(visitor)
        if not self._may_read(visitor):
            text = "You do not have permission to access any data."
            return page(self._realm, request, 403, text, **cookie)
        tool = request.headers.get("app-name", "")
        name = re.sub(r"[^\w+=,.@-]", "_", f"{visitor.name}@{tool}" if tool else visitor.name)
        keys = await asyncio.to_thread(self._server.session_keys, name[:SESSION_NAME])
        assert keys.expires is not None
        expires = keys.expires.replace(microsecond=0) + timedelta(
            seconds=self._realm.rules.clock_skew
        )
        said = {
            "accessKeyId": keys.key,
            "secretAccessKey": keys.secret,
            "sessionToken": keys.token,
            "expiration": str(expires),
        }
        return json_reply(self._realm, request, 200, said, **cookie)

    async def _object(self, request: Request, visitor: Visitor, key: str) -> Reply:
        """Send a visitor on to a signed link, if there is such an object and such a range."""
        extra = _cookie(visitor)
        if not self._may_read(visitor):
            text = "This data is not currently available."
            return page(self._realm, request, 403, text, **extra)
        size = await self._objects.size(PROTECTED, key)
        if size is None:
            return self._not_found(request, **extra)
        asked = request.headers.get("range", "")
        first = re.fullmatch(r"bytes=(\d+)-\d*", asked)
        if first and int(first[1]) >= size:
            return text_reply(self._realm, request, 416, "Invalid Range", **extra)
        if asked:
            extra["Range"] = asked
        method: Method = "HEAD" if request.method == "HEAD" else "GET"
        link = self._links.make(method, PROTECTED, key, visitor.name)
        extra["Cache_Control"] = f"private, max-age={_max_age(self._realm.rules.link_life)}"
        return redirect(self._realm, request, 303, link, **extra)

    def _not_found(self, request: Request, **headers: str) -> Reply:
        return page(self._realm, request, 404, "Could not find requested data.", **headers)


def _cookie(visitor: Visitor) -> dict[str, str]:
    return {"Set_Cookie": visitor.cookie} if visitor.cookie else {}


def _max_age(life: float) -> int:
    """How long a link may be kept: a minute less than it lives, but half of a very short life."""
    return max(int(life) - 60, int(life / 2))
