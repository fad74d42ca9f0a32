"""Earthdata Login answers as the real one is known to, and its tokens are worth something."""

from __future__ import annotations

import base64
import email.utils
import json
import time
from datetime import datetime
from urllib.parse import urlencode

import pytest
import requests

from cryodata.sandbox import Fault
from cryodata.sandbox.earthdata import Earth
from tests.sandbox.earthly import ask, basic, bearer, fields

FIND = "/api/users/find_or_create_token"


def claims(token: str) -> dict[str, object]:
    """What a JWT says, read without the code that made it."""
    middle = token.split(".")[1]
    said: dict[str, object] = json.loads(base64.urlsafe_b64decode(middle + "=="))
    return said


def newcomer(earth: Earth, name: str) -> str:
    """Makes a user; what they say to log in."""
    earth.add_user(name, "a password: with a colon")
    return basic(name, "a password: with a colon")


def test_find_or_create(earth: Earth) -> None:
    """Each login would use up one of the two tokens, or give one nobody accepts."""
    said = newcomer(earth, "finder")
    first = ask(f"{earth.edl.url}{FIND}", "POST", Authorization=said)
    again = ask(f"{earth.edl.url}{FIND}", "POST", Authorization=said)
    assert first.status == 200
    assert first.body == again.body
    given = json.loads(first.body)
    assert given["token_type"] == "Bearer"
    token = claims(given["access_token"])
    ends = token["exp"]
    assert isinstance(ends, int)
    assert token["uid"] == "finder"
    assert ends - time.time() == pytest.approx(60 * 86_400, abs=60)
    day = datetime.strptime(given["expiration_date"] + " +0000", "%m/%d/%Y %z")
    assert 0 <= ends - day.timestamp() < 86_400
    profile = ask(f"{earth.edl.url}/api/users/finder", Authorization=bearer(given["access_token"]))
    assert profile.status == 200
    known = json.loads(profile.body)
    assert known["uid"] == "finder"
    assert {"first_name", "email_address", "user_groups", "user_authorized_apps"} <= known.keys()


def test_two_tokens_and_no_third(earth: Earth) -> None:
    """A tool that makes a token at each login would not be found out."""
    said, url = newcomer(earth, "greedy"), earth.edl.url
    tokens = []
    for _ in range(2):
        made = ask(f"{url}/api/users/token", "POST", Authorization=said)
        assert made.status == 200
        tokens.append(json.loads(made.body)["access_token"])
    assert len(set(tokens)) == 2
    third = ask(f"{url}/api/users/token", "POST", Authorization=said)
    assert third.status == 403
    assert json.loads(third.body)["error"] == "max_token_limit"
    listed = json.loads(ask(f"{url}/api/users/tokens", Authorization=said).body)
    assert [token["access_token"] for token in listed] == tokens
    query = urlencode({"token": tokens[0]})
    gone = ask(f"{url}/api/users/revoke_token?{query}", "POST", Authorization=said)
    assert gone.status == 200
    assert ask(f"{url}/api/users/token", "POST", Authorization=said).status == 200
    profile = f"{url}/api/users/greedy"
    assert ask(profile, Authorization=bearer(tokens[0])).status == 401
    assert ask(profile, Authorization=bearer(tokens[1])).status == 200
    again = ask(f"{url}/api/users/revoke_token?{query}", "POST", Authorization=said)
    assert again.status == 404


@pytest.mark.parametrize("path", [FIND, "/api/users/token", "/api/users/revoke_token?token=x"])
@pytest.mark.parametrize("said", ["wrong", "nobody", "none", "garbled"])
def test_wrong_password(earth: Earth, path: str, said: str) -> None:
    """A wrong password would do, or be refused in a way that is not seen as that."""
    given = {
        "wrong": {"Authorization": basic(earth.user, "guess")},
        "nobody": {"Authorization": basic("nobody", earth.password)},
        "none": {},
        "garbled": {"Authorization": "Basic %%%"},
    }[said]
    reply = ask(f"{earth.edl.url}{path}", "POST", **given)
    assert reply.status == 401
    assert reply.headers["Www-Authenticate"].startswith("Basic")
    assert json.loads(reply.body) == {
        "error": "invalid_credentials",
        "error_description": "Invalid user credentials",
    }
    assert [entry.status for entry in earth.edl.log] == [401]  # tries can be counted


