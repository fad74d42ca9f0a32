"""What completed requests tell about the way to a server: latency, bandwidth, lateness."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, replace
from statistics import median
from urllib.parse import urlsplit

from cryodata.options import Network
from cryodata.store.base import Store

__all__ = ["Link", "link_to"]

_KEPT = 128
_REFRESH = 16
_ENOUGH = 24
_LEAST_SPREAD = 256 * 1024
_SOONEST_HEDGE = 0.25


@dataclass(frozen=True, slots=True)
class _Estimate:
    latency: float
    bandwidth: float
    late: float
    """Time of a slow answer (95th percentile) over the time of a typical one."""


class Link:
    """Estimate of one way to one server, from the requests that went it lately.

    Until enough requests completed, it answers what the options expect.
    """

    __slots__ = ("_estimate", "_lock", "_new", "_samples")

    def __init__(self) -> None:
        self._samples: deque[tuple[int, float]] = deque(maxlen=_KEPT)
        self._lock = threading.Lock()
        self._estimate: _Estimate | None = None
        self._new = 0

    def record(self, nbytes: int, seconds: float) -> None:
        """A request for so many bytes was answered in full after so many seconds."""
        with self._lock:
            self._samples.append((nbytes, seconds))
            self._new += 1

    def network(self, expected: Network) -> Network:
        """`expected` with the latency (s) and bandwidth (bytes/s) that were learnt."""
        known = self._current(expected) if expected.adapt else None
        if known is None:
            return expected
        return replace(expected, latency=known.latency, bandwidth=known.bandwidth)

    def hedge_after(self, nbytes: int, expected: Network) -> float:
        """Seconds after which a request for `nbytes` is so late that a second one pays.

        Three times a slow answer (95th percentile), within 0.25 s and ``expected.hedge``;
        but never before twice a typical answer, since on a thin link every large request
        takes long and a second one would only make it thinner.
        """
        known = self._current(expected) if expected.adapt else None
        if known is None:
            typical = expected.latency + nbytes / expected.bandwidth
            return max(expected.hedge, 2 * typical)
        typical = known.latency + nbytes / known.bandwidth
        early = max(_SOONEST_HEDGE, 3 * known.late * typical)
        return max(min(early, expected.hedge), 2 * typical)

    def _current(self, expected: Network) -> _Estimate | None:
        with self._lock:
            if len(self._samples) < _ENOUGH:
                return None
            if self._estimate is None or self._new >= _REFRESH:
                self._estimate = _fit(sorted(self._samples), expected)
                self._new = 0
            return self._estimate


def _fit(samples: list[tuple[int, float]], expected: Network) -> _Estimate:
    """Line ``seconds = latency + nbytes / bandwidth`` through samples sorted by size.

    Notes
    -----
    Tukey's resistant line: through the medians of the outer thirds, so that stragglers
    do not tilt it (J. W. Tukey, Exploratory Data Analysis, 1977, chapter 5). Where all
    requests are of about one size, the bandwidth cannot be told and stays as expected.
    """
    third = len(samples) // 3
    small, large = samples[:third], samples[-third:]
    (n1, t1), (n2, t2) = (
        (median(n for n, _ in part), median(t for _, t in part)) for part in (small, large)
    )
    slope = 1 / expected.bandwidth
    if n2 - n1 >= _LEAST_SPREAD and t2 > t1:
        slope = (t2 - t1) / (n2 - n1)
    latency = max(1e-4, t1 - n1 * slope)
    ratios = sorted(t / (latency + n * slope) for n, t in samples)
    return _Estimate(latency, 1 / slope, max(1.0, ratios[int(0.95 * (len(ratios) - 1))]))


_links: dict[str, Link] = {}
_links_lock = threading.Lock()


def link_to(store: Store) -> Link:
    """The link that all stores of the same origin share, process-wide.

    A store may name its `origin` (scheme, host and port); else its url tells.
    """
    parts = urlsplit(store.url)
    origin = str(getattr(store, "origin", "") or f"{parts.scheme}://{parts.hostname}")
    with _links_lock:
        return _links.setdefault(origin, Link())
