"""Keys that renew: one source for each bucket and process, asked as seldom as can be."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from cryodata.earthdata.hosts import clock
from cryodata.earthdata.hosts.flight import arrival, landing
from cryodata.earthdata.hosts.process import PerProcess
from cryodata.earthdata.identity.login import current_login, generation
from cryodata.earthdata.leave.data_host import visit
from cryodata.earthdata.leave.keys import Keys
from cryodata.earthdata.leave.supply import Supply
from cryodata.earthdata.system import System, origin_of
from cryodata.errors import AuthError, CredentialsExpiredError
from cryodata.types import Grant

__all__ = ["BucketAccess", "BucketCredentials", "bucket_credentials"]

_HEADERS = {"app-name": "cryodata"}
"""Data hosts ask tools to say who they are: it names the session (thin-egress-app)."""
_EARLY, _EARLY_SHARE = 300.0, 0.05
"""Keys are renewed when 5 min, or this share of their life if that is less, remains: or a
little later, so that processes that began together do not ask together."""
_YOUNG = 1 / 3
"""Keys that S3 refuses within this share of their life, and that had been asked for because
it refused others, have not ended: something else is wrong."""


class BucketCredentials:
    """Gives keys for a bucket: the ones there are, or new ones when those are about to end.

    Asked for by many threads and tasks at once it makes one request; asked by nobody it
    makes none. While new keys cannot be had the last ones serve until they end. Pickles
    to where to ask: where it arrives, it asks as the login of that process. A child of
    fork starts anew.

    Get one from `bucket_credentials`: it keeps one for each bucket.

    Parameters
    ----------
    endpoint : str
        URL that gives keys, ``https://host/s3credentials``.
    bucket : str
        Name of the bucket.
    system : System
        Whose login it takes.
    """

    __slots__ = ("_supply", "bucket", "endpoint", "system")

    def __init__(self, endpoint: str, bucket: str, system: System) -> None:
        self.endpoint = endpoint
        self.bucket = bucket
        self.system = system
        self._supply: PerProcess[Supply[Keys]] = PerProcess(lambda: Supply(f"keys for {bucket}"))

    def __repr__(self) -> str:
        return f"BucketCredentials({self.endpoint!r}, {self.bucket!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return bucket_credentials, (self.endpoint, self.bucket, self.system)

    def keys(self, stale_serial: int | None = None) -> Keys:
        """Keys that are good for now; waits where there are none.

        Parameters
        ----------
        stale_serial : int, optional
            `Keys.serial` of keys that S3 calls over: give others. They are asked for once,
            whoever complains of them.

        Raises
        ------
        CredentialsExpiredError
            S3 refuses keys that have just come.
        AuthError
            As `visit`: not logged in, refused, a licence to approve, the clock.
        FetchError
            As `visit`: the data host does not work or cannot be reached.
        """
        found = self._look(stale_serial)
        return found if isinstance(found, Keys) else landing(found)

    async def akeys(self, stale_serial: int | None = None) -> Keys:
        """As `keys`, from any event loop."""
        found = self._look(stale_serial)
        return found if isinstance(found, Keys) else await arrival(found)

    def access(self, url: str) -> BucketAccess:
        """Leave to read one object of the bucket, ``s3://bucket/key``."""
        return BucketAccess(url, self)

    def _look(self, stale: int | None) -> Keys | Future[Keys]:
        """Keys that will do, or those that are on their way."""

        def serves(keys: Keys) -> bool:
            if keys.serial != stale:
                return not keys.are_over
            if keys.forced and clock.now() - keys.start < _YOUNG * keys.life:
                raise CredentialsExpiredError(
                    "S3 refuses keys that have just come",
                    fix="Is this machine's clock right? Else try again in a minute.",
                )
            return False

        def make(last: Keys | None) -> Keys:
            reply = visit(current_login(self.system), self.endpoint, headers=_HEADERS)
            forced = last is not None and last.serial == stale
            return replace(Keys.read(reply), forced=forced)

        login = generation(self.system.edl)
        return self._supply.get().look(login, make, serves=serves, due=_is_due)


class BucketAccess:
    """Leave to read one object of a bucket: an `Access`. Pickles without secrets.

    Attributes
    ----------
    url : str
        ``s3://bucket/key``.
    credentials : BucketCredentials
        Gives the keys.
    """

    __slots__ = ("credentials", "url")

    curable: tuple[type[AuthError], ...] = (CredentialsExpiredError,)

    def __init__(self, url: str, credentials: BucketCredentials) -> None:
        self.url = url
        self.credentials = credentials

    def __repr__(self) -> str:
        return f"BucketAccess({self.url!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return BucketAccess, (self.url, self.credentials)

    async def grant(self, *, stale: Grant | None = None) -> Grant:
        """Leave to read with the keys of now; see `Access.grant`."""
        system = self.credentials.system
        keys = await self.credentials.akeys(stale.serial if stale is not None else None)
        client = {"region_name": system.region}
        if system.s3:
            client["endpoint_url"] = system.s3
        return Grant(
            url=self.url,
            options={**keys.options(), "client_kwargs": client},
            expires=keys.expires,
            serial=keys.serial,
        )


def _is_due(keys: Keys) -> bool:
    early = min(_EARLY, _EARLY_SHARE * keys.life)
    return clock.now() >= keys.expires - early * (0.5 + 0.5 * keys.chance)


_known: dict[tuple[str, ...], BucketCredentials] = {}


def bucket_credentials(endpoint: str, bucket: str, system: System) -> BucketCredentials:
    """The source of keys for a bucket in this process.

    Parameters
    ----------
    endpoint : str
        URL that gives keys, or the origin of a data host, which gives them at
        ``/s3credentials``.
    bucket : str
        Name of the bucket.
    system : System
        Whose login it takes. Its hosts alone are told who asks.
    """
    if urlsplit(endpoint).path in ("", "/"):
        endpoint = f"{origin_of(endpoint)}/s3credentials"
    fresh = BucketCredentials(endpoint, bucket, system)
    where = (endpoint, bucket, system.edl, system.s3, system.region)
    return _known.setdefault(where, fresh)
