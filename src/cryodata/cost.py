"""What a read costs: counted requests and bytes, and what they mean in seconds and cents. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields

from cryodata.errors import ConfigurationError
from cryodata.options import Network
from cryodata.prices import Prices
from cryodata.words import money_in_words, size_in_words

__all__ = [
    "DECODED_PER_SECOND",
    "SLOWEST",
    "Budget",
    "Cost",
    "Estimate",
    "Way",
    "estimate",
]

DECODED_PER_SECOND = 250e6
"""Bytes that one thread inflates and puts in place, about; deflate at level 6."""
SLOWEST = 2.0
"""A round lasts as long as its slowest request: about twice the typical one, among a hundred."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Costs add up with ``+``.

    Attributes
    ----------
    requests : int
        GETs.
    nbytes : int
        Bytes fetched.
    rounds : int
        Rounds of requests that wait for one another; of granules side by side, of one.
    needed : int
        Bytes fetched that are used: the rest lies between them.
    decoded : int
        Bytes in memory.
    """

    requests: int = 0
    nbytes: int = 0
    rounds: int = 0
    needed: int = 0
    decoded: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(**{f.name: getattr(self, f.name) + getattr(other, f.name) for f in _FIELDS})


_FIELDS = fields(Cost)


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """A way from the object store to a machine.

    Attributes
    ----------
    title : str
    latency : float
        To the first byte, s.
    bandwidth : float
        Of all connections together, bytes/s.
    inside : bool
        Inside the cloud's region: bytes are free, and a machine there is paid by the hour.
    local : bool
        Files of this machine: nobody is paid.
    """

    title: str
    latency: float
    bandwidth: float
    inside: bool
    local: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What a cost means on one way. Seconds and dollars are models; nothing else is.

    Attributes
    ----------
    way : Way
    seconds : float
    compute : float
        US dollars for the machine; paid by whoever runs it.
    requests : float
        US dollars for requests; paid by the owner of the data.
    egress : float
        US dollars for bytes that leave the cloud; paid by the owner of the data.
    """

    way: Way
    seconds: float
    compute: float
    requests: float
    egress: float

    @property
    def dollars(self) -> float:
        """Of everybody."""
        return self.compute + self.requests + self.egress


def estimate(cost: Cost, way: Way, network: Network, prices: Prices, threads: int) -> Estimate:
    """What a cost means on one way.

    Parameters
    ----------
    cost, way, prices
    network : Network
        Requests in flight.
    threads : int
        That decode.
    """
    waiting = cost.rounds * SLOWEST * way.latency
    queueing = max(0, cost.requests - network.in_flight) / network.in_flight * way.latency
    moving = cost.nbytes / way.bandwidth
    decoding = cost.decoded / (DECODED_PER_SECOND * threads)
    seconds = waiting + max(queueing + moving, decoding)
    return Estimate(
        way=way,
        seconds=seconds,
        compute=seconds / 3600 * prices.hub_hour if way.inside else 0.0,
        requests=0.0 if way.local else cost.requests * prices.request,
        egress=0.0 if way.inside or way.local else cost.nbytes / 1e9 * prices.egress_gb,
    )


_UNITS = {"": 1, "b": 1, "kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12}
_UNITS |= {"kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40}
_BUDGET = re.compile(r"(\$?)\s*(\d[\d_,]*\.?\d*|\.\d+)\s*([a-zA-Z$]*)")


@dataclass(frozen=True, slots=True)
class Budget:
    """The most that a read may cost.

    Attributes
    ----------
    nbytes : float or None
        Bytes fetched.
    dollars : float or None
        US dollars, of everybody together.
    """

    nbytes: float | None = None
    dollars: float | None = None

    @classmethod
    def of(cls, what: float | str | Budget) -> Budget:
        """The budget a user means.

        Parameters
        ----------
        what : number or str
            A number of bytes; ``"200 MB"``; ``"5 cents"``; ``"$0.05"``.

        Raises
        ------
        ConfigurationError
            It is none.
        """
        if isinstance(what, Budget):
            return what
        if isinstance(what, int | float) and not isinstance(what, bool) and what >= 0:
            return cls(nbytes=float(what))
        found = _BUDGET.fullmatch(what.strip()) if isinstance(what, str) else None
        if found is not None:
            dollar, digits, unit = found[1], found[2], found[3].lower()
            number = float(digits.replace(",", "").replace("_", ""))
            if dollar or unit in {"$", "usd", "dollar", "dollars"}:
                if not dollar or not unit:
                    return cls(dollars=number)
            elif unit in {"c", "ct", "cent", "cents"}:
                return cls(dollars=number / 100)
            elif unit in _UNITS:
                return cls(nbytes=number * _UNITS[unit])
        raise ConfigurationError(
            f"budget={what!r} is none", fix='Write budget="200 MB" or budget="5 cents".'
        )

    def __str__(self) -> str:
        if self.dollars is not None:
            return money_in_words(self.dollars)
        return size_in_words(self.nbytes or 0)
