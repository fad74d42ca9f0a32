"""Questions to Earthdata Login and the data hosts: each to one origin, led nowhere else."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from cryodata.earthdata.hosts.proof import Nobody, Proof
from cryodata.earthdata.hosts.reply import UNJUDGED, Reply, unwilling
from cryodata.earthdata.system import LOOPBACK, is_clear, origin_of
from cryodata.errors import (
    ConfigurationError,
    CryodataError,
    FetchError,
    FetchTimeoutError,
    MissingDependencyError,
    ServiceError,
    ThrottledError,
)

if TYPE_CHECKING:
    from requests import Response, Session

__all__ = ["Client", "Clients", "Deadline"]

_CONNECT = 5.0
"""For a connection to stand, s."""
_TOTAL = 10.0
"""For an answer in all, repeats included, s."""
_LARGEST = 1 << 20
"""Bytes of body, where nobody says otherwise. Tokens, keys and profiles have a few thousand."""
_ATTEMPTS = 4
_FIRST_PAUSE = 0.2
_PASSING = frozenset({408, 429, 500, 502, 503, 504})
"""Statuses that a repeat may cure (RFC 9110, 15)."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """When an answer has to be there; shared by requests that make up one question.

    Attributes
    ----------
    end : float
        On the clock of `time.monotonic`, s.
    """

    end: float = field(default_factory=lambda: time.monotonic() + _TOTAL)

    @property
    def left(self) -> float:
        """Seconds; never negative."""
        return max(0.0, self.end - time.monotonic())


class Client:
    """Asks one origin. Keeps connections and the cookies of that origin; thread-safe.

    Redirects are answers, not followed. Proxies and CA bundles are those of `requests`
    (``HTTPS_PROXY``, ``REQUESTS_CA_BUNDLE``); netrc is never looked at. Nothing goes
    through a proxy unencrypted: ``http://`` is for loopback alone, without one.

    Parameters
    ----------
    origin : str
        ``https://host`` or ``https://host:port``.
    largest : int
        Bytes of body that are taken.

    Raises
    ------
    ConfigurationError
        The origin is neither https nor loopback.
    MissingDependencyError
        requests is not installed.
    """

    __slots__ = ("_largest", "_session", "origin")

    def __init__(self, origin: str, *, largest: int = _LARGEST) -> None:
        parts = urlsplit(origin)
        if parts.scheme != "https" and (parts.scheme != "http" or parts.hostname not in LOOPBACK):
            raise ConfigurationError(
                f"{origin} is not asked: what is sent to it could be read on the way",
                fix="Use https://; http:// is for loopback alone.",
            )
        self.origin = origin
        self._largest = largest
        self._session = _session(trusting=parts.scheme == "https")

    def __repr__(self) -> str:
        return f"Client({self.origin!r})"

    @property
    def has_cookies(self) -> bool:
        """Whether the origin has set one that is still good."""
        self._session.cookies.clear_expired_cookies()
        return len(self._session.cookies) > 0

    def forget_cookies(self) -> None:
        """Be a stranger again."""
        self._session.cookies.clear()

    def close(self) -> None:
        """Give the connections back."""
        self._session.close()

    def ask(
        self,
        method: str,
        url: str,
        *,
        proof: Proof | None = None,
        headers: Mapping[str, str] | None = None,
        form: Sequence[tuple[str, str]] = (),
        deadline: Deadline | None = None,
    ) -> Reply:
        """One answer, whatever its status below 500; asked for again a few times if need be.

        Parameters
        ----------
        method, url : str
            The URL is of the client's own origin.
        proof : Proof, optional
            Who asks; nobody by default. What is to be sent `once` is repeated only where
            the server says, or the network shows, that it was not looked at.
        headers : mapping, optional
            Nothing secret.
        form : sequence of pairs
            Sent as a form where there are any; nothing secret.
        deadline : Deadline, optional
            In 10 s by default.

        Raises
        ------
        ThrottledError
            The server asks to slow down, and kept asking.
        FetchTimeoutError
            No answer in time.
        ServiceError
            The server failed, or answers something too large.
        FetchError
            The network failed.
        """
        if origin_of(url) != self.origin or not is_clear(url):
            raise ConfigurationError(f"{origin_of(url)} is not {self.origin}")
        deadline = deadline or Deadline()
        proof = proof or Nobody()
        for attempt in range(1, _ATTEMPTS + 1):
            outcome = self._try(method, url, proof, headers or {}, form, deadline)
            if isinstance(outcome, _Failure):
                failure = outcome.error
                again = not outcome.final and (outcome.unsent or not proof.once)
            elif outcome.status in _PASSING or outcome.status >= 500:
                failure = unwilling(outcome)
                again = outcome.status in (UNJUDGED if proof.once else _PASSING)
            else:
                return outcome
            wait = _pause(failure, attempt)
            if attempt == _ATTEMPTS or not again or 2 * wait >= deadline.left:
                break  # what is left would not do for an answer
            time.sleep(wait)
        del url  # some tracebacks show what names stand for, and a query may hold a code
        raise failure

    def _try(
        self,
        method: str,
        url: str,
        proof: Proof,
        headers: Mapping[str, str],
        form: Sequence[tuple[str, str]],
        deadline: Deadline,
    ) -> Reply | _Failure:
        """Send a request once.

        Says what failed instead of raising it: errors of `requests` carry the request,
        and with it the proof.
        """
        left = max(0.05, deadline.left)
        try:
            with self._session.request(
                method,
                url,
                auth=proof,
                headers=dict(headers),
                data=list(form) or None,
                timeout=(min(_CONNECT, left), left),
                allow_redirects=False,
                stream=True,
            ) as response:
                body = _body(response, deadline, self._largest)
                if body is None:
                    return _Failure(_too_much(url, self._largest), final=True)
                return Reply(
                    status=response.status_code,
                    url=_plain(url),
                    headers=response.headers,
                    body=body,
                )
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told in our words
            return _explain(error, url)


class Clients:
    """A client for each origin, made at first use; thread-safe."""

    __slots__ = ("_clients", "_lock")

    def __init__(self) -> None:
        self._clients: dict[str, Client] = {}
        self._lock = threading.Lock()

    def of(self, url: str) -> Client:
        """The client for the origin of a URL."""
        origin = origin_of(url)
        with self._lock:
            client = self._clients.get(origin)
            if client is None:
                client = self._clients[origin] = Client(origin)
            return client


@dataclass(frozen=True, slots=True)
class _Failure:
    """No answer: why, whether the request surely did not arrive, whether a repeat is vain."""

    error: FetchError
    unsent: bool = False
    final: bool = False


def _session(*, trusting: bool) -> Session:
    try:
        import requests
    except ImportError as error:
        raise MissingDependencyError(
            "requests is not installed", fix='pip install "cryodata-earth[earthdata]".'
        ) from error
    session = requests.Session()
    session.auth = Nobody()
    session.trust_env = trusting
    # A redirect is an answer: otherwise its body is read whole, and a next request prepared.
    session.get_redirect_target = lambda resp: None  # type: ignore[method-assign]  # on purpose
    session.headers["User-Agent"] = f"cryodata/{_version()}"
    session.headers["Accept-Encoding"] = "identity"  # what is counted is what was sent
    return session


def _version() -> str:
    try:
        return version("cryodata-earth")
    except PackageNotFoundError:
        return "0"


def _body(response: Response, deadline: Deadline, largest: int) -> bytes | None:
    """The body as it arrives; None where it is too large."""
    body = bytearray()
    while piece := response.raw.read1(1 << 16, decode_content=True):
        body += piece
        if len(body) > largest:
            return None
        if not deadline.left:
            raise TimeoutError
    return bytes(body)


def _explain(error: Exception, url: str) -> _Failure:
    """What `requests` ran into, in our words; nothing of its text, which has the query."""
    from requests import exceptions as theirs
    from urllib3 import exceptions as deeper

    host, where = urlsplit(url).netloc, _plain(url)
    unsent = isinstance(error, theirs.ConnectTimeout | theirs.ProxyError) or isinstance(
        getattr(error.args[0] if error.args else None, "reason", None), deeper.NewConnectionError
    )
    if isinstance(error, theirs.Timeout | deeper.TimeoutError | TimeoutError):
        late = FetchTimeoutError(f"{host} did not answer in time", url=where)
        late.fix = "Try again; see https://status.earthdata.nasa.gov."
        return _Failure(late, unsent)
    what, fix = "cannot be reached", "Is this machine online? A proxy is set by HTTPS_PROXY."
    if isinstance(error, theirs.SSLError):
        what = "shows a certificate that is not trusted here"
        fix = "Behind a proxy that opens TLS, set REQUESTS_CA_BUNDLE to its certificate."
    elif isinstance(error, theirs.ProxyError):
        what, fix = "cannot be reached through the proxy", "Look at HTTPS_PROXY and NO_PROXY."
    elif not isinstance(error, OSError | deeper.HTTPError):
        what, fix = f"could not be asked ({type(error).__name__})", ""
    return _Failure(FetchError(f"{host} {what}", fix=fix, url=where), unsent)


def _too_much(url: str, largest: int) -> ServiceError:
    return ServiceError(
        f"{urlsplit(url).netloc} answers more than the {largest >> 20} MiB that are taken of it",
        fix="See https://status.earthdata.nasa.gov, and try again later.",
        url=_plain(url),
    )


def _pause(error: CryodataError, attempt: int) -> float:
    """Seconds before the next try: full jitter, and never before ``Retry-After``."""
    asked = error.retry_after if isinstance(error, ThrottledError) else 0.0
    return asked + random.uniform(0.0, _FIRST_PAUSE * 2.0**attempt)  # noqa: S311 - spreads load


def _plain(url: str) -> str:
    """A URL without its query string."""
    return url.partition("?")[0]
