"""What reading costs whom: prices per request, byte and hour, with the day they were looked up."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Prices"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """US dollars. Override what is different for you: ``Prices(hub_hour=0.40)``.

    Attributes
    ----------
    as_of : str
        Day these prices are of.
    request : float
        One GET at the object store. Paid by its owner: NASA, for Earthdata.
    egress_gb : float
        10**9 bytes that leave the cloud. Paid by the owner, too; bytes read inside the
        region are free.
    hub_hour : float
        One hour of the machine that computes in the cloud. Paid by whoever runs the hub.

    Notes
    -----
    AWS's public prices for us-west-2: S3 Standard GET 0.0004 USD per 1,000, transfer to the
    internet 0.09 USD per GB in the first tier, and an on-demand machine with 2 processors and
    16 GiB (r6i.large). They change rarely, and are rebated for some.
    """

    as_of: str = "2026-09-01"
    request: float = 0.0004 / 1000
    egress_gb: float = 0.09
    hub_hour: float = 0.126
