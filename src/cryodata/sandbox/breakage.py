"""Replies broken on the way: the faults that strike a head or a body."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator

from cryodata.sandbox.faults import Fault

__all__ = ["Cut", "broken", "shifted"]

SHIFT = 4096
"""Bytes by which a shifted Content-Range is wrong."""
_CONTENT_RANGE = re.compile(rb"(?i)(content-range: bytes )(\d+)-(\d+)")


class Cut(Exception):  # noqa: N818 - an event, not an error
    """The connection ends here, on purpose.

    Attributes
    ----------
    reset : bool
        By RST; else by FIN.
    """

    def __init__(self, *, reset: bool) -> None:
        super().__init__("reset" if reset else "truncate")
        self.reset = reset


def shifted(head: bytes) -> bytes:
    """The head of a reply with a Content-Range that is wrong by `SHIFT` bytes."""

    def later(found: re.Match[bytes]) -> bytes:
        return b"%s%d-%d" % (found[1], int(found[2]) + SHIFT, int(found[3]) + SHIFT)

    return _CONTENT_RANGE.sub(later, head)


async def broken(body: AsyncIterator[bytes], fault: Fault) -> AsyncIterator[bytes]:
    """A body in which the fault strikes at its byte; whole where the fault strikes elsewhere.

    Raises
    ------
    Cut
        Where the fault ends the connection.
    """
    seen = 0
    async for piece in body:
        at = fault.at - seen
        seen += len(piece)
        if not 0 <= at < len(piece):
            yield piece
            continue
        if at:
            yield piece[:at]
        match fault.kind:
            case "corrupt":
                yield bytes([piece[at] ^ 0xFF]) + piece[at + 1 :]
            case "stall":
                await asyncio.sleep(fault.seconds)
                yield piece[at:]
            case "reset" | "truncate":
                raise Cut(reset=fault.kind == "reset")
            case _:
                yield piece[at:]
