"""Who the user is to one Earthdata Login: a token, and whatever gives the next one."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from cryodata.earthdata.hosts import clock
from cryodata.earthdata.hosts.http import Client, Clients
from cryodata.earthdata.hosts.process import PerProcess
from cryodata.earthdata.hosts.proof import Basic
from cryodata.earthdata.hosts.secret import Secret
from cryodata.earthdata.identity.edl import check_token, judge_expiry, token_for
from cryodata.earthdata.identity.sources import Source, not_logged_in
from cryodata.earthdata.identity.token import Token
from cryodata.errors import AuthError, CryodataError, FetchError, LoginRejectedError

__all__ = ["Account"]

_log = logging.getLogger(__name__)

_EARLY = 300.0
"""A token is renewed when less than this remains, or a tenth of its life if that is less, s."""


class Account:
    """A user at one Earthdata Login, logged in. Thread-safe; a child of fork goes on with it.

    Parameters
    ----------
    edl : str
        Origin of Earthdata Login.
    find : callable
        Where the login comes from. Asked now, and again when the token is over: an
        environment or a provider may have another by then. None means there is nothing.
    checked : bool
        The token is known to be good: Earthdata Login is not asked.

    Raises
    ------
    NotLoggedInError
        There is nothing to log in with.
    LoginRejectedError, TokenExpiredError, ClockSkewError, AuthError
        Refused: see `check_token` and `token_for`.
    FetchError
        Earthdata Login does not work, or cannot be reached.
    """

    __slots__ = ("_clients", "_due", "_find", "_lock", "_source", "_token", "edl", "means")

    def __init__(
        self, edl: str, find: Callable[[], Source | None], *, checked: bool = False
    ) -> None:
        self.edl = edl
        self.means = ""
        self._find = find
        self._lock = PerProcess(threading.Lock)
        self._clients = PerProcess(Clients)
        source = find()
        if source is None:
            raise not_logged_in(edl)
        self._source = source
        self._token = self._admit(source, checked=checked)
        self._due = _due(self._token)

    def __repr__(self) -> str:
        return f"Account({self.means or 'not yet logged in'!r}, edl={self.edl!r})"

    @property
    def user(self) -> str:
        """Name of the user."""
        return self._token.user

    @property
    def expires(self) -> float:
        """When the present token ends, s since 1970-01-01 UTC."""
        return self._token.expires

    @property
    def secret(self) -> Secret:
        """The present token as it is, also where it is over."""
        return self._token.secret

    @property
    def basic(self) -> Basic | None:
        """User and password, where they are known and are this user's."""
        source = self._source
        if source.password is None or not _same_user(source, self._token):
            return None
        return Basic(source.user, source.password)

    @property
    def basic_means(self) -> str:
        """What the password is and where it comes from, for errors."""
        return self._source.basic_means

    def client(self, url: str) -> Client:
        """What asks the origin of a URL, with the cookies this user has there."""
        return self._clients.get().of(url)

    def token(self) -> Token:
        """A token that is good by its own word; a new one where it is about to end.

        Raises
        ------
        TokenExpiredError, ClockSkewError
            It is over, and nothing gives another.
        """
        if clock.now() < self._due:
            return self._token
        with self._lock.get():
            if clock.now() >= self._due:
                self._renew()
            return self._token

    def replace(self, refused: Token) -> Token:
        """Another token than one that a host refused.

        Raises
        ------
        TokenExpiredError
            Earthdata Login refuses it too, and nothing gives another.
        AuthError
            Earthdata Login takes it: the host is at fault.
        """
        with self._lock.get():
            if self._token.secret == refused.secret and not self._renew_unless(refused):
                check_token(self.client(self.edl), refused, self.means)
                raise AuthError(
                    f"a data host refuses the {self.means}, which Earthdata Login takes",
                    fix="Try again later; see https://status.earthdata.nasa.gov.",
                )
            return self._token

    def _renew(self) -> None:
        """Put another token in place, or leave the old one while it lasts."""
        old = self._token
        failure: CryodataError | None = None
        try:
            if self._renew_unless(old):
                return
        except (AuthError, FetchError) as error:
            failure = error
        if not old.is_over:
            # It serves to its end: Earthdata Login gives the same token while that is good.
            self._due = old.expires
            if failure is not None:
                _log.warning("Earthdata gives no new token yet (%s)", type(failure).__name__)
            return
        raise failure or judge_expiry(self.client(self.edl), old, self.means)

    def _renew_unless(self, old: Token) -> bool:
        """Ask for a token; False where there is none but the old one."""
        source = self._find()
        if source is None:
            return False
        if source.token is not None and source.token == old.secret:
            if source.password is None or self.basic is None:
                return False
            source = _without_token(source)
        token = self._admit(source)
        self._source = source
        if token.secret == old.secret:
            return False
        self._token, self._due = token, _due(token)
        return True

    def _admit(self, source: Source, *, checked: bool = False) -> Token:
        """A good token from what there is: its own, or else one for the password."""
        client = self.client(self.edl)
        if source.token is not None:
            token = Token.read(source.token, source.bearer_means)
            try:
                if token.is_over:
                    raise judge_expiry(client, token, source.bearer_means)
                if not checked:
                    check_token(client, token, source.bearer_means)
            except LoginRejectedError:
                if source.password is None or not _same_user(source, token):
                    raise
            else:
                self.means = source.bearer_means
                return token
        if source.password is None:
            raise not_logged_in(self.edl)
        token = token_for(client, Basic(source.user, source.password), source.basic_means)
        self.means = source.basic_means
        return token


def _same_user(source: Source, token: Token) -> bool:
    """Whether password and token are of one user; users type their name in any case."""
    return source.user.lower() == token.user.lower()


def _without_token(source: Source) -> Source:
    return Source(user=source.user, password=source.password, basic_means=source.basic_means)


def _due(token: Token) -> float:
    left = token.expires - clock.now()
    return token.expires - min(_EARLY, left / 10)
