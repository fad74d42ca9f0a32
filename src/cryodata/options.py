"""What a caller may tune, as frozen values handed down from the door."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from cryodata.errors import ConfigurationError
from cryodata.prices import Prices

__all__ = [
    "ACCESS",
    "SIDECARS",
    "Limits",
    "Network",
    "Options",
    "default_access",
    "default_cache_folder",
]

KiB = 1024
MiB = 1024 * KiB
GiB = 1024 * MiB

ACCESS = ("auto", "direct", "external")
"""Ways to a granule of Earthdata: found out, straight from S3, over https."""
SIDECARS = ("never", "use")
"""Whether DMR++ sidecars are looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much a file may ask for before it is refused (`LimitExceededError`).

    The figures are far above any product of NASA's cryosphere archive (largest real
    chunk 40 MB, ATL06 release 209 ``residual_histogram/count``) and far below what
    would hurt a laptop.
    """

    metadata_bytes: int = 64 * MiB
    """Metadata read per granule, bytes."""
    nodes: int = 2_000_000
    """B-tree nodes, heaps, object headers and continuation blocks per granule."""
    depth: int = 64
    """Groups within groups, and links to links."""
    links: int = 100_000
    """Links per group."""
    attributes: int = 10_000
    """Attributes per object."""
    attribute_bytes: int = 16 * MiB
    """Bytes of attributes per object."""
    chunks: int = 20_000_000
    """Allocated chunks per dataset."""
    chunk_bytes: int = 256 * MiB
    """Declared bytes of one decoded chunk."""
    filters: int = 32
    """Filters of one dataset."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """How the bytes are fetched.

    Attributes
    ----------
    latency : float
        Expected time to first byte, s. With `bandwidth` it decides how much
        unneeded data is worth reading to save a request.
    bandwidth : float
        Expected bandwidth of one connection, bytes/s.
    in_flight : int
        Requests under way at once, per granule.
    largest : int
        No request is longer than this, bytes.
    waste : float
        Bytes read and not used, at most, as a share of the bytes used.
    timeout : float
        Deadline of one call, s, however many requests it makes.
    attempts : int
        Tries per request before the failure is reported.
    hedge : float
        A request without an answer after this many seconds is sent a second time;
        the first answer wins.
    adapt : bool
        Let requests that were answered tell latency and bandwidth; else they stay as said
        here, so that equal reads make equal requests.
    """

    latency: float = 0.04
    bandwidth: float = 85e6
    in_flight: int = 96
    largest: int = 8 * MiB
    waste: float = 0.25
    timeout: float = 300.0
    attempts: int = 8
    hedge: float = 2.0
    adapt: bool = True


def default_cache_folder() -> Path:
    """``$CRYODATA_CACHE``, or ``cryodata`` in the user's cache folder (XDG)."""
    if given := os.environ.get("CRYODATA_CACHE"):
        return Path(given)
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "cryodata"


def default_access() -> str:
    """``$CRYODATA_ACCESS``, or ``auto``."""
    return os.environ.get("CRYODATA_ACCESS", "").strip().lower() or "auto"


def _physical_memory() -> int:
    """Three quarters of this machine's memory, bytes; 4 GiB where it does not tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") * 3 // 4
    except (AttributeError, ValueError, OSError):  # not a POSIX system
        return 4 * GiB


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Everything tunable of one ``open``; made once at the door and handed down."""

    access: str = field(default_factory=default_access)
    """Way to granules of Earthdata, one of `ACCESS`: ``direct`` reads S3, which answers only
    inside its region; ``external`` goes over https; ``auto`` asks S3 for one byte."""
    limits: Limits = field(default_factory=Limits)
    network: Network = field(default_factory=Network)
    cache: Path | None = field(default_factory=default_cache_folder)
    """Where indexes are kept; None keeps none on disk."""
    memory: int = field(default_factory=_physical_memory)
    """A read whose result is larger than this is refused before it starts, bytes."""
    prices: Prices = field(default_factory=Prices)
    """What requests, bytes and hours cost, for `cryodata.plan` and budgets."""
    threads: int = field(default_factory=lambda: max(2, min(32, os.cpu_count() or 2)))
    """Threads that decode chunks."""
    sidecars: str = "never"
    """One of `SIDECARS`. ``use`` takes the structure of a whole granule from the DMR++ sidecar that
    the catalogue lists beside it, once that checks out: one request in place of many. A sidecar
    says less than the file: types of attributes differ, links and kinds of variables that its
    writer does not know are not there (`docs/design/0013-sidecars.md`)."""

    def __post_init__(self) -> None:
        cache: object = self.cache
        if isinstance(cache, str):
            object.__setattr__(self, "cache", Path(cache).expanduser())
        if self.access not in ACCESS:
            raise ConfigurationError(
                f"access={self.access!r} is no way to a granule",
                fix=f"It is one of {', '.join(ACCESS)}; CRYODATA_ACCESS sets it for all.",
            )
        if self.sidecars not in SIDECARS:
            raise ConfigurationError(
                f"sidecars={self.sidecars!r} is no way to use sidecars",
                fix=f"It is one of {', '.join(SIDECARS)}.",
            )
