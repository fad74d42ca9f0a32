"""What Earthdata Login has refused in this process, so that it is not asked twice.

Accounts are locked after a few wrong passwords, and a retry never makes one right.
"""

from __future__ import annotations

import threading

from cryodata.earthdata.hosts.process import PerProcess
from cryodata.earthdata.hosts.secret import Secret
from cryodata.errors import LoginRejectedError

__all__ = ["is_refused", "refuse", "rejection", "remember", "turn"]

_refused: set[tuple[str, str, Secret]] = set()
"""Origin of Earthdata Login, user, and password or token."""
_turns: PerProcess[dict[tuple[str, str], threading.Lock]] = PerProcess(dict)


def is_refused(edl: str, user: str, secret: Secret) -> bool:
    """Whether a login refused this password or token before."""
    return (edl, user, secret) in _refused


def turn(edl: str, user: str) -> threading.Lock:
    """Held while a password is tried: whoever waits for it then knows what came of that."""
    return _turns.get().setdefault((edl, user), threading.Lock())


def refuse(edl: str, user: str, secret: Secret, means: str) -> None:
    """Do nothing, unless the password was refused before.

    Raises
    ------
    LoginRejectedError
        It was; nothing is sent.
    """
    if is_refused(edl, user, secret):
        raise _wrong(edl, user, means)


def remember(edl: str, user: str, secret: Secret, means: str) -> LoginRejectedError:
    """Note a refusal; returns the error to raise for a password."""
    _refused.add((edl, user, secret))
    return _wrong(edl, user, means)


def rejection(what: str, edl: str) -> LoginRejectedError:
    """A refusal in general."""
    return LoginRejectedError(what, fix=f"Look at your account at {edl}, then cd.login().")


def _wrong(edl: str, user: str, means: str) -> LoginRejectedError:
    return LoginRejectedError(
        f"Earthdata refused user {user!r} ({means}); it is tried once only",
        fix=f"Check or reset the password at {edl}, correct it there and log in again.",
    )
