"""What the wire saw: every request, and the three figures that decide how long a read takes."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from cryodata.types import ByteRange

__all__ = ["Entry", "Recorder", "RequestLog", "Summary", "depth", "summarise"]

OVERLAP = 0.0005
"""A request that starts up to this many seconds before another ended may still have waited
for it: clocks of two processes and the scheduler are not more exact than that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One request and its reply.

    Attributes
    ----------
    time : float
        When the request was complete, s on the machine's monotonic clock
        (`time.perf_counter`).
    method, path, query : str
        As sent, without scheme and host.
    range : str
        The Range header as sent, ``bytes=0-99``; empty where there was none.
    status : int
        HTTP status; 0 while there is no reply, or where it was not HTTP.
    nbytes : int
        Bytes of body sent.
    ttfb : float
        Request to first byte, s.
    duration : float
        Request to last byte, s.
    in_flight : int
        Requests under way when this one came, itself included.
    fault : str
        Kind of the fault that struck it; empty where none did.
    done : bool
        The reply is over, well or badly. An entry is done before the client can hold
        the last byte of its reply.
    headers : mapping of str to str
        Request headers, names in lower case; values of secrets are replaced by ``***``.
    """

    time: float
    method: str
    path: str
    query: str = field(default="", repr=False)
    range: str = ""
    status: int = 0
    nbytes: int = 0
    ttfb: float = 0.0
    duration: float = 0.0
    in_flight: int = 1
    fault: str = ""
    done: bool = False
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def end(self) -> float:
        """When the reply was over, s on the clock of `time`."""
        return self.time + self.duration

    @property
    def span(self) -> ByteRange | None:
        """Bytes asked for, half-open; None where the range is open or there is none."""
        first, dash, last = self.range.removeprefix("bytes=").partition("-")
        if not (dash and first.isdigit() and last.isdigit()):
            return None
        return ByteRange(int(first), int(last) + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """A log in figures.

    Attributes
    ----------
    requests : int
        All requests, whatever became of them.
    nbytes : int
        Bytes of body sent.
    depth : int
        Longest chain of requests that waited for one another, see `depth`.
    seconds : float
        First request to last byte.
    in_flight : int
        Most requests under way at once.
    ttfb_p50, ttfb_p99 : float
        Median and 99th percentile of the time to first byte, s.
    """

    requests: int
    nbytes: int
    depth: int
    seconds: float
    in_flight: int
    ttfb_p50: float
    ttfb_p99: float

    def __str__(self) -> str:
        return (
            f"{self.requests} requests, {self.nbytes:,} bytes, depth {self.depth}, "
            f"{self.seconds:.3f} s"
        )


def depth(entries: Sequence[Entry]) -> int:
    """Round trips that could not overlap: the longest chain of requests one after another.

    In order of their ends, a request counts if it starts no earlier than 0.5 ms before the
    end of the last one counted. Without bandwidth and server time this times the latency
    is the time a read takes.
    """
    count, free = 0, float("-inf")
    for entry in sorted(entries, key=lambda e: e.end):
        if entry.time >= free - OVERLAP:
            count, free = count + 1, entry.end
    return count


def summarise(entries: Sequence[Entry]) -> Summary:
    """Figures of some log entries, whatever their order."""
    waits = sorted(e.ttfb for e in entries if e.ttfb) or [0.0]
    return Summary(
        requests=len(entries),
        nbytes=sum(e.nbytes for e in entries),
        depth=depth(entries),
        seconds=(max(e.end for e in entries) - min(e.time for e in entries) if entries else 0.0),
        in_flight=max((e.in_flight for e in entries), default=0),
        ttfb_p50=waits[len(waits) // 2],
        ttfb_p99=waits[min(len(waits) - 1, len(waits) * 99 // 100)],
    )


class RequestLog:
    """Requests in the order they came. A sequence that grows until it is cleared.

    Parameters
    ----------
    fetch, clear : callable
        Where the entries are kept, and how they are forgotten.
    """

    def __init__(self, fetch: Callable[[], Sequence[Entry]], clear: Callable[[], None]) -> None:
        self._fetch = fetch
        self._clear = clear

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All requests since the last `clear`, those under way included."""
        return tuple(self._fetch())

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def clear(self) -> None:
        """Forget all requests, those under way included."""
        self._clear()

    def summary(self) -> Summary:
        """Requests, bytes, depth and more of all entries."""
        return summarise(self.entries)

    def __repr__(self) -> str:
        return f"<RequestLog: {self.summary()}>"


class Recorder:
    """Where the wire writes entries. Begun and ended on its loop, read from any thread."""

    def __init__(self) -> None:
        self._numbers = itertools.count()
        self._entries: dict[int, Entry] = {}

    def begin(self, entry: Entry) -> int:
        """Note a request; returns its number."""
        number = next(self._numbers)
        self._entries[number] = entry
        return number

    def update(self, number: int, **fields: Any) -> None:
        """Add to an entry what is known now; nothing happens if it was cleared."""
        entries = self._entries  # `clear` puts another in its place
        if number in entries:
            entries[number] = replace(entries[number], **fields)

    def clear(self) -> None:
        """Forget everything."""
        self._entries = {}

    def entries(self) -> list[Entry]:
        """All entries, in the order of the requests."""
        return list(self._entries.values())
