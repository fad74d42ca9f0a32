"""One client's connection to the wire: requests in, replies out, kept open between them."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import TYPE_CHECKING, cast

from cryodata.sandbox.exchange import Exchange
from cryodata.sandbox.http import END, Request, error_reply

if TYPE_CHECKING:
    from cryodata.sandbox.wire import Wire

__all__ = ["Connection"]

WRITE_BUFFER = 1 << 20


class Connection(asyncio.Protocol):
    """Parses requests and has them answered, one at a time."""

    transport: asyncio.Transport

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._buffer = bytearray()
        self._task: asyncio.Task[None] | None = None
        self._room: asyncio.Future[None] | None = None
        self._continued = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has connected."""
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(WRITE_BUFFER)
        self._wire.connections.add(self)

    def data_received(self, data: bytes) -> None:
        """Bytes of a request have come."""
        self._buffer += data
        self._next()

    def connection_lost(self, _error: Exception | None) -> None:
        """The connection is over: whatever was being answered is dropped."""
        self._wire.connections.discard(self)
        self.resume_writing()
        if self._task:
            self._task.cancel()

    def pause_writing(self) -> None:
        """The client reads slower than the wire writes."""
        self._room = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        """The client has caught up."""
        if self._room and not self._room.done():
            self._room.set_result(None)
        self._room = None

    async def drained(self) -> None:
        """Wait until the client has caught up."""
        if self._room:
            await self._room

    def cut(self, *, reset: bool) -> None:
        """End the connection, by RST or else by FIN."""
        raw = self.transport.get_extra_info("socket")
        if not reset:
            self.transport.close()
            return
        if raw is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    def _next(self) -> None:
        """Begin to answer the next request, if none is being answered and one is complete."""
        if self._task or self.transport.is_closing():
            return
        head, found, _ = self._buffer.partition(END)
        if not found:
            return
        try:
            request = Request.parse(bytes(head))
            length = int(request.headers.get("content-length", 0))
        except ValueError:
            self._refuse(400, "BadRequest")
            return
        if "transfer-encoding" in request.headers:
            self._refuse(411, "MissingContentLength")
            return
        stop = len(head) + len(END) + length
        if len(self._buffer) < stop:
            if "expect" in request.headers and not self._continued:
                self._continued = True
                self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            return
        request = request.with_body(bytes(self._buffer[len(head) + len(END) : stop]))
        del self._buffer[:stop]
        self._continued = False
        self._task = asyncio.get_running_loop().create_task(self._answer(request))

    async def _answer(self, request: Request) -> None:
        self._wire.in_flight += 1
        try:
            await Exchange(self._wire, self, request).run()
        finally:
            self._wire.in_flight -= 1
            self._task = None
        if request.keep_alive:
            self._next()
        else:
            self.transport.close()

    def _refuse(self, status: int, code: str) -> None:
        self.transport.write(error_reply(status, code).head)
        self.transport.close()
