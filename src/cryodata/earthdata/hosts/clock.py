"""What time it is, here and where the answers come from."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

__all__ = ["TOLERANCE", "ahead", "day", "now", "parse_http_date", "parse_instant", "span"]

TOLERANCE = 300.0
"""Clocks that differ by more than this are called wrong, s."""
_GRAIN = 5.0
"""A ``Date`` header is in whole seconds and takes its time: less than this is no difference, s."""


def now() -> float:
    """Seconds since 1970-01-01 UTC by the clock of this machine."""
    return time.time()


def ahead(server: float | None) -> float:
    """How far this machine's clock is ahead of a server's, s; 0 where they agree.

    Parameters
    ----------
    server : float or None
        Of a ``Date`` header that has just come, s since 1970; None where there was none.
    """
    if server is None:
        return 0.0
    difference = now() - server
    return difference if abs(difference) > _GRAIN else 0.0


def parse_http_date(text: str) -> float | None:
    """A ``Date`` header in s since 1970; None where it is none."""
    try:
        return parsedate_to_datetime(text).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None


def parse_instant(text: str) -> float:
    """``2021-01-27 00:50:09+00:00`` or any ISO 8601 instant, in s since 1970.

    Blank or ``T`` between date and time; UTC where it names no offset.

    Raises
    ------
    ValueError
        It is no instant.
    """
    instant = datetime.fromisoformat(text.strip())
    return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).timestamp()


def day(instant: float) -> str:
    """The day of an instant, UTC, ``2027-01-20``; with the hour where it is near."""
    near = abs(instant - now()) < 2 * 86400
    return datetime.fromtimestamp(instant, UTC).strftime(
        "%Y-%m-%d %H:%M UTC" if near else "%Y-%m-%d"
    )


def span(seconds: float) -> str:
    """A length of time in words, ``3 days``, ``12 minutes``."""
    for name, size in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {name}s"
    return f"{seconds:.0f} seconds"
