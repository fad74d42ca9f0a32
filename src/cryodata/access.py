"""Which way to a granule: straight from S3 inside its region, over https outside.

Whether this machine is inside is not guessed from where it seems to run: S3 is asked for one
byte, once per bucket and process, and its answer decides.
"""

from __future__ import annotations

import math
import os
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from cryodata.earthdata.granule import Granule
from cryodata.earthdata.hosts.flight import anew
from cryodata.earthdata.identity.login import active_system
from cryodata.earthdata.leave.credentials import bucket_credentials
from cryodata.earthdata.leave.links import SignedLink
from cryodata.earthdata.place import Place, place_of
from cryodata.earthdata.system import System, origin_of
from cryodata.errors import (
    AuthError,
    ConfigurationError,
    FetchError,
    NotFoundError,
    NotInRegionError,
)
from cryodata.options import Network, Options
from cryodata.store import loop
from cryodata.store.base import Store
from cryodata.store.fetch import Fetcher
from cryodata.store.renewing import RenewingStore
from cryodata.store.resolve import open_store

__all__ = ["Way", "forget_ways", "open_granule_store", "way_to"]

PROBE_SECONDS = 10.0
"""S3 in its own region answers in a tenth of a second; this is for bad days."""
PATIENCE = 60.0
"""S3 that did not answer is not asked for a way again for so long, s."""


@dataclass(frozen=True, slots=True)
class Way:
    """How a bucket is read, and why.

    Attributes
    ----------
    direct : bool
        From S3; else over https.
    reason : str
        For the user.
    """

    direct: bool
    reason: str


def open_granule_store(
    what: Any,
    *,
    storage_options: Mapping[str, Any] | None = None,
    engine: str = "auto",
    options: Options | None = None,
) -> Store:
    """The store that reads `what`, with leave of Earthdata where that is needed.

    Parameters
    ----------
    what : Granule, str, path-like or open fsspec file
        Objects in the buckets of Earthdata, and on its data hosts, are read with the login
        of this process; everything else as `open_store` does.
    storage_options : mapping, optional
        Where given, they are used, and no login is.
    engine, options
        As of `open_store`; ``options.access`` says which way.

    Raises
    ------
    NotInRegionError
        Direct access was asked for, and S3 refuses it here.
    NotLoggedInError, LoginRejectedError, EulaRequiredError
        Earthdata does not let this user in; the message says what to do.
    ConfigurationError, MissingDependencyError
        As of `open_store`.
    """
    options = options or Options()
    system = active_system()
    place = None if storage_options else place_of(what, system)
    if place is None:
        if isinstance(what, Granule):
            what = what.s3 or what.https
        if not storage_options and system.is_public(str(what)):
            storage_options = {"anon": True}
        return open_store(what, storage_options=storage_options, engine=engine, options=options)
    way = _way_to(place, options, system)
    if way.direct:
        keys = bucket_credentials(place.endpoint, place.bucket, system)
        return RenewingStore(
            place.s3, keys.access(place.s3), engine=engine, network=options.network
        )
    link = SignedLink(place.https, system)
    return RenewingStore(place.https, link, engine=engine, network=options.network)


def way_to(what: Any, options: Options, system: System) -> Way | None:
    """The way that `open_granule_store` would take; None where it needs no leave of Earthdata."""
    place = place_of(what, system)
    return None if place is None else _way_to(place, options, system)


def _way_to(place: Place, options: Options, system: System) -> Way:
    """Direct or external: as asked for, and as S3 answers."""
    wanted = options.access
    if wanted == "external" or not place.s3:
        if not place.https or (wanted == "direct" and not place.s3):
            raise ConfigurationError(
                f"the catalogue knows no {'https' if place.s3 else 's3'} address of it",
                fix='Leave access out: access="auto" takes the one there is.',
                url=place.url,
            )
        reason = 'as access="external" says' if wanted == "external" else "it is not in S3"
        return _told(place, Way(direct=False, reason=reason))
    way = _ways.of(place, system, options.network)
    if isinstance(way, FetchError):
        if wanted == "direct" or not place.https:
            raise way
        why = f"S3 did not answer a read of one byte ({way.what})"
        return _told(place, Way(direct=False, reason=why))
    if not way.direct and (wanted == "direct" or not place.https):
        raise NotInRegionError(
            f"direct S3 works only in {system.region}, and {way.reason}",
            fix='access="auto" (or leaving it out) reads the same bytes over https.',
            url=place.url,
        )
    return _told(place, way)


class _Ways:
    """What S3 answered to probes, per bucket, in this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asking: dict[tuple[str, str], threading.Lock] = {}
        self._known: dict[tuple[str, str], Way] = {}
        self._failed: dict[tuple[str, str], tuple[float, FetchError]] = {}
        self._told: set[tuple[str, bool]] = set()

    def of(self, place: Place, system: System, network: Network) -> Way | FetchError:
        """The way to a bucket; one probe, however many ask.

        An error where S3 does not answer, now or within the last minute: that says nothing of
        the region.
        """
        key = (place.endpoint, place.bucket)
        with self._lock:
            turn = self._asking.setdefault(key, threading.Lock())
        with turn:
            if key not in self._known:
                when, failure = self._failed.get(key, (-math.inf, FetchError()))
                if time.monotonic() - when < PATIENCE:
                    return anew(failure)
                found = _probe(place, system, network)
                if isinstance(found, FetchError):
                    self._failed[key] = (time.monotonic(), anew(found))
                    return found
                self._known[key] = found
            return self._known[key]

    def is_news(self, place: Place, way: Way) -> bool:
        """Whether the user was not told yet."""
        said = (place.bucket or origin_of(place.https), way.direct)
        with self._lock:
            news = said not in self._told
            self._told.add(said)
        return news


_ways = _Ways()


def forget_ways() -> None:
    """Ask S3 again at the next granule: this machine, or its network, has moved."""
    global _ways  # noqa: PLW0603 - one per process
    _ways = _Ways()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=forget_ways)  # its locks are held by nobody there


def _probe(place: Place, system: System, network: Network) -> Way | FetchError:
    """Ask S3 for the first byte of an object, with keys that come from elsewhere.

    What fails about the keys is raised; that S3 itself does not answer is an outcome.
    """
    access = bucket_credentials(place.endpoint, place.bucket, system).access(place.s3)
    loop.run(access.grant())  # what fails here is no matter of the region
    patience = replace(network, timeout=min(network.timeout, PROBE_SECONDS))
    fetcher = Fetcher(RenewingStore(place.s3, access, network=patience), patience)
    try:
        loop.run(fetcher.head(1))
    except NotFoundError:
        pass  # S3 lets this machine ask: the read will say what is missing
    except FetchError as error:
        return anew(error)
    except AuthError as error:
        if type(error) is not AuthError:  # not about the region: login, licence, clock
            raise
        return Way(direct=False, reason="S3 refused a read of one byte here")
    finally:
        fetcher.close()
    return Way(direct=True, reason="it answered a read of one byte")


def _told(place: Place, way: Way) -> Way:
    """Tell the user once which way is taken."""
    if _ways.is_news(place, way):
        if way.direct:
            line = f"s3://{place.bucket} is read directly: {way.reason}"
        else:
            line = f"{origin_of(place.https)} is read over https: {way.reason}"
        print(f"cryodata: {line}", file=sys.stderr)  # noqa: T201 - news for the user, no result
    return way
