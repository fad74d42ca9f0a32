"""Who asks: what is added to a request so that the other side knows."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

from cryodata.earthdata.hosts.secret import Secret

if TYPE_CHECKING:
    from requests import PreparedRequest

__all__ = ["Basic", "Bearer", "Nobody", "Proof"]

P = TypeVar("P", bound="PreparedRequest")


class Proof(Protocol):
    """Who asks: adds a header to a request. Prints nothing secret."""

    @property
    def once(self) -> bool:
        """Whether the request must not be sent again once it may have arrived."""
        ...

    def __call__(self, request: P) -> P:
        """Add the header; `requests` calls this at the last moment."""
        ...


@dataclass(frozen=True, slots=True)
class Nobody:
    """No proof. Being given one, `requests` does not look for another in netrc."""

    once: bool = False

    def __call__(self, request: P) -> P:
        """Leave the request as it is."""
        return request


@dataclass(frozen=True, slots=True)
class Bearer:
    """A token."""

    token: Secret
    once: bool = False

    def __call__(self, request: P) -> P:
        """Add the token."""
        request.headers["Authorization"] = f"Bearer {self.token.reveal()}"
        return request


@dataclass(frozen=True, slots=True)
class Basic:
    """User and password. Accounts are locked after a few wrong ones: sent once."""

    user: str
    password: Secret
    once: bool = True

    def __call__(self, request: P) -> P:
        """Add both."""
        pair = f"{self.user}:{self.password.reveal()}".encode()
        request.headers["Authorization"] = f"Basic {b64encode(pair).decode()}"
        return request
