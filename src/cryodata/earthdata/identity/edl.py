"""Earthdata Login as a service: a token for a password, and whether a token is good."""

from __future__ import annotations

from urllib.parse import quote

from cryodata.earthdata.hosts import clock
from cryodata.earthdata.hosts.http import Client
from cryodata.earthdata.hosts.proof import Basic, Bearer
from cryodata.earthdata.hosts.reply import Reply
from cryodata.earthdata.hosts.secret import Secret
from cryodata.earthdata.identity.refusals import is_refused, refuse, rejection, remember, turn
from cryodata.earthdata.identity.token import Token, expired
from cryodata.errors import AuthError, ClockSkewError, FetchError, TokenExpiredError

__all__ = ["check_token", "judge_expiry", "skewed", "token_for"]


def token_for(client: Client, who: Basic, means: str) -> Token:
    """A token for user and password; the one there is, or a new one.

    A pair that was refused is remembered and not sent again in this process: accounts
    are locked after a few wrong passwords.

    Parameters
    ----------
    client : Client
        Of Earthdata Login.
    who : Basic
        User and password.
    means : str
        What it is and where it comes from: ``password from ~/.netrc line 3``.

    Raises
    ------
    LoginRejectedError
        Wrong user or password, now or before.
    ServiceError, ThrottledError, FetchTimeoutError, FetchError
        Earthdata Login does not work, or cannot be reached.
    """
    url = f"{client.origin}/api/users/find_or_create_token"
    with turn(client.origin, who.user):
        refuse(client.origin, who.user, who.password, means)
        reply = client.ask("POST", url, proof=who, headers={"Accept": "application/json"})
        if reply.status == 401:
            raise remember(client.origin, who.user, who.password, means)
    if reply.status == 403:
        raise AuthError(
            f"Earthdata Login gives user {who.user!r} no token",
            fix=f"Sign in at {client.origin}: the account may be locked, or hold two tokens"
            " of which one has to be revoked.",
        )
    given = reply.json() if reply.status == 200 else {}
    if not isinstance(given.get("access_token"), str):
        raise reply.nonsense("a token was expected")
    return Token.read(Secret(given.pop("access_token")), "token it gave")


def check_token(client: Client, token: Token, means: str) -> None:
    """Ask Earthdata Login whether it takes a token.

    One that it refused is remembered and not sent again in this process.

    Raises
    ------
    TokenExpiredError
        It was revoked, has expired, or was never given out.
    LoginRejectedError
        It is of another Earthdata Login: it is not sent to this one.
    ServiceError, ThrottledError, FetchTimeoutError, FetchError
        Earthdata Login does not work, or cannot be reached.
    """
    if token.issuer and token.issuer != client.origin:
        raise rejection(f"the {means} is of {token.issuer}, not of {client.origin}", client.origin)
    revoked = TokenExpiredError(
        f"Earthdata Login refuses the {means} of user {token.user!r}: revoked, or expired",
        fix=f"Make a new one at {client.origin} (Generate Token), then cd.login().",
    )
    if is_refused(client.origin, token.user, token.secret):
        raise revoked
    url = f"{client.origin}/api/users/{quote(token.user, safe='')}"
    reply = client.ask("GET", url, proof=Bearer(token.secret))
    if reply.status == 401:
        remember(client.origin, token.user, token.secret, means)
        raise revoked
    if reply.status != 200 or reply.json().get("uid") != token.user:
        raise reply.nonsense("the user's profile was expected")


def judge_expiry(client: Client, token: Token, means: str) -> AuthError:
    """Why a token that is over by this machine's clock cannot be used.

    Asks for the time, as nobody: a clock that is ahead makes good tokens look old.
    """
    reply = _time_of(client)
    sent = reply.date if reply else None
    if sent is not None and token.expires > sent and clock.ahead(sent) > clock.TOLERANCE:
        return skewed(sent, client.origin)
    return expired(means, token.expires)


def skewed(server: float, origin: str) -> ClockSkewError:
    """What to say of a clock that is too far off."""
    off = clock.ahead(server)
    return ClockSkewError(
        f"the clock of this machine is {clock.span(abs(off))} {'ahead' if off > 0 else 'behind'}"
        f" (by {origin})",
        fix="Set it right (timedatectl set-ntp true); tokens and keys are judged by it.",
    )


def _time_of(client: Client) -> Reply | None:
    try:
        return client.ask("GET", f"{client.origin}/")
    except FetchError:
        return None