def test_tokens_that_are_worth_nothing(earth: Earth) -> None:
    """A forged, expired, revoked or borrowed token would pass."""
    earth.add_user("other", "x")
    good = earth.token()
    said = good.split(".")
    lie = base64.urlsafe_b64encode(b'{"uid": "other", "exp": 9999999999}').decode().rstrip("=")
    revoked = earth.token()
    earth.revoke(revoked)
    forged = f"{said[0]}.{lie}.{said[2]}"
    url = f"{earth.edl.url}/api/users/"
    assert ask(url + earth.user, Authorization=bearer(good)).status == 200
    for name, token in [
        ("other", forged),
        ("other", good),
        (earth.user, revoked),
        (earth.user, earth.token(life=-1)),
        (earth.user, "no-jwt"),
        (earth.user, good[:-1]),
    ]:
        reply = ask(url + name, Authorization=bearer(token))
        assert reply.status == 401
        assert json.loads(reply.body)["error"] == "invalid_token"
    assert ask(url + earth.user, Authorization=basic(earth.user, earth.password)).status == 401


def test_token_ends(earth: Earth) -> None:
    """A token would live on after its time, or die before."""
    token = earth.token(life=2.0)
    url = f"{earth.edl.url}/api/users/{earth.user}"
    assert ask(url, Authorization=bearer(token)).status == 200
    earth.clock_skew = 3.0
    assert ask(url, Authorization=bearer(token)).status == 401


def test_authorize(earth: Earth) -> None:
    """The detour by which a browser logs in would lead nowhere, or let anybody in."""
    query = {
        "client_id": earth.realm.client_id,
        "response_type": "code",
        "redirect_uri": "http://127.0.0.1:1/login",
        "state": "/a b?c=d&e",
    }
    url = f"{earth.edl.url}/oauth/authorize?{urlencode(query)}"
    refused = ask(url)
    assert refused.status == 401
    assert refused.body.strip() == b"HTTP Basic: Access denied."
    assert refused.headers["Www-Authenticate"].startswith("Basic")
    assert ask(url, Authorization=basic(earth.user, "guess")).status == 401
    back = ask(url, Authorization=basic(earth.user, earth.password))
    assert back.status == 302
    assert back.headers["Location"].startswith("http://127.0.0.1:1/login?")
    sent = fields(back.headers["Location"])
    assert sent["state"] == "/a b?c=d&e"
    assert len(sent["code"]) > 20
    query["client_id"] = "stranger"
    url = f"{earth.edl.url}/oauth/authorize?{urlencode(query)}"
    assert ask(url, Authorization=basic(earth.user, earth.password)).status == 400


def test_code_is_good_once(earth: Earth) -> None:
    """A code overheard would be as good as a password."""
    query = {"client_id": earth.realm.client_id, "redirect_uri": "http://127.0.0.1:1/login"}
    url = f"{earth.edl.url}/oauth/authorize?{urlencode(query)}"
    back = ask(url, Authorization=basic(earth.user, earth.password))
    form = urlencode({"grant_type": "authorization_code", **fields(back.headers["Location"])})
    host = basic(earth.realm.client_id, earth.realm.client_secret)
    given = ask(f"{earth.edl.url}/oauth/token", "POST", form, Authorization=host)
    assert json.loads(given.body)["endpoint"] == f"/api/users/{earth.user}"
    for said in (host, basic(earth.realm.client_id, "guess")):
        again = ask(f"{earth.edl.url}/oauth/token", "POST", form, Authorization=said)
        assert again.status == 401


