"""Earthdata's page of what works today, as far as programs read it: everything does."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from cryodata.sandbox.http import Reply, Request, bare_reply

__all__ = ["StatusOrigin"]

SERVICES = ("Earthdata Login", "Common Metadata Repository")


class StatusOrigin:
    """Says that all is well, whatever it is asked."""

    @asynccontextmanager
    async def answer(self, _request: Request, /) -> AsyncIterator[Reply]:
        """Reply to one question."""
        statuses = [{"id": n, "name": name, "status": "OK"} for n, name in enumerate(SERVICES, 1)]
        body = json.dumps({"success": True, "statuses": statuses}).encode()
        yield bare_reply(200, {"Content-Type": "application/json"}, body)

    def close(self) -> None:
        """Nothing is kept open."""
