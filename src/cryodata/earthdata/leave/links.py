"""Signed links: an object on a data host, resolved once and read many times."""

from __future__ import annotations

import itertools
import threading
from collections import OrderedDict
from concurrent.futures import Future
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryodata.earthdata.hosts import clock
from cryodata.earthdata.hosts.flight import arrival
from cryodata.earthdata.hosts.process import PerProcess
from cryodata.earthdata.hosts.reply import Reply
from cryodata.earthdata.identity.login import current_login, generation
from cryodata.earthdata.leave.data_host import location, visit
from cryodata.earthdata.leave.supply import Supply
from cryodata.earthdata.system import System
from cryodata.errors import AuthError, ServiceError
from cryodata.types import Grant

__all__ = ["SignedLink"]

_HEADERS = {"Range": "bytes=0-0"}
"""The host asks S3 for the head of what is named: of one byte, whatever the object."""
_UNKNOWN_LIFE = 600.0
"""Of links that do not say, s; NASA's last an hour."""
_MARGIN, _MARGIN_SHARE = 30.0, 0.1
"""A link is not used in its last 30 s, or tenth of its life: a read takes its time."""
_KEPT = 4096
"""Links remembered by a process; each has about 800 bytes."""

_serials = itertools.count(1)


class SignedLink:
    """Leave to read one object through a data host: an `Access`.

    The host is asked once and says where to read, by a link that holds leave itself; the
    link serves until it ends. All who read the object in this process share it. Pickles
    to the URL: where it arrives, it asks as the login of that process.

    Parameters
    ----------
    url : str
        ``https://datahost/bucket/key``.
    system : System
        Whose login it takes, and whose hosts a link may lead to.
    """

    __slots__ = ("system", "url")

    curable: tuple[type[AuthError], ...] = (AuthError,)

    def __init__(self, url: str, system: System) -> None:
        self.url = url.partition("?")[0]
        self.system = system

    def __repr__(self) -> str:
        return f"SignedLink({self.url!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return SignedLink, (self.url, self.system)

    async def grant(self, *, stale: Grant | None = None) -> Grant:
        """The link of now; see `Access.grant`.

        Raises
        ------
        NotFoundError
            There is no such object.
        ServiceError
            The host leads to where no link of Earthdata leads; nothing was sent there.
        AuthError, FetchError
            As `visit`.
        """
        found = self._look(stale)
        return found if isinstance(found, Grant) else await arrival(found)

    def _look(self, stale: Grant | None) -> Grant | Future[Grant]:
        """A link that will do, or one that is on its way."""
        refused = stale.serial if stale is not None else None

        def make(_: Grant | None) -> Grant:
            return self._granted(visit(current_login(self.system), self.url, headers=_HEADERS))

        return (
            _links.get()
            .of(self.url, self.system.edl)
            .look(
                generation(self.system.edl),
                make,
                serves=lambda grant: grant.expires > clock.now() and grant.serial != refused,
                due=lambda grant: False,
            )
        )

    def _granted(self, reply: Reply) -> Grant:
        to = location(reply, self.url)
        if not to:
            raise reply.nonsense("a signed link was expected")
        if not self.system.is_signer(to):
            raise ServiceError(
                f"{urlsplit(self.url).netloc} leads to {urlsplit(to).netloc}, where no link of"
                " Earthdata leads; nothing was sent there",
                fix="If it should, name it in System(signers=...).",
                url=self.url,
            )
        return Grant(url=to, expires=clock.now() + _life(reply, to), serial=next(_serials))


def _life(reply: Reply, link: str) -> float:
    """How long a link may be used, s: what reply and link say, less a margin."""
    sent = reply.date if reply.date is not None else clock.now()
    if not clock.ahead(sent):
        sent = clock.now()
    said = [_max_age(reply.headers.get("Cache-Control", "")), _signed_until(link) - sent]
    life = min((span for span in said if span > 0), default=0.0)
    if life == float("inf"):
        life = _UNKNOWN_LIFE
    return life - min(_MARGIN, _MARGIN_SHARE * life)


def _max_age(cache_control: str) -> float:
    """``max-age`` of a header, s; infinite where it does not say, or says nothing is kept.

    Hosts take a minute off the life of the link for it, and so come to nothing, or less,
    for short ones.
    """
    for part in cache_control.split(","):
        name, _, value = part.strip().partition("=")
        if name.lower() == "max-age" and value.isascii() and value.isdigit() and int(value):
            return float(value)
    return float("inf")


def _signed_until(link: str) -> float:
    """When a link ends by its own word, s since 1970; infinite where it does not say.

    ``Expires`` is CloudFront's and that of S3's old signatures, ``X-Amz-Expires`` (s after
    ``X-Amz-Date``) that of its new ones.
    """
    fields = {name.lower(): values[0] for name, values in parse_qs(urlsplit(link).query).items()}
    try:
        if "expires" in fields:
            return float(fields["expires"])
        start = datetime.strptime(fields["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        return start.timestamp() + float(fields["x-amz-expires"])
    except (KeyError, ValueError):
        return float("inf")


class _Links:
    """The links of this process; those that were not asked for longest are forgotten."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._links: OrderedDict[tuple[str, str], Supply[Grant]] = OrderedDict()

    def of(self, url: str, edl: str) -> Supply[Grant]:
        """The link of an object."""
        with self._lock:
            supply = self._links.setdefault((url, edl), Supply("links"))
            self._links.move_to_end((url, edl))
            while len(self._links) > _KEPT:
                self._links.popitem(last=False)
            return supply


_links = PerProcess(_Links)
