"""Where signed links lead: objects for whoever holds a link, and for nobody else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from cryodata.sandbox.earthdata.links import Links
from cryodata.sandbox.earthdata.objects import Objects
from cryodata.sandbox.http import Reply, Request, error_reply
from cryodata.sandbox.s3server import S3Server

__all__ = ["Cdn"]

PASSED = ("range", "if-match", "if-none-match", "if-modified-since", "if-unmodified-since")
"""What of a request S3 gets to see."""


class Cdn:
    """The origin ``<name>.cloudfront.net``: S3's own replies behind a check of the link."""

    def __init__(self, server: S3Server, links: Links) -> None:
        self._links = links
        self._objects = Objects(server)

    @asynccontextmanager
    async def answer(self, request: Request) -> AsyncIterator[Reply]:
        """Reply to one request."""
        method = request.method
        if "authorization" in request.headers:
            text = "Only one auth mechanism allowed"
            yield error_reply(400, "InvalidArgument", text, method=method)
            return
        found = self._links.object_of(request)
        if found is None:
            yield error_reply(403, "AccessDenied", "Access denied", method=method)
            return
        passed = {name: value for name, value in request.headers.items() if name in PASSED}
        async with self._objects.answer(*found, passed) as reply:
            yield reply

    def close(self) -> None:
        """Give connections back."""
        self._objects.close()
