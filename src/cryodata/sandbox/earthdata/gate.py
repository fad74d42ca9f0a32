"""Who may pass at the data host: by cookie, by bearer token, or after a detour to log in."""

from __future__ import annotations

import base64
import secrets
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from cryodata.sandbox import jwt
from cryodata.sandbox.earthdata.client import Answer, ask
from cryodata.sandbox.earthdata.realm import Realm
from cryodata.sandbox.earthdata.replies import json_reply, page, redirect
from cryodata.sandbox.http import Reply, Request

__all__ = ["Gate", "Visitor"]

COOKIE = "asf-urs"
COOKIE_SECONDS = 86_400
CACHED = 32
"""Profiles kept, see `Rules.profile_life`. Source: asfadmin/thin-egress-app."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """A user whom Earthdata Login knows.

    Attributes
    ----------
    name : str
        Their user name.
    groups : frozenset of str
        Groups they are in.
    cookie : str
        ``Set-Cookie`` of the reply; empty for those who have one.
    """

    name: str
    groups: frozenset[str]
    cookie: str = ""


class Gate:
    """Admits visitors, and turns the others away or to Earthdata Login."""

    def __init__(self, realm: Realm) -> None:
        self._realm = realm
        self._key = secrets.token_bytes(32)
        self._profiles: OrderedDict[str, tuple[float, Answer]] = OrderedDict()

    async def admit(self, request: Request) -> Visitor | Reply:
        """The visitor, or the reply to somebody who is none."""
        if visitor := self._by_cookie(request):
            return visitor
        if "authorization" not in request.headers:
            return self._to_login(request)
        words = request.headers["authorization"].split()
        if len(words) != 2:
            said = {"status_code": 400, "error_description": "Malformed Authorization header"}
            return json_reply(self._realm, request, 400, said)
        scheme, token = words
        uid = (jwt.read(token) or {}).get("uid")
        if scheme.lower() != "bearer" or not isinstance(uid, str):
            return self._to_login(request)
        return await self._by_token(request, token, f"/api/users/{quote(uid)}")

    async def login(self, request: Request, fields: dict[str, str]) -> Reply:
        """Take back a user whom Earthdata Login has sent with a code."""
        realm = self._realm
        client = base64.b64encode(f"{realm.client_id}:{realm.client_secret}".encode()).decode()
        form = {
            "grant_type": "authorization_code",
            "code": fields.get("code", ""),
            "redirect_uri": f"{realm.names.data}/login",
        }
        headers = {
            "Authorization": f"Basic {client}",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        try:
            answer = await ask(
                realm.login_address, "POST", "/oauth/token", headers, urlencode(form).encode()
            )
        except OSError:
            return self._no_login(request)
        if answer.content is None:
            return self._no_login(request)
        if answer.status != 200:
            return page(realm, request, 401, "Could not log in.")
        given = answer.content
        visitor = await self._by_token(request, given["access_token"], given["endpoint"])
        if isinstance(visitor, Reply):
            return visitor
        state = fields.get("state", "/")
        to = state if state.startswith("/") and not state.startswith("//") else "/"
        return redirect(realm, request, 301, to, Set_Cookie=visitor.cookie)

    def _to_login(self, request: Request) -> Reply:
        names = self._realm.names
        fields = {
            "client_id": self._realm.client_id,
            "response_type": "code",
            "redirect_uri": f"{names.data}/login",
            "state": request.target,
        }
        return redirect(
            self._realm, request, 302, f"{names.edl}/oauth/authorize?{urlencode(fields)}"
        )

    def _by_cookie(self, request: Request) -> Visitor | None:
        pairs = (
            pair.strip().partition("=") for pair in request.headers.get("cookie", "").split(";")
        )
        for name, _, value in pairs:
            claims = jwt.verified(value, self._key) if name == COOKIE else None
            if claims is not None and claims["exp"] > self._realm.now():
                return Visitor(claims["urs-user-id"], frozenset(claims["urs-groups"]))
        return None

    async def _by_token(self, request: Request, token: str, target: str) -> Visitor | Reply:
        """Ask Earthdata Login whose token this is."""
        try:
            answer = await self._profile(token, target)
        except OSError:
            return self._no_login(request)
        said = answer.content
        if said is None:
            return self._no_login(request)
        if answer.status == 200:
            return self._visitor(said)
        if "resolution_url" in said:
            return self._not_approved(request, said)
        return json_reply(self._realm, request, answer.status, said)

    async def _profile(self, token: str, target: str) -> Answer:
        """What Earthdata Login says of a token; not asked again for a minute."""
        asked, answer = self._profiles.get(token, (0.0, None))
        if answer is not None and time.monotonic() - asked < self._realm.rules.profile_life:
            return answer
        answer = await ask(
            self._realm.login_address,
            "GET",
            f"{target}?client_id={self._realm.client_id}",
            {"Authorization": f"Bearer {token}"},
        )
        if answer.content is not None:
            self._profiles[token] = (time.monotonic(), answer)
            self._profiles.move_to_end(token)
        while len(self._profiles) > CACHED:
            self._profiles.popitem(last=False)
        return answer

    def _visitor(self, profile: dict[str, Any]) -> Visitor:
        name, groups = profile["uid"], [group["name"] for group in profile["user_groups"]]
        ends = int(self._realm.now()) + COOKIE_SECONDS
        claims = {"urs-user-id": name, "urs-groups": groups, "exp": ends}
        value = jwt.sign(claims, self._key)
        cookie = f"{COOKIE}={value}; Max-Age={COOKIE_SECONDS}; Path=/; HttpOnly; SameSite=Lax"
        return Visitor(name, frozenset(groups), cookie)

    def _not_approved(self, request: Request, said: dict[str, Any]) -> Reply:
        if request.headers.get("user-agent", "").startswith("Mozilla"):
            text = "You have not agreed to the licence of this data."
            return page(self._realm, request, 403, text, link=said["resolution_url"])
        return json_reply(self._realm, request, 403, {"status_code": 403, **said})

    def _no_login(self, request: Request) -> Reply:
        return page(self._realm, request, 500, "Could not reach Earthdata Login.")
