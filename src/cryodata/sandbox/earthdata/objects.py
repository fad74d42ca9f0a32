"""The objects behind data host and links, read from S3 as their owner reads them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from cryodata.sandbox.http import Reply, Request
from cryodata.sandbox.s3_origin import S3Origin
from cryodata.sandbox.s3server import Method, S3Server

__all__ = ["Objects"]

_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")


class Objects:
    """Replies of the S3 server itself, to requests that need no keys of their own."""

    def __init__(self, server: S3Server) -> None:
        self._server = server
        self._origin = S3Origin(server.address)
        self._targets: dict[tuple[Method, str, str], str] = {}

    @asynccontextmanager
    async def answer(
        self, method: Method, bucket: str, key: str, headers: Mapping[str, str]
    ) -> AsyncIterator[Reply]:
        """What S3 says of an object to a request with these headers."""
        target = self._targets.get((method, bucket, key))
        if target is None:
            target = await asyncio.to_thread(self._server.signed, method, bucket, key)
            self._targets[method, bucket, key] = target
        lines = [
            f"{method} {target} HTTP/1.1",
            f"Host: {self._server.address}",
            *(f"{name}: {value}" for name, value in headers.items()),
        ]
        head = "\r\n".join(lines).encode("latin-1")
        async with self._origin.answer(Request.parse(head)) as reply:
            yield reply

    async def size(self, bucket: str, key: str) -> int | None:
        """Bytes of an object; None where there is none."""
        async with self.answer("HEAD", bucket, key, {}) as reply:
            async for _ in reply.body:  # to its end, so that the connection is kept
                pass
            found = _LENGTH.search(reply.head)
            return int(found[1]) if reply.status == 200 and found else None

    def close(self) -> None:
        """Give connections back."""
        self._origin.close()
