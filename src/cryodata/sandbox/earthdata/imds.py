"""The metadata service of a cloud machine, as far as it is asked where the machine stands."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from cryodata.sandbox.http import Reply, Request, bare_reply

__all__ = ["ADDRESS", "ImdsOrigin"]

ADDRESS = "169.254.169.254"
"""Where every machine of that cloud finds it, on port 80."""
LONGEST = 21_600
"""Longest life of a token, s."""
_TTL = "x-aws-ec2-metadata-token-ttl-seconds"
_TOKEN = "x-aws-ec2-metadata-token"


class ImdsOrigin:
    """Says which region the machine is in, to those who have fetched a token first.

    Parameters
    ----------
    region : str
        ``us-west-2``.

    Notes
    -----
    Version 2 alone: a question without token is refused. There is no role, so clients that
    look for keys here find none.
    """

    def __init__(self, region: str = "us-west-2") -> None:
        self._region = region
        self._tokens: set[str] = set()

    @asynccontextmanager
    async def answer(self, request: Request) -> AsyncIterator[Reply]:
        """Reply to one question."""
        yield self._answer(request)

    def close(self) -> None:
        """Nothing is kept open."""

    def _answer(self, request: Request) -> Reply:
        headers, path = request.headers, request.path.rstrip("/")
        if request.method == "PUT" and path == "/latest/api/token":
            life = headers.get(_TTL, "")
            if not life.isdigit() or not 0 < int(life) <= LONGEST:
                return _text(400, "Bad Request")
            token = secrets.token_urlsafe(30)
            self._tokens.add(token)
            return _text(200, token, **{_TTL: life})
        if request.method != "GET":
            return _text(405, "Method Not Allowed")
        if headers.get(_TOKEN) not in self._tokens:
            return _text(401, "Unauthorized")
        found = {
            "/latest/meta-data/placement/region": self._region,
            "/latest/meta-data/placement/availability-zone": f"{self._region}a",
        }
        return _text(200, found[path]) if path in found else _text(404, "Not Found")


def _text(status: int, text: str, **headers: str) -> Reply:
    return bare_reply(status, {"Content-Type": "text/plain", **headers}, text.encode())
