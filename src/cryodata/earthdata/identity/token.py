"""An Earthdata Login token: what it says of itself, before anybody is asked."""

from __future__ import annotations

import binascii
import json
import re
from base64 import urlsafe_b64decode
from dataclasses import dataclass
from typing import Any

from cryodata.earthdata.hosts import clock
from cryodata.earthdata.hosts.secret import Secret
from cryodata.earthdata.system import origin_of
from cryodata.errors import LoginRejectedError, TokenExpiredError

__all__ = ["Token", "expired"]

_JWT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")
_LONGEST = 8192
"""Characters. EDL's have about 700; data hosts refuse headers beyond 8 KiB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token of Earthdata Login: a JSON Web Token, decoded and not verified.

    Only Earthdata Login can say whether it is good; but whose it is and when it ends can
    be read by anybody.

    Attributes
    ----------
    secret : Secret
        The token as it is sent.
    user : str
        Claim ``uid``.
    expires : float
        Claim ``exp``, s since 1970-01-01 UTC.
    issuer : str
        Claim ``iss`` where it is an origin, ``https://urs.earthdata.nasa.gov``; else empty.
    """

    secret: Secret
    user: str
    expires: float
    issuer: str = ""

    @classmethod
    def read(cls, secret: Secret, means: str) -> Token:
        """A token from its text; blanks around it and a ``Bearer`` before it do not matter.

        Parameters
        ----------
        secret : Secret
            Its text, as a user pastes it.
        means : str
            What it is and where it comes from, for the error: ``token from
            EARTHDATA_TOKEN``.

        Raises
        ------
        LoginRejectedError
            It is no token of Earthdata Login. Whether it is over is not judged here: see
            `refuse_if_over`.
        """
        secret = Secret(secret.reveal().strip().removeprefix("Bearer ").strip())
        claims = _claims(secret)
        user, expires = claims.get("uid"), claims.get("exp")
        known = isinstance(expires, int | float) and not isinstance(expires, bool)
        if not isinstance(user, str) or not user or not known:
            raise LoginRejectedError(
                f"the {means} is no token of Earthdata Login",
                fix="A token is three long words joined by dots: copy all of it at"
                " https://urs.earthdata.nasa.gov (Generate Token), then cd.login().",
            )
        issuer = str(claims.get("iss") or "")
        issuer = origin_of(issuer) if issuer.startswith(("http:", "https:")) else ""
        return cls(secret=secret, user=user, expires=float(expires or 0), issuer=issuer)

    @property
    def is_over(self) -> bool:
        """Whether it has ended by the clock of this machine."""
        return self.expires <= clock.now()

    def refuse_if_over(self, means: str) -> None:
        """Do nothing while it lasts.

        Raises
        ------
        TokenExpiredError
            It has ended by the clock of this machine.
        """
        if self.is_over:
            raise expired(means, self.expires)


def expired(means: str, expires: float) -> TokenExpiredError:
    """What to say of a token that has ended."""
    return TokenExpiredError(
        f"the Earthdata {means} expired on {clock.day(expires)}",
        fix="Make a new one at https://urs.earthdata.nasa.gov (Generate Token), then cd.login().",
    )


def _claims(secret: Secret) -> dict[str, Any]:
    """The payload of a JSON Web Token; empty where the text is none."""
    text = secret.reveal()
    if len(text) > _LONGEST or not _JWT.fullmatch(text):
        return {}
    payload = text.split(".")[1]
    try:
        claims = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        return {}
    return claims if isinstance(claims, dict) else {}
