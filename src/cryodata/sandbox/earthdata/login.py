"""Earthdata Login: passwords in, tokens and codes out."""

from __future__ import annotations

import base64
import binascii
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from urllib.parse import parse_qsl, urlencode

from cryodata.sandbox.earthdata.accounts import Accounts, User
from cryodata.sandbox.earthdata.realm import Realm
from cryodata.sandbox.earthdata.replies import json_reply, page, redirect, text_reply
from cryodata.sandbox.http import Reply, Request

__all__ = ["LoginHost"]

USERS = "/api/users/"
HOST_TOKEN_SECONDS = 3600.0
"""Life of the token that the data host gets for a user's code."""
_CHALLENGE = 'Basic realm="Please enter your Earthdata Login credentials."'


class LoginHost:
    """The origin ``urs.earthdata.nasa.gov``."""

    def __init__(self, realm: Realm, accounts: Accounts) -> None:
        self._realm = realm
        self._accounts = accounts
        self._codes: dict[str, User] = {}
        self._with_password: dict[tuple[str, str], Callable[[Request, User], Reply]] = {
            ("POST", f"{USERS}find_or_create_token"): self._find_or_create,
            ("POST", f"{USERS}token"): self._create,
            ("GET", f"{USERS}tokens"): self._list,
            ("POST", f"{USERS}revoke_token"): self._revoke,
        }

    @asynccontextmanager
    async def answer(self, request: Request) -> AsyncIterator[Reply]:
        """Reply to one request."""
        yield self._reply(request)

    def close(self) -> None:
        """Nothing is kept open."""

    def _reply(self, request: Request) -> Reply:
        method = "GET" if request.method == "HEAD" else request.method
        path = request.path
        if asked := self._with_password.get((method, path)):
            user = self._by_password(request)
            return asked(request, user) if user else self._wrong_password(request)
        if (method, path) == ("GET", "/oauth/authorize"):
            return self._authorize(request)
        if (method, path) == ("POST", "/oauth/token"):
            return self._exchange(request)
        if method == "GET" and path.startswith(USERS):
            return self._profile(request, path.removeprefix(USERS))
        if (method, path) == ("GET", "/profile"):
            return redirect(self._realm, request, 302, f"{self._realm.names.edl}/home")
        if (method, path) == ("GET", "/home"):
            return page(self._realm, request, 200, "Earthdata Login")
        return page(self._realm, request, 404, "The page you were looking for doesn't exist.")

    def _by_password(self, request: Request) -> User | None:
        given = _basic_of(request)
        return self._accounts.check(*given) if given else None

    def _wrong_password(self, request: Request) -> Reply:
        said = {
            "error": "invalid_credentials",
            "error_description": "Invalid user credentials",
        }
        return json_reply(self._realm, request, 401, said, WWW_Authenticate=_CHALLENGE)

    def _find_or_create(self, request: Request, user: User) -> Reply:
        token = self._accounts.find_or_create(user)
        return json_reply(self._realm, request, 200, self._described(token))

    def _create(self, request: Request, user: User) -> Reply:
        if token := self._accounts.create(user):
            return json_reply(self._realm, request, 200, self._described(token))
        said = {
            "error": "max_token_limit",
            "error_description": "Max token limit has been reached",
        }
        return json_reply(self._realm, request, 403, said)

    def _list(self, request: Request, user: User) -> Reply:
        tokens = [self._described(token) for token in self._accounts.good(user)]
        return json_reply(self._realm, request, 200, tokens)

    def _revoke(self, request: Request, user: User) -> Reply:
        token = _fields(request).get("token", "")
        if token not in user.tokens:
            said = {"error": "invalid_token", "error_description": "No such token"}
            return json_reply(self._realm, request, 404, said)
        self._accounts.revoke(token)
        return json_reply(self._realm, request, 200, {})

    def _described(self, token: str) -> dict[str, str]:
        ends = datetime.fromtimestamp(self._accounts.expiry(token), UTC)
        return {
            "access_token": token,
            "token_type": "Bearer",
            "expiration_date": f"{ends:%m/%d/%Y}",
        }

    def _authorize(self, request: Request) -> Reply:
        """Send the user back to where they came from, with a code that is good once."""
        user, fields = self._by_password(request), _fields(request)
        if user is None:
            said = "HTTP Basic: Access denied."
            return text_reply(self._realm, request, 401, said, WWW_Authenticate=_CHALLENGE)
        if fields.get("client_id") != self._realm.client_id or "redirect_uri" not in fields:
            return page(self._realm, request, 400, "Invalid application")
        code = secrets.token_hex(32)
        self._codes[code] = user
        back = {"code": code} | {k: fields[k] for k in ("state",) if k in fields}
        return redirect(self._realm, request, 302, f"{fields['redirect_uri']}?{urlencode(back)}")

    def _exchange(self, request: Request) -> Reply:
        """Give the data host a token for a user's code."""
        realm, user = self._realm, self._codes.pop(_fields(request).get("code", ""), None)
        if _basic_of(request) != (realm.client_id, realm.client_secret) or user is None:
            said = {"error": "invalid_grant", "error_description": "Invalid code"}
            return json_reply(realm, request, 401, said)
        said = {
            "access_token": self._accounts.issue(user.name, HOST_TOKEN_SECONDS),
            "token_type": "Bearer",
            "endpoint": f"{USERS}{user.name}",
        }
        return json_reply(realm, request, 200, said)

    def _profile(self, request: Request, name: str) -> Reply:
        """Tell a program about the user whose token it holds."""
        realm = self._realm
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        user = self._accounts.owner(token) if scheme.lower() == "bearer" else None
        if user is None or user.name != name:
            said = {
                "error": "invalid_token",
                "error_description": "The token is either malformed or does not exist",
            }
            return json_reply(realm, request, 401, said)
        client = _fields(request).get("client_id")
        if client == realm.client_id and not user.approved:
            said = {
                "error": "access_denied",
                "error_description": "EULA Acceptance Failure",
                "resolution_url": f"{realm.names.edl}/approve_app?client_id={client}",
            }
            return json_reply(realm, request, 403, said)
        groups = [{"name": group, "client_id": realm.client_id} for group in user.groups]
        profile = {
            "uid": user.name,
            "first_name": user.name.title(),
            "last_name": "Sandbox",
            "email_address": f"{user.name}@example.org",
            "user_groups": groups,
            "user_authorized_apps": 1,
        }
        return json_reply(realm, request, 200, profile)


def _basic_of(request: Request) -> tuple[str, str] | None:
    """User and password of a request; None where it has none that can be read."""
    scheme, _, packed = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, colon, password = base64.b64decode(packed, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return (name, password) if colon else None


def _fields(request: Request) -> dict[str, str]:
    """Fields of the query and of a form, decoded."""
    return dict(parse_qsl(request.query)) | dict(parse_qsl(request.body.decode("latin-1")))