def test_licence(earth: Earth) -> None:
    """Who has not agreed to the licence would be let in, or not be told where to agree."""
    user = earth.add_user("newcomer", "x", approved=False)
    client = f"?client_id={earth.realm.client_id}"
    url, token = f"{earth.edl.url}/api/users/newcomer", earth.token("newcomer")
    assert ask(url, Authorization=bearer(token)).status == 200  # the account itself is fine
    refused = ask(url + client, Authorization=bearer(token))
    assert refused.status == 403
    said = json.loads(refused.body)
    assert said["error_description"] == "EULA Acceptance Failure"
    assert said["resolution_url"] == f"{earth.edl.url}/approve_app{client}"
    user.approved = True
    assert ask(url + client, Authorization=bearer(token)).status == 200


def test_profile_page(earth: Earth) -> None:
    """The page that earthaccess fetches for its cookies would be missing."""
    reply = ask(f"{earth.edl.url}/profile")
    assert (reply.status, reply.headers["Location"]) == (302, f"{earth.edl.url}/home")
    assert ask(reply.headers["Location"]).status == 200
    assert ask(f"{earth.edl.url}/nothing").status == 404
    head = ask(f"{earth.edl.url}/home", "HEAD")
    assert (head.status, head.body) == (200, b"")
    assert int(head.headers["Content-Length"]) > 0


def test_clock_skew(earth: Earth) -> None:
    """A laptop with a wrong clock could not be told apart from one whose token is over."""
    earth.clock_skew = -7200.0
    reply = ask(f"{earth.edl.url}/home")
    date = email.utils.parsedate_to_datetime(reply.headers["Date"]).timestamp()
    assert date - time.time() == pytest.approx(-7200, abs=5)
    issued = claims(earth.token(life=600))["iat"]
    assert isinstance(issued, int)
    assert issued - time.time() == pytest.approx(-7200, abs=5)
    assert ask(f"{earth.data.url}/s3credentialsREADME").headers["Date"] != email.utils.formatdate(
        usegmt=True
    )


@pytest.mark.parametrize("status", [200, 503])
def test_html_instead_of_json(earth: Earth, status: int) -> None:
    """The page of a maintenance window would be taken for an answer."""
    earth.edl.fault(Fault("html", status=status), path=FIND, method="POST", times=1)
    said = basic(earth.user, earth.password)
    reply = ask(f"{earth.edl.url}{FIND}", "POST", Authorization=said)
    assert (reply.status, reply.headers["Content-Type"]) == (status, "text/html")
    assert b"<html>" in reply.body
    earth.edl.fault(Fault("html", status=status), path="/home", method="HEAD")
    assert ask(f"{earth.edl.url}/home", "HEAD").body == b""
    assert ask(f"{earth.edl.url}{FIND}", "POST", Authorization=said).status == 200


def test_redirect_loop(earth: Earth) -> None:
    """A client that follows for ever would hang only at NASA."""
    earth.edl.fault(Fault("redirect", to=earth.edl.url), path="/home")
    with requests.Session() as session, pytest.raises(requests.TooManyRedirects):
        session.get(f"{earth.edl.url}/home", timeout=20)


def test_log_keeps_no_secrets(earth: Earth) -> None:
    """A log pasted into a report would give an account away."""
    said, token = basic(earth.user, earth.password), earth.token()
    ask(f"{earth.edl.url}/api/users/revoke_token?token={token}", "POST", Authorization=said)
    ask(f"{earth.edl.url}/login?code=5ecret&state=x&Signature=5ecret", Cookie="asf-urs=5ecret")
    first, second = earth.edl.log
    assert first.query == "token=***"
    assert first.headers["authorization"] == "***"
    assert second.query == "code=***&state=x&Signature=***"
    assert second.headers["cookie"] == "***"
    assert "authorization" not in second.headers
    seen = repr([(e, e.query, e.path, dict(e.headers)) for e in earth.edl.log])
    for secret in (token, said.split()[1], earth.password, "5ecret"):
        assert secret not in seen
