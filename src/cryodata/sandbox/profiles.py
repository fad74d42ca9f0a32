"""How far away the sandbox's cloud seems: time to first byte and bandwidth."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from cryodata.errors import ConfigurationError, close_names

__all__ = ["PROFILES", "LogNormal", "Profile", "as_profile"]


@dataclass(frozen=True, slots=True)
class LogNormal:
    """Time to first byte, log-normal as object stores show it.

    Attributes
    ----------
    median : float
        Seconds.
    sigma : float
        Standard deviation of the logarithm; 0 makes every first byte take `median`.
    tail : float
        Share of first bytes (0-1) that take `tail_factor` times longer.
    tail_factor : float
        See `tail`.
    """

    median: float
    sigma: float = 0.0
    tail: float = 0.0
    tail_factor: float = 10.0

    def sample(self, rng: random.Random) -> float:
        """One time to first byte, s."""
        seconds = self.median * math.exp(rng.gauss(0.0, self.sigma))
        return seconds * self.tail_factor if rng.random() < self.tail else seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One distance between reader and data.

    Attributes
    ----------
    name : str
        What reports print.
    first_byte : LogNormal or None
        Time from request to first byte of the reply; None adds nothing.
    connection : float
        Bytes/s of one connection; infinite where not limited.
    link : float
        Bytes/s of all connections together; infinite where not limited.
    """

    name: str
    first_byte: LogNormal | None = None
    connection: float = math.inf
    link: float = math.inf


_IN_REGION = LogNormal(0.040, 0.40)

PROFILES: Mapping[str, Profile] = MappingProxyType(
    {
        profile.name: profile
        for profile in (
            Profile(name="none"),
            Profile(name="in_region", first_byte=_IN_REGION, connection=85e6, link=1250e6),
            Profile(name="slow", first_byte=LogNormal(0.060, 0.50), connection=50e6, link=1250e6),
            Profile(
                name="out_of_region",
                first_byte=LogNormal(0.180, 0.30),
                connection=12e6,
                link=60e6,
            ),
            Profile(
                name="tail",
                first_byte=LogNormal(_IN_REGION.median, _IN_REGION.sigma, tail=0.01),
                connection=85e6,
                link=1250e6,
            ),
        )
    }
)
"""Distances by name.

``in_region`` follows AWS's figures for S3 (one request in flight per 85-90 MB/s, small
requests in tens of milliseconds) and a 10 Gb/s instance; ``tail`` adds one slow first
byte in a hundred, ten times slower; ``out_of_region`` is a home connection.
"""


def as_profile(what: str | Profile) -> Profile:
    """A profile by its name, or the profile itself.

    Raises
    ------
    ConfigurationError
        If no profile has that name.
    """
    if isinstance(what, Profile):
        return what
    if what not in PROFILES:
        raise ConfigurationError(
            f"no network profile is called {what!r}", fix=close_names(what, PROFILES)
        )
    return PROFILES[what]
