"""Where a login comes from: the environment, netrc, a prompt, earthaccess."""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from cryodata.earthdata.hosts.secret import Secret
from cryodata.earthdata.identity.netrc import find_entry, netrc_path
from cryodata.errors import NotLoggedInError

__all__ = [
    "Source",
    "can_ask",
    "from_environment",
    "from_netrc",
    "from_prompt",
    "not_logged_in",
]

_ACCOUNT = "An account is free: https://urs.earthdata.nasa.gov/users/new."


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What a user, or what stands for one, gives to log in with. Not checked yet.

    Attributes
    ----------
    token : Secret or None
        Of Earthdata Login.
    user : str
        Empty where a token says who it is.
    password : Secret or None
        Gives a new token when the other is over.
    bearer_means, basic_means : str
        What they are and where they come from: ``token from EARTHDATA_TOKEN``.
    """

    token: Secret | None = None
    user: str = ""
    password: Secret | None = None
    bearer_means: str = "token given"
    basic_means: str = "password given"


def from_environment(environment: Mapping[str, str] = os.environ) -> Source | None:
    """``EARTHDATA_TOKEN``, ``EARTHDATA_USERNAME`` and ``EARTHDATA_PASSWORD``, if set."""
    token = environment.get("EARTHDATA_TOKEN", "").strip()
    user = environment.get("EARTHDATA_USERNAME", "").strip()
    password = environment.get("EARTHDATA_PASSWORD", "")
    paired = bool(user and password)
    if not token and not paired:
        return None
    return Source(
        token=Secret(token) if token else None,
        user=user if paired else "",
        password=Secret(password) if paired else None,
        bearer_means="token from EARTHDATA_TOKEN",
        basic_means="password from EARTHDATA_PASSWORD",
    )


def from_netrc(edl: str) -> Source | None:
    """User and password of the netrc file, if it has the machine; see `find_entry`."""
    entry = find_entry(edl)
    if entry is None:
        return None
    means = f"password from {entry.where}"
    return Source(user=entry.user, password=entry.password, basic_means=means)


def from_prompt(edl: str) -> Source:
    """Ask at the terminal or in the notebook.

    Raises
    ------
    NotLoggedInError
        Nobody is there to answer.
    """
    host = urlsplit(edl).netloc
    answer: tuple[str, str] | None
    try:
        user = input(f"Earthdata user name ({host}): ").strip()
        answer = user, getpass.getpass("Earthdata password (never written to disk): ")
    except (EOFError, NotImplementedError, RuntimeError):  # no stdin, or a notebook's without it
        answer = None
    if answer is None or not all(answer):
        raise not_logged_in(edl, "no user name and password were typed in")
    user, password = answer
    return Source(user=user, password=Secret(password), basic_means="password typed in")


def can_ask() -> bool:
    """Whether somebody is there to type: a terminal, or a notebook."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    if shell is not None and getattr(shell, "kernel", None) is not None:
        return True
    try:
        return sys.stdin is not None and sys.stdin.isatty()
    except ValueError:  # closed
        return False


def not_logged_in(edl: str, what: str = "no Earthdata login was found") -> NotLoggedInError:
    """What to say where there is none; `netrc_path` is where one could stand."""
    halves = [f"EARTHDATA_{half}" for half in ("USERNAME", "PASSWORD")]
    lacking = [name for name in halves if not os.environ.get(name)]
    if len(lacking) == 1:
        what += f": {lacking[0]} is not set, though its other half is"
    return NotLoggedInError(
        what,
        fix=f"Run cd.login(), set EARTHDATA_TOKEN, or put {urlsplit(edl).netloc} into"
        f" {netrc_path().name}. {_ACCOUNT}",
    )
