"""Asking a data host as the user: token, cookie, the detour to log in, and what it refuses."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qs, urljoin, urlsplit

from cryodata.earthdata.hosts.http import Deadline
from cryodata.earthdata.hosts.proof import Bearer
from cryodata.earthdata.hosts.reply import Reply
from cryodata.earthdata.identity.login import Login
from cryodata.earthdata.identity.refusals import refuse, remember, turn
from cryodata.earthdata.system import System, origin_of
from cryodata.errors import (
    AuthError,
    EulaRequiredError,
    NotFoundError,
    ServiceError,
    TokenExpiredError,
)

__all__ = ["REDIRECTS", "location", "visit"]

REDIRECTS = frozenset({301, 302, 303, 307, 308})
_HOPS = 6
"""Requests for one answer: a new token, a detour and a move or two are among them."""


def visit(login: Login, url: str, *, headers: Mapping[str, str] | None = None) -> Reply:
    """What a data host says to the user: something (200, 206), or a redirect to elsewhere.

    Token and cookie go to data hosts of the login's system, the password to its Earthdata
    Login, and nothing to anybody else. Hosts look at the cookie first, and ask Earthdata
    Login about the token where there is none yet.

    Parameters
    ----------
    login : Login
        Who asks.
    url : str
        Of a data host.
    headers : mapping, optional
        More for the data host; nothing secret.

    Returns
    -------
    Reply
        A redirect in it leads to no data host: whether it is followed is for the caller
        to say, see `location`.

    Raises
    ------
    TokenExpiredError
        The host refuses the token, Earthdata Login too, and nothing gives another.
    LoginRejectedError
        The password was needed and refused.
    EulaRequiredError
        The user has to approve a licence or application first: ``link``.
    AuthError
        The user may not read this.
    NotFoundError
        There is no such object.
    ServiceError, ThrottledError, FetchTimeoutError, FetchError
        The host does not work, leads in circles, or cannot be reached.
    """
    here, deadline = url, Deadline()
    renewed = logged_in = False
    for _ in range(_HOPS):
        if not login.system.is_data_host(here):
            raise _stranger(here)
        token = login.account.token()
        client = login.client(here)
        reply = client.ask(
            "GET", here, proof=Bearer(token.secret), headers=headers, deadline=deadline
        )
        to = location(reply, here)
        if reply.status == 401 and not renewed:
            login.account.replace(token)
            renewed = True
        elif to and origin_of(to) == login.system.edl and not logged_in:
            _log_in(login, to, here, deadline)
            logged_in = True
        elif to and login.system.is_data_host(to):
            here = to
        elif to and origin_of(to) != login.system.edl:
            return reply
        else:
            return _permitted(reply, login.system)
    raise reply.nonsense("it leads in circles")


def location(reply: Reply, asked: str) -> str:
    """Where a redirect leads, absolute; empty where the reply is none."""
    if reply.status not in REDIRECTS:
        return ""
    to = reply.headers.get("Location", "")
    return urljoin(asked, to) if to else ""


def _log_in(login: Login, authorize: str, url: str, deadline: Deadline) -> None:
    """Make the detour of browsers: password to Earthdata Login, its code to the host.

    The host's client keeps the cookie that the host gives for it. The code is part of a URL,
    which urllib3 logs at DEBUG; it is good once, and for the host alone.
    """
    account, host = login.account, origin_of(url)
    fields = parse_qs(urlsplit(authorize).query)
    back = fields.get("redirect_uri", [""])[0]
    if origin_of(back) != host:
        raise ServiceError(
            f"{urlsplit(url).netloc} wants a login for {urlsplit(back).netloc or 'nobody'};"
            " nothing was sent",
            fix="See https://status.earthdata.nasa.gov, and try again later.",
        )
    basic = account.basic
    if basic is None:
        raise TokenExpiredError(
            f"{urlsplit(url).netloc} does not take the {account.means}",
            fix=f"Make a new one at {account.edl} (Generate Token), then cd.login().",
        )
    with turn(account.edl, basic.user):
        refuse(account.edl, basic.user, basic.password, account.basic_means)
        reply = login.client(account.edl).ask("GET", authorize, proof=basic, deadline=deadline)
        if reply.status == 401:
            raise remember(account.edl, basic.user, basic.password, account.basic_means)
    to = location(reply, authorize)
    if reply.status == 200 or (to and origin_of(to) == account.edl):
        client = fields.get("client_id", [""])[0]
        raise _licence(f"{account.edl}/approve_app?client_id={client}", login.system)
    if not to or origin_of(to) != host:
        raise reply.nonsense("a way back to the data host was expected")
    returned = login.client(host).ask("GET", to, deadline=deadline)
    if not location(returned, to):
        _permitted(returned, login.system)
        raise returned.nonsense("a way back to the data was expected")


def _permitted(reply: Reply, system: System) -> Reply:
    """A reply that is something; else the error it stands for."""
    host = urlsplit(reply.url).netloc
    if reply.status in (200, 206):
        return reply
    if reply.status == 404:
        raise NotFoundError("there is no such object", url=reply.url)
    if reply.status == 401:
        raise AuthError(
            f"{host} refuses a new token too",
            fix="Try again later; see https://status.earthdata.nasa.gov.",
        )
    if reply.status == 403:
        raise _forbidden(reply, host, system)
    raise reply.nonsense("data, or a way to them, was expected")


def _forbidden(reply: Reply, host: str, system: System) -> AuthError:
    try:
        said = reply.json()
    except ServiceError:
        said = {}
    if "resolution_url" in said or "EULA" in str(said.get("error_description", "")):
        return _licence(str(said.get("resolution_url", "")), system)
    return AuthError(
        f"this user may not read from {host}: not in the group it asks for",
        fix=f"Ask its data centre for access; https://{host}/s3credentialsREADME may say whom.",
    )


def _licence(link: str, system: System) -> EulaRequiredError:
    """A licence to be approved; a link that leads elsewhere than to Earthdata is not shown."""
    link = link if origin_of(link) == system.edl else f"{system.edl}/profile"
    error = EulaRequiredError(
        "Earthdata wants you to approve a licence or application first",
        fix=f"Sign in and approve it once, then run this again: {link}",
    )
    error.link = link
    return error


def _stranger(url: str) -> ServiceError:
    return ServiceError(
        f"{urlsplit(url).netloc} is no data host of Earthdata; nothing was sent to it",
        fix="If it should be one, name it in System(endpoints={bucket: origin}).",
    )
