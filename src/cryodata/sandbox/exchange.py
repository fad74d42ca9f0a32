"""One request on the wire: wait as the profile says, break what the fault says, send, note."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import TYPE_CHECKING

from cryodata.sandbox.breakage import Cut, broken, shifted
from cryodata.sandbox.http import Reply, Request, bare_reply, error_reply, once
from cryodata.sandbox.log import Entry

if TYPE_CHECKING:
    from cryodata.sandbox.connection import Connection
    from cryodata.sandbox.wire import Wire

__all__ = ["Exchange"]

TICK = 0.0005
"""Waits shorter than this are not worth a timer of 1 ms resolution, s."""
LEAVE = 0.02
"""Time for what was written to leave before a connection is cut, s."""
_PAGE = b"<!DOCTYPE html><html><body><h1>We are down for maintenance</h1></body></html>\n"


class Exchange:
    """One request and its reply."""

    def __init__(self, wire: Wire, connection: Connection, request: Request) -> None:
        self._wire = wire
        self._connection = connection
        self._request = request
        self._start = time.perf_counter()
        self._fault = wire.faults.pick(request.method, request.target)
        self._sent = 0
        self._done = False
        self._entry = Entry(
            time=self._start,
            method=request.method,
            path=request.path,
            query=request.public_query,
            range=request.headers.get("range", ""),
            in_flight=wire.in_flight,
            fault=self._fault.kind if self._fault else "",
            headers=request.public_headers,
        )
        self._number = wire.recorder.begin(self._entry)

    async def run(self) -> None:
        """Answer the request. The connection is cut where there is no answer."""
        try:
            await self._answer()
        except Cut as cut:
            await asyncio.sleep(LEAVE)
            self._finish()
            self._connection.cut(reset=cut.reset)
        except (OSError, asyncio.IncompleteReadError):
            self._finish()
            self._connection.cut(reset=True)
        except Exception:  # of a fault's `call`: the loop reports it, the client must not wait
            self._connection.cut(reset=True)
            raise
        finally:
            self._finish()

    async def _answer(self) -> None:
        fault = self._fault
        ready = self._start + self._wire.first_byte()
        if fault and fault.call:
            # in a thread: it may talk to this very wire
            await asyncio.get_running_loop().run_in_executor(None, fault.call, self._entry)
        if fault and fault.kind == "delay":
            ready += fault.seconds
        if fault and fault.kind == "hang":
            await asyncio.sleep(fault.seconds)
            raise Cut(reset=True)
        async with self._reply() as reply:
            await _until(ready)
            self._note(status=reply.status, ttfb=time.perf_counter() - self._start)
            await self._send(reply)

    def _reply(self) -> AbstractAsyncContextManager[Reply]:
        """The origin's reply, or the one the fault puts in its place."""
        request, fault = self._request, self._fault
        if fault is None:
            return self._wire.origin.answer(request)
        match fault.kind:
            case "status":
                reply = error_reply(
                    fault.status,
                    fault.code,
                    "injected",
                    method=request.method,
                    extra=fault.header,
                )
            case "html":
                reply = bare_reply(
                    fault.status,
                    {"Content-Type": "text/html"},
                    b"" if request.method == "HEAD" else _PAGE,
                    length=len(_PAGE),
                    extra=fault.header,
                )
            case "redirect":
                extra = f"Location: {fault.to}{request.target}\r\n"
                reply = error_reply(307, "TemporaryRedirect", method=request.method, extra=extra)
            case "garbage":
                reply = Reply(0, b"\x16\x03garbage\r\n\r\n", 0, once(b""))
            case "whole":
                return self._wire.origin.answer(request.without_range())
            case _:
                return self._wire.origin.answer(request)
        return nullcontext(reply)

    async def _send(self, reply: Reply) -> None:
        """Send a reply at the pace of the profile. Its entry is done before its last byte."""
        write = self._connection.transport.write
        head, body = reply.head, reply.body
        if self._fault:
            write(shifted(head) if self._fault.kind == "shift" else head)
            head, body = b"", broken(body, self._fault)
        pace = self._wire.pace()
        async for piece in _sliced(body, self._wire.slice_bytes):
            due = pace(len(piece))
            if due - time.perf_counter() > TICK:
                write(head)
                head = b""
                await _until(due)
            self._sent += len(piece)
            if self._sent == reply.length:
                self._finish()
            write(head + piece)
            head = b""
            await self._connection.drained()
        self._finish()
        write(head)

    def _note(self, **fields: float) -> None:
        self._wire.recorder.update(self._number, **fields)

    def _finish(self) -> None:
        if not self._done:
            self._done = True
            duration = time.perf_counter() - self._start
            self._note(nbytes=self._sent, duration=duration, done=True)


async def _sliced(body: AsyncIterator[bytes], most: int) -> AsyncIterator[bytes]:
    async for piece in body:
        for start in range(0, len(piece), most):
            yield piece[start : start + most]


async def _until(moment: float) -> None:
    """Sleep until a moment on the clock of `time.perf_counter`."""
    seconds = moment - time.perf_counter()
    if seconds > TICK:
        await asyncio.sleep(seconds)
