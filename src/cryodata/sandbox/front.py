"""One door for many host names: whoever knocks is led to the wire of the name they ask for."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Mapping
from typing import Self
from urllib.parse import urlsplit

from cryodata.sandbox.http import END, Request, error_reply
from cryodata.sandbox.loop_thread import LoopThread

__all__ = ["Front"]

PIECE = 1 << 18


class Front:
    """Listens in the place of the hosts that wires play, and hands bytes on to them.

    A connection belongs to the host that its first request names.

    Parameters
    ----------
    routes : mapping of str to str
        Host name to `Wire.url`; ``.example.org`` stands for every name below.
    tls : ssl.SSLContext, optional
        With the certificate of all these names; None listens for plain HTTP.
    host, port
        Where to listen; port 0 takes one that is free.

    Attributes
    ----------
    port : int
        Where it listens.
    """

    def __init__(
        self,
        routes: Mapping[str, str],
        *,
        tls: ssl.SSLContext | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self.port = port
        self._routes = dict(routes)
        self._tls = tls
        self._host = host
        self._open: set[asyncio.Task[None]] = set()
        self._thread = LoopThread(self._serve, "sandbox-front")

    def start(self) -> Self:
        """Listen."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Cut all connections. Nothing happens if it is not running."""
        self._thread.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exc: object) -> None:
        self.stop()

    async def _serve(self, begun: Callable[[], None], stop: asyncio.Event) -> None:
        server = await asyncio.start_server(
            self._visit, self._host, self.port, ssl=self._tls, backlog=1024
        )
        self.port = server.sockets[0].getsockname()[1]
        begun()
        await stop.wait()
        server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _visit(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection to its end."""
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            await self._lead(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            writer.transport.abort()
        finally:
            self._open.discard(task)
            writer.close()

    async def _lead(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(END)
        try:
            host = Request.parse(head[: -len(END)]).headers.get("host", "")
        except ValueError:
            host = ""
        origin = self._origin_of(host.partition(":")[0].lower())
        if not origin:
            writer.write(error_reply(421, "MisdirectedRequest", f"no host {host!r} here").head)
            return
        there, back = await asyncio.open_connection(*_address(origin))
        back.write(head)
        upward = asyncio.create_task(_copy(reader, back))
        try:
            await _copy(there, writer)
        finally:
            upward.cancel()
            back.close()

    def _origin_of(self, host: str) -> str:
        if host in self._routes:
            return self._routes[host]
        below = (
            url for name, url in self._routes.items() if name[0] == "." and host.endswith(name)
        )
        return next(below, "")


def _address(origin: str) -> tuple[str, int]:
    parts = urlsplit(origin)
    assert parts.hostname is not None
    assert parts.port is not None
    return parts.hostname, parts.port


async def _copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    """Hand bytes on until there are no more; then the other side is told."""
    try:
        while piece := await source.read(PIECE):
            sink.write(piece)
            await sink.drain()
    finally:
        sink.close()
