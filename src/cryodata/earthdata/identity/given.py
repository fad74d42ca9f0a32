"""What a caller or a provider hands over to log in with."""

from __future__ import annotations

from typing import Any

from cryodata.earthdata.hosts.secret import Secret
from cryodata.earthdata.identity.sources import Source
from cryodata.earthdata.identity.theirs import from_earthaccess
from cryodata.errors import ConfigurationError

__all__ = ["from_arguments", "from_provider"]


def from_arguments(
    token: str | None, username: str | None, password: str | None, auth: Any
) -> Source | None:
    """What was passed to `login`; None where that is nothing.

    Raises
    ------
    ConfigurationError
        It does not go together.
    NotLoggedInError
        `auth` is not logged in.
    """
    if (username is None) != (password is None) or (
        auth is not None and (token or username) is not None
    ):
        raise ConfigurationError(
            "a login needs a token, or user and password, or auth",
            fix='cd.login(token="..."), cd.login(username="...", password="...") or'
            " cd.login(auth=earthaccess.login()).",
        )
    if auth is not None:
        return from_earthaccess(auth)
    if token is None and username is None:
        return None
    return Source(
        token=Secret(token) if token is not None else None,
        user=username or "",
        password=Secret(password) if password is not None else None,
    )


def from_provider(what: Any) -> Source | None:
    """What a provider returned: a token, user and password, an ``earthaccess.Auth``, None.

    Raises
    ------
    ConfigurationError
        It is something else.
    NotLoggedInError
        It is an Auth that is not logged in.
    """
    if what is None:
        return None
    if isinstance(what, str):
        return Source(token=Secret(what), bearer_means="token from the provider")
    if isinstance(what, tuple) and len(what) == 2:
        user, password = what
        return Source(
            user=str(user),
            password=Secret(str(password)),
            basic_means="password from the provider",
        )
    return from_earthaccess(what)
