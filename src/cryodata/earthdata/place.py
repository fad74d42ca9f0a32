"""Where an object of Earthdata lies, seen from inside the region and from outside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from cryodata.earthdata.granule import Granule
from cryodata.earthdata.system import System, origin_of

__all__ = ["Place", "place_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Both addresses of an object.

    Attributes
    ----------
    s3, https : str
        Empty where it cannot be reached that way.
    endpoint : str
        URL that gives keys for its bucket; empty where `s3` is.
    """

    s3: str
    https: str
    endpoint: str

    @property
    def bucket(self) -> str:
        """Of S3."""
        return urlsplit(self.s3).netloc

    @property
    def url(self) -> str:
        """To be named in errors."""
        return self.s3 or self.https


def place_of(what: Any, system: System) -> Place | None:
    """Where something lies; None where it is none of Earthdata's.

    Parameters
    ----------
    what : Granule, str, or anything else
        Data hosts give ``s3://bucket/key`` at ``https://host/bucket/key``.
    system : System
        Whose hosts and buckets count.
    """
    if isinstance(what, Granule):
        return _of_granule(what, system)
    if not isinstance(what, str):
        return None
    if origin := system.endpoint_of(what):
        path = what.removeprefix("s3://")
        return Place(s3=what, https=f"{origin}/{path}", endpoint=f"{origin}/s3credentials")
    if urlsplit(what).scheme not in ("http", "https") or not system.is_data_host(what):
        return None
    origin, path = origin_of(what), urlsplit(what).path.lstrip("/")
    if system.endpoints.get(path.partition("/")[0]) == origin:
        return Place(s3=f"s3://{path}", https=what, endpoint=f"{origin}/s3credentials")
    return Place(s3="", https=what, endpoint="")


def _of_granule(granule: Granule, system: System) -> Place | None:
    """As its own record says; the table of buckets fills in what that leaves out."""
    own = granule.endpoint if system.is_data_host(granule.endpoint) else ""
    known = [place_of(url, system) for url in (granule.s3, granule.https) if url]
    places = [place for place in known if place is not None]
    if not places:
        # in no table: its https address is not one of Earthdata's, and told nothing
        return Place(s3=granule.s3, https="", endpoint=own) if own and granule.s3 else None
    endpoint = own or places[0].endpoint
    return Place(
        s3=(granule.s3 or places[0].s3) if endpoint else "",
        https=granule.https or places[0].https,
        endpoint=endpoint,
    )
