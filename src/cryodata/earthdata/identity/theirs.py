"""earthaccess: its login as ours, and ours as its."""

from __future__ import annotations

import sys
from typing import Any
from urllib.parse import urlsplit

from cryodata.earthdata.hosts.proof import Basic
from cryodata.earthdata.hosts.secret import Secret
from cryodata.earthdata.identity.sources import Source
from cryodata.earthdata.system import PROD, UAT, System
from cryodata.errors import ConfigurationError, MissingDependencyError, NotLoggedInError

__all__ = ["from_earthaccess", "from_running_earthaccess", "system_of", "to_earthaccess"]


def from_earthaccess(auth: Any) -> Source:
    """An ``earthaccess.Auth`` as it is.

    Raises
    ------
    NotLoggedInError
        It is not logged in.
    ConfigurationError
        It is something else.
    """
    try:
        known, token = auth.authenticated, auth.token
        user, password = auth.username, auth.password
    except AttributeError:
        known = None
    if known is None:
        raise ConfigurationError(
            f"auth is a {type(auth).__name__}, not an earthaccess.Auth",
            fix="Pass what earthaccess.login() returns.",
        )
    text = (token or {}).get("access_token", "") if known else ""
    paired = bool(known and user and password)
    if not text and not paired:
        raise NotLoggedInError(
            "earthaccess is not logged in", fix="Call earthaccess.login(), or cd.login()."
        )
    return Source(
        token=Secret(str(text)) if text else None,
        user=str(user) if paired else "",
        password=Secret(str(password)) if paired else None,
        bearer_means="token of earthaccess",
        basic_means="password of earthaccess",
    )


def system_of(auth: Any) -> System:
    """Our name for the system that an ``earthaccess.Auth`` is logged in to.

    Raises
    ------
    ConfigurationError
        There is none.
    """
    host = str(getattr(getattr(auth, "system", None), "edl_hostname", ""))
    for system in (System.from_environment(), PROD, UAT):
        if host == urlsplit(system.edl).netloc:
            return system
    raise ConfigurationError(
        f"earthaccess is logged in to {host or 'nowhere'}, which is no Earthdata known here",
        fix="Name it: cd.login(auth=..., system=System(...)).",
    )


def from_running_earthaccess(edl: str) -> Source | None:
    """The login that earthaccess has in this process; None where it has none there.

    It is not imported for that.
    """
    auth = getattr(sys.modules.get("earthaccess"), "__auth__", None)
    if getattr(auth, "authenticated", False) is not True:
        return None
    if str(auth.system.edl_hostname) != urlsplit(edl).netloc:  # type: ignore[union-attr]  # it is an Auth
        return None
    return from_earthaccess(auth)


def to_earthaccess(system: System, token: Secret, basic: Basic | None) -> Any:
    """An ``earthaccess.Auth`` with a token, and user and password where they are known.

    Raises
    ------
    MissingDependencyError
        earthaccess is not installed.
    """
    try:
        from earthaccess import Auth
    except ImportError as error:
        raise MissingDependencyError(
            "earthaccess is not installed", fix='pip install "cryodata-earth[earthdata]".'
        ) from error
    auth = Auth()
    if system.edl != PROD.edl:
        auth._set_earthdata_system(_their_system(system))
    auth.token = {"access_token": token.reveal(), "token_type": "Bearer"}
    if basic is not None:
        auth.username, auth.password = basic.user, basic.password.reveal()
    auth.authenticated = True
    return auth


def _their_system(system: System) -> Any:
    """A system in earthaccess's terms."""
    from earthaccess import system as theirs

    return theirs.System(
        cmr_base_url=theirs.CMRBaseURL(f"{system.cmr}/search/"),
        status_url=theirs.PROD.status_url,
        status_api_url=theirs.PROD.status_api_url,
        edl_hostname=theirs.EDLHostname(urlsplit(system.edl).netloc),
    )
