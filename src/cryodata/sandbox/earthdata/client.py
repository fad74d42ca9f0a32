"""How one host of the sandbox asks another: one request, one connection."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from cryodata.sandbox.http import END

__all__ = ["Answer", "ask"]

PATIENCE = 30.0
"""Time for one answer, s."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the other host said."""

    status: int
    body: bytes

    @property
    def content(self) -> dict[str, Any] | None:
        """The JSON object in its body; None where that is something else."""
        try:
            content = json.loads(self.body)
        except ValueError:
            return None
        return content if isinstance(content, dict) else None


async def ask(
    origin: str, method: str, target: str, headers: Mapping[str, str], body: bytes = b""
) -> Answer:
    """Ask a host that listens on loopback.

    Parameters
    ----------
    origin : str
        ``http://127.0.0.1:1234``.
    method, target, headers, body
        Of the request.

    Raises
    ------
    OSError
        If there is no answer, within half a minute at most.
    """
    netloc = urlsplit(origin).netloc
    host, _, port = netloc.partition(":")
    lines = [
        f"{method} {target} HTTP/1.1",
        f"Host: {netloc}",
        "Connection: close",
        f"Content-Length: {len(body)}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    async with asyncio.timeout(PATIENCE):
        reader, writer = await asyncio.open_connection(host, int(port))
        try:
            writer.write("\r\n".join(lines).encode("latin-1") + END + body)
            reply = await reader.read()
        finally:
            writer.close()
    head, found, content = reply.partition(END)
    if not found or not head[9:12].isdigit():
        raise ConnectionAbortedError("an answer that is not HTTP")
    return Answer(int(head[9:12]), content)
