"""An S3 server behind the wire, reached over connections that are kept."""

from __future__ import annotations

import asyncio
import math
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from cryodata.sandbox import jwt
from cryodata.sandbox.http import END, Reply, Request, error_reply, once

__all__ = ["S3Origin"]

BUFFER = 1 << 20
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)")


class S3Origin:
    """Requests handed on to another server unchanged, replies handed back.

    One reply is made to look like AWS's: of expired session keys the server behind says
    403 InvalidAccessKeyId, AWS says 400 ExpiredToken (to HEAD, 400 alone).

    Parameters
    ----------
    address : str
        ``host:port``.

    Attributes
    ----------
    source : str
        Address on loopback from which the server is asked: its rules may depend on it. May
        be changed at any time, from any thread; holds from the next request on.
    """

    def __init__(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        self.source = "127.0.0.1"
        self._address = (host, int(port))
        self._idle: list[_Connection] = []

    @asynccontextmanager
    async def answer(self, request: Request) -> AsyncIterator[Reply]:
        """The server's reply; the connection is used again if the body was read to its end."""
        connection, head = await self._send(request)
        try:
            yield await _as_aws(request, _reply(request, head, connection))
        finally:
            if connection.free:
                self._idle.append(connection)
            else:
                connection.writer.close()

    async def _send(self, request: Request) -> tuple[_Connection, bytes]:
        """Send on an idle connection, or on a new one where that was closed meanwhile."""
        source = self.source
        while self._idle:
            connection = self._idle.pop()
            if connection.source != source:
                connection.writer.close()
                continue
            try:
                return connection, await connection.send(request)
            except (ConnectionError, asyncio.IncompleteReadError):
                pass
        reader, writer = await asyncio.open_connection(
            *self._address, limit=BUFFER, local_addr=(source, 0)
        )
        connection = _Connection(reader, writer, source)
        try:
            return connection, await connection.send(request)
        except asyncio.IncompleteReadError as error:
            raise ConnectionAbortedError("no reply from the server behind") from error

    def close(self) -> None:
        """Close the idle connections."""
        for connection in self._idle:
            connection.writer.close()
        self._idle = []


class _Connection:
    """One connection to the server behind; `free` when no reply is under way on it."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, source: str
    ) -> None:
        self.reader = reader
        self.writer = writer
        self.source = source
        self.free = True

    async def send(self, request: Request) -> bytes:
        """Send a request; the head of the reply, the empty line included.

        The connection is closed where there is none, also because nobody waits any more.
        """
        self.free = False
        try:
            self.writer.write(request.raw)
            return await self.reader.readuntil(END)
        except BaseException:
            self.writer.close()
            raise

    async def counted(self, length: int) -> AsyncIterator[bytes]:
        """A body of known length."""
        while length:
            piece = await self.reader.read(min(length, BUFFER))
            if not piece:
                raise ConnectionAbortedError("the server behind hung up")
            length -= len(piece)
            self.free = not length
            yield piece
        self.free = True

    async def chunked(self) -> AsyncIterator[bytes]:
        """A body of unknown length, as it comes: chunk sizes and all."""
        while not self.free:
            line = await self.reader.readline()
            size = int(line.partition(b";")[0] or b"0", 16)
            piece = line + await self.reader.readexactly(size + 2)
            self.free = not size
            yield piece


def _reply(request: Request, head: bytes, connection: _Connection) -> Reply:
    """The reply that begins with `head`.

    Raises
    ------
    ConnectionAbortedError
        If nothing tells where the body ends.
    """
    status = int(head[9:12])
    lower = head.lower()
    if request.method == "HEAD" or status in (204, 304):
        return Reply(status, head, 0, connection.counted(0))
    if found := _LENGTH.search(lower):
        length = int(found[1])
        return Reply(status, head, length, connection.counted(length))
    if b"transfer-encoding: chunked" in lower:
        return Reply(status, head, None, connection.chunked())
    raise ConnectionAbortedError("a reply without a length")


async def _as_aws(request: Request, reply: Reply) -> Reply:
    """The reply, or what AWS would say in its place."""
    token = request.headers.get("x-amz-security-token")
    if reply.status != 403 or token is None:
        return reply
    text = b"".join([piece async for piece in reply.body])
    claims = jwt.read(token) or {}
    over = claims.get("exp", math.inf) <= time.time()  # the reply to a HEAD does not say why
    if not over and b"InvalidAccessKeyId" not in text:
        return Reply(reply.status, reply.head, reply.length, once(text))
    return error_reply(
        400, "ExpiredToken", "The provided token has expired.", method=request.method
    )
