"""Who has an account with Earthdata Login, and the tokens it has given out."""

from __future__ import annotations

import hmac
import secrets
import threading
from dataclasses import dataclass, field
from typing import Any

from cryodata.sandbox import jwt
from cryodata.sandbox.earthdata.realm import Realm

__all__ = ["MOST_TOKENS", "Accounts", "User"]

MOST_TOKENS = 2
"""Tokens a user may ask for. Source: Earthdata Login, "Generate Token"."""


@dataclass(slots=True)
class User:
    """One account.

    Attributes
    ----------
    name, password : str
        What the user logs in with.
    approved : bool
        Has agreed to the licences of the data host.
    groups : tuple of str
        Groups the user is in.
    tokens : list of str
        What the user has asked for and not yet revoked.
    """

    name: str
    password: str = field(repr=False)
    approved: bool = True
    groups: tuple[str, ...] = ()
    tokens: list[str] = field(default_factory=list, repr=False)


class Accounts:
    """Users and tokens; any thread may ask."""

    def __init__(self, realm: Realm) -> None:
        self.users: dict[str, User] = {}
        self._realm = realm
        self._key = secrets.token_bytes(32)
        self._revoked: set[str] = set()
        self._turn = threading.Lock()

    def check(self, name: str, password: str) -> User | None:
        """The user with this password."""
        user = self.users.get(name)
        good = user is not None and hmac.compare_digest(user.password.encode(), password.encode())
        return user if good else None

    def issue(self, name: str, life: float) -> str:
        """A token good for `life` seconds that does not count towards the user's two."""
        now = self._realm.now()
        claims: dict[str, Any] = {
            "type": "User",
            "uid": name,
            "exp": int(now + life),
            "iat": int(now),
            "iss": self._realm.names.edl,
            "identity_provider": "edl_ops",
            "jti": secrets.token_hex(8),  # no two are the same
        }
        return jwt.sign(claims, self._key)

    def create(self, user: User) -> str:
        """A token for a user who asks; empty where that would be one too many."""
        with self._turn:
            return "" if len(self._good(user)) >= MOST_TOKENS else self._create(user)

    def find_or_create(self, user: User) -> str:
        """The user's oldest token that is good, or a first one."""
        with self._turn:
            good = self._good(user)
            return good[0] if good else self._create(user)

    def good(self, user: User) -> list[str]:
        """Tokens a user has asked for that are good still."""
        with self._turn:
            return self._good(user)

    def revoke(self, token: str) -> None:
        """Make a token worthless."""
        with self._turn:
            self._revoked.add(token)
            for user in self.users.values():
                if token in user.tokens:
                    user.tokens.remove(token)

    def expiry(self, token: str) -> float:
        """When a token ends, s since 1970; 0 for what is no token."""
        return float((jwt.read(token) or {}).get("exp", 0))

    def owner(self, token: str) -> User | None:
        """The user a token stands for; None where it is forged, revoked or over."""
        claims = jwt.verified(token, self._key)
        if claims is None or token in self._revoked or self.expiry(token) <= self._realm.now():
            return None
        return self.users.get(str(claims["uid"]))

    def _create(self, user: User) -> str:
        token = self.issue(user.name, self._realm.rules.token_life)
        user.tokens.append(token)
        return token

    def _good(self, user: User) -> list[str]:
        now = self._realm.now()
        return [token for token in user.tokens if self.expiry(token) > now]
