"""Who reads: one login for each process and Earthdata, found at need, kept in memory alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, get_args

from cryodata.earthdata.hosts import clock
from cryodata.earthdata.hosts.flight import Flight, landing
from cryodata.earthdata.hosts.http import Client
from cryodata.earthdata.hosts.process import PerProcess
from cryodata.earthdata.identity.account import Account
from cryodata.earthdata.identity.given import from_arguments, from_provider
from cryodata.earthdata.identity.sources import (
    Source,
    can_ask,
    from_environment,
    from_netrc,
    from_prompt,
    not_logged_in,
)
from cryodata.earthdata.identity.theirs import from_running_earthaccess, system_of, to_earthaccess
from cryodata.earthdata.system import System
from cryodata.errors import ConfigurationError, close_names

__all__ = [
    "Login",
    "Strategy",
    "active_system",
    "adopt",
    "current_login",
    "generation",
    "given_login",
    "login",
    "set_provider",
]

Strategy = Literal["auto", "environment", "netrc", "interactive"]


class Login:
    """A user who is logged in. Prints who and how; nothing secret.

    Pickles to its system alone: where it arrives it is the login of that process, which is
    found there (see `current_login`).

    Attributes
    ----------
    system : System
        Where it counts.
    account : Account
        The user there, with the token.
    """

    __slots__ = ("account", "system")

    def __init__(self, system: System, account: Account) -> None:
        self.system = system
        self.account = account

    @property
    def user(self) -> str:
        """Name of the user."""
        return self.account.user

    @property
    def means(self) -> str:
        """How, and where it came from: ``token from EARTHDATA_TOKEN``."""
        return self.account.means

    @property
    def expires(self) -> float:
        """When the present token ends, s since 1970-01-01 UTC; a password gives another."""
        return self.account.expires

    def authorization(self, url: str) -> dict[str, str]:
        """The header that shows a data host who asks; empty for any other host.

        May ask Earthdata Login for a new token where the present one is about to end.

        Raises
        ------
        TokenExpiredError
            The token is over, and nothing gives another.
        """
        if not self.system.is_data_host(url):
            return {}
        return {"Authorization": f"Bearer {self.account.token().secret.reveal()}"}

    def client(self, url: str) -> Client:
        """What asks the origin of a URL, with the cookies this user has there."""
        return self.account.client(url)

    def to_earthaccess(self) -> Any:
        """An ``earthaccess.Auth`` with this token, and the password where it is known.

        Raises
        ------
        MissingDependencyError
            earthaccess is not installed.
        TokenExpiredError
            The token is over, and nothing gives another.
        """
        account = self.account
        return to_earthaccess(self.system, account.token().secret, account.basic)

    def __repr__(self) -> str:
        return f"<Login of {self}>"

    def __str__(self) -> str:
        return f"{self.user} ({self.means}, until {clock.day(self.expires)})"

    def __reduce__(self) -> tuple[Any, ...]:
        return current_login, (self.system,)


class _Logins:
    """The logins of this process, by the origin of Earthdata Login.

    Each change is one operation on a dict: threads need no lock, and a child of fork goes
    on with what its parent had.
    """

    def __init__(self) -> None:
        self.given: dict[str, Account] = {}
        self.found: dict[str, Account] = {}
        self.providers: dict[str, Callable[[], Any]] = {}
        self.generations: dict[str, int] = {}
        self.system: System | None = None
        self.searches: PerProcess[dict[str, Flight[Account]]] = PerProcess(dict)

    def present(self, edl: str) -> Account | None:
        """The one there is, if any."""
        return self.given.get(edl) or self.found.get(edl)

    def search(self, edl: str) -> Account:
        """One that is found now; whoever asks meanwhile gets the same, or the same error."""
        flight = self.searches.get().setdefault(edl, Flight("cryodata-login"))
        return landing(flight.start(lambda: self._search(edl)))

    def _search(self, edl: str) -> Account:
        account = self.present(edl)  # another search may just have ended
        if account is None:
            account = self.found[edl] = Account(edl, lambda: _find(edl))
        return account

    def anew(self, edl: str) -> None:
        """Forget what was found: from now on it is another login."""
        self.found.pop(edl, None)
        self.generations[edl] = self.generations.get(edl, 0) + 1


_logins = _Logins()


def login(
    strategy: Strategy = "auto",
    *,
    token: str | None = None,
    username: str | None = None,
    password: str | None = None,
    auth: Any = None,
    system: System | None = None,
    quiet: bool = False,
) -> Login:
    """Log in to Earthdata, once for this process; says who is logged in and by what means.

    Token or password are shown to Earthdata Login at once: a bad one is found here and
    not at the first read. Nothing is written to disk.

    Parameters
    ----------
    strategy : str
        ``"environment"`` (``EARTHDATA_TOKEN``, or ``EARTHDATA_USERNAME`` and
        ``EARTHDATA_PASSWORD``), ``"netrc"`` (``$NETRC`` or ``~/.netrc``),
        ``"interactive"`` (a prompt), or ``"auto"``: what is given here, then a login of
        earthaccess in this process, then those three, with the prompt only where
        somebody is there to type.
    token : str, optional
        Of Earthdata Login (Generate Token in the profile).
    username, password : str, optional
        Give a new token whenever one is over, so that work can go on for months.
    auth : earthaccess.Auth, optional
        Taken as it is.
    system : System, optional
        The real Earthdata by default, or what the environment says
        (`System.from_environment`).
    quiet : bool
        Print nothing.

    Raises
    ------
    NotLoggedInError
        There is nothing to log in with.
    LoginRejectedError, TokenExpiredError
        Earthdata Login refuses it. A wrong password is sent once only: accounts are
        locked after a few.
    ClockSkewError
        The token looks over because this machine's clock is ahead.
    FetchError
        Earthdata Login does not work, or cannot be reached.
    """
    given = from_arguments(token, username, password, auth)
    if system is None:
        system = system_of(auth) if auth is not None else System.from_environment()
    del token, password  # some tracebacks show what names stand for
    find = _finder(strategy, given, system.edl)
    found = adopt(system, Account(system.edl, find))
    if not quiet:
        print(f"Logged in to Earthdata as {found}")  # noqa: T201 - the user asked for a login
    return found


def current_login(system: System | None = None) -> Login:
    """The login of this process; found now if there is none yet. Never asks the user.

    In this order: `login` (or `adopt`), what `set_provider` registered, earthaccess's,
    the environment, netrc.

    Raises
    ------
    NotLoggedInError
        There is none.
    LoginRejectedError, TokenExpiredError, ClockSkewError, FetchError
        As `login`.
    """
    system = system or active_system()
    return Login(system, _logins.present(system.edl) or _logins.search(system.edl))


def set_provider(provider: Callable[[], Any] | None, *, system: System | None = None) -> None:
    """Register what gives a login where nobody called `login`, in this process.

    Parameters
    ----------
    provider : callable or None
        Returns a token (str), a pair of user and password, or an ``earthaccess.Auth``;
        asked when a login is needed, and again when its token is over. None removes it.
    system : System, optional
        Whose token it is; as for `login`.
    """
    edl = (system or active_system()).edl
    _logins.providers.pop(edl, None)
    if provider is not None:
        _logins.providers[edl] = provider
    _logins.anew(edl)


def adopt(system: System, account: Account) -> Login:
    """Make an account the login of this process."""
    _logins.given[system.edl] = account
    _logins.system = system
    _logins.anew(system.edl)
    return Login(system, account)


def active_system() -> System:
    """The Earthdata this process belongs to: of the last login, else of its environment."""
    return _logins.system or System.from_environment()


def given_login(system: System) -> Login | None:
    """The login that `login` or `adopt` made, if any."""
    account = _logins.given.get(system.edl)
    return Login(system, account) if account is not None else None


def generation(edl: str) -> int:
    """How many logins this process has had at an Earthdata Login.

    What was got by an earlier one is not used by a later.
    """
    return _logins.generations.get(edl, 0)


def _finder(strategy: str, given: Source | None, edl: str) -> Callable[[], Source | None]:
    """Where a login comes from; what was typed in is asked for once."""
    if strategy not in get_args(Strategy):
        raise ConfigurationError(
            f"{strategy!r} is no way to log in", fix=close_names(strategy, get_args(Strategy))
        )
    if given is not None:
        return lambda: given
    if strategy == "environment":
        return from_environment
    if strategy == "netrc":
        return lambda: from_netrc(edl)
    if strategy == "auto" and _around(edl) is not None:
        return lambda: _around(edl)
    if not can_ask():
        raise not_logged_in(edl)
    typed = from_prompt(edl)
    return lambda: typed


def _find(edl: str) -> Source | None:
    """A login that nobody has to type."""
    provider = _logins.providers.get(edl)
    provided = from_provider(provider()) if provider is not None else None
    return provided or _around(edl)


def _around(edl: str) -> Source | None:
    """What earthaccess, the environment and netrc have, in this order."""
    return from_running_earthaccess(edl) or from_environment() or from_netrc(edl)
