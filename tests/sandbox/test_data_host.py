"""The data host answers as thin-egress-app does: each row of what is known of it."""

from __future__ import annotations

import asyncio
import json
import time
from datetime import UTC, datetime
from typing import Any

import aiohttp
import obstore
import pytest
import requests
from obstore.auth.earthdata import (
    NasaEarthdataAsyncCredentialProvider,
    NasaEarthdataCredentialProvider,
)
from obstore.store import S3Store

from cryodata.sandbox import Fault, Sky
from cryodata.sandbox.earthdata import Earth
from cryodata.sandbox.jwt import read
from tests.sandbox.conftest import GRANULE, KEY
from tests.sandbox.earthly import OBJECT, ask, basic, bearer, fields

BUCKET = "nsidc-cumulus-prod-protected"


def cookie_of(earth: Earth, **headers: str) -> str:
    """The cookie that a bearer's first visit sets."""
    reply = ask(f"{earth.data.url}{OBJECT}", **headers)
    return reply.headers["Set-Cookie"].partition(";")[0]


def profile_calls(earth: Earth) -> int:
    """How often Earthdata Login was asked about a user."""
    return sum(entry.path.startswith("/api/users/") for entry in earth.edl.log)


@pytest.mark.parametrize("path", [OBJECT, "/s3credentials"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    "said",
    ["", "Bearer no-jwt", "Basic dTpw", "Bearer a.b.c"],
    ids=["none", "text", "basic", "abc"],
)
def test_unknown_visitors_are_sent_to_log_in(
    earth: Earth, path: str, method: str, said: str
) -> None:
    """Who is not logged in would be let in, or not led to the login."""
    reply = ask(f"{earth.data.url}{path}", method, **({"Authorization": said} if said else {}))
    assert reply.status == 302
    there, _, _ = reply.headers["Location"].partition("?")
    assert there == f"{earth.edl.url}/oauth/authorize"
    assert fields(reply.headers["Location"]) == {
        "client_id": earth.realm.client_id,
        "response_type": "code",
        "redirect_uri": f"{earth.data.url}/login",
        "state": path,
    }
    assert len(earth.edl.log) == 0


def test_the_whole_detour(earth: Earth) -> None:
    """A browser would not come back with a cookie, or not reach the data."""
    url = f"{earth.data.url}{OBJECT}"
    to_login = ask(url).headers["Location"]
    back = ask(to_login, Authorization=basic(earth.user, earth.password)).headers["Location"]
    assert back.startswith(f"{earth.data.url}/login?")
    welcome = ask(back)
    assert (welcome.status, welcome.headers["Location"]) == (301, OBJECT)
    cookie, *attributes = welcome.headers["Set-Cookie"].split("; ")
    assert cookie.startswith("asf-urs=")
    assert "Max-Age=86400" in attributes
    calls = len(earth.edl.log)
    reply = ask(url, Cookie=f"other=1; {cookie}")
    assert reply.status == 303
    assert "Set-Cookie" not in reply.headers
    assert len(earth.edl.log) == calls  # the cookie says it all
    assert ask(reply.headers["Location"]).body == GRANULE
    assert ask(back).status == 401  # the code was good once
    assert ask(f"{earth.data.url}/login?code=x&state=/").status == 401
    assert ask(url, Cookie=cookie[:-1]).status == 302


def test_cookie_ends(earth: Earth) -> None:
    """A client that keeps the cookie for ever would work here and fail after a day."""
    cookie = cookie_of(earth, Authorization=bearer(earth.token()))
    url = f"{earth.data.url}{OBJECT}"
    assert ask(url, Cookie=cookie).status == 303
    earth.clock_skew = 86_401.0
    assert ask(url, Cookie=cookie).status == 302


def test_login_leads_nowhere_else(earth: Earth) -> None:
    """A crafted link could take a user who logs in to a host of its choice."""
    to_login = ask(f"{earth.data.url}{OBJECT}").headers["Location"]
    back = ask(to_login, Authorization=basic(earth.user, earth.password)).headers["Location"]
    code = fields(back)["code"]
    reply = ask(f"{earth.data.url}/login?code={code}&state=//evil.example.org/x")
    assert (reply.status, reply.headers["Location"]) == (301, "/")


def test_bearer(earth: Earth) -> None:
    """A token would not lead to the data in one step."""
    said = bearer(earth.token())
    reply = ask(f"{earth.data.url}{OBJECT}", Authorization=said, Range="bytes=5-9")
    assert (reply.status, reply.body) == (303, b"")
    assert reply.headers["Cache-Control"] == "private, max-age=3540"
    assert reply.headers["Range"] == "bytes=5-9"
    assert reply.headers["Set-Cookie"].startswith("asf-urs=")
    link = reply.headers["Location"]
    assert link.startswith(f"{earth.cdn.url}/s3-")
    assert f"/{BUCKET}.s3.us-west-2.amazonaws.com/" in link
    assert set(fields(link)) == {"A-userid", "Expires", "Signature", "Key-Pair-Id"}
    assert fields(link)["A-userid"] == earth.user
    assert int(fields(link)["Expires"]) - time.time() == pytest.approx(3600, abs=5)
    assert ask(link, Range="bytes=5-9").body == GRANULE[5:10]


def test_head(earth: Earth) -> None:
    """The size of an object could not be asked without reading it."""
    url, said = f"{earth.data.url}{OBJECT}", bearer(earth.token())
    reply = ask(url, "HEAD", Authorization=said)
    assert reply.status == 303
    head = ask(reply.headers["Location"], "HEAD")
    assert (head.status, head.body) == (200, b"")
    assert head.headers["Content-Length"] == str(len(GRANULE))
    assert ask(reply.headers["Location"]).status == 403  # signed for HEAD
    other = ask(url, Authorization=said).headers["Location"]
    assert ask(other, "HEAD").status == 403


@pytest.mark.parametrize("path", [OBJECT, "/s3credentials"])
def test_tokens_that_login_refuses(earth: Earth, path: str) -> None:
    """A token that is over would look like a broken host."""
    revoked = earth.token()
    earth.revoke(revoked)
    for token in (revoked, earth.token(life=-5), earth.token("nobody")):
        reply = ask(f"{earth.data.url}{path}", Authorization=bearer(token))
        assert reply.status == 401
        assert json.loads(reply.body)["error"] == "invalid_token"
        assert "Set-Cookie" not in reply.headers


def test_profiles_are_kept_for_a_minute(earth: Earth) -> None:
    """Nobody would see how a client burdens Earthdata Login, or that revoking takes time."""
    token, url = earth.token(), f"{earth.data.url}{OBJECT}"
    for _ in range(3):
        assert ask(url, Authorization=bearer(token)).status == 303
    assert profile_calls(earth) == 1
    earth.revoke(token)
    assert ask(url, Authorization=bearer(token)).status == 303
    earth.rules.profile_life = 0.0
    assert ask(url, Authorization=bearer(token)).status == 401
    assert profile_calls(earth) == 2


def test_profiles_of_32_tokens_are_kept(earth: Earth) -> None:
    """Many users at once burden Earthdata Login more than one."""
    tokens = [earth.token() for _ in range(33)]
    url = f"{earth.data.url}{OBJECT}"
    for token in [*tokens, tokens[-1]]:
        assert ask(url, Authorization=bearer(token)).status == 303
    assert profile_calls(earth) == 33
    ask(url, Authorization=bearer(tokens[0]))
    assert profile_calls(earth) == 34


@pytest.mark.parametrize("path", [OBJECT, "/s3credentials"])
def test_licence(earth: Earth, path: str) -> None:
    """Who has to agree to a licence would not learn where."""
    earth.add_user("hasty", "x", approved=False)
    said = bearer(earth.token("hasty"))
    reply = ask(f"{earth.data.url}{path}", Authorization=said)
    assert reply.status == 403
    known = json.loads(reply.body)
    link = f"{earth.edl.url}/approve_app?client_id={earth.realm.client_id}"
    assert known["error_description"] == "EULA Acceptance Failure"
    assert (known["status_code"], known["resolution_url"]) == (403, link)
    page = ask(f"{earth.data.url}{path}", Authorization=said, User_Agent="Mozilla/5.0 x")
    assert (page.status, page.headers["Content-Type"][:9]) == (403, "text/html")
    assert link in page.body.decode()


def test_licence_after_the_detour(earth: Earth) -> None:
    """With a password the missing licence shows at another place than with a token."""
    earth.add_user("hasty", "x", approved=False)
    to_login = ask(f"{earth.data.url}{OBJECT}").headers["Location"]
    back = ask(to_login, Authorization=basic("hasty", "x")).headers["Location"]
    reply = ask(back)
    assert reply.status == 403
    assert "resolution_url" in json.loads(reply.body)


@pytest.mark.parametrize("said", ["Bearer", "Bearer a b", "x"])
def test_malformed_authorization(earth: Earth, said: str) -> None:
    """A header cut short would be taken for none."""
    reply = ask(f"{earth.data.url}{OBJECT}", Authorization=said)
    assert reply.status == 400
    assert json.loads(reply.body) == {
        "status_code": 400,
        "error_description": "Malformed Authorization header",
    }


def test_group(earth: Earth) -> None:
    """A user without leave would be let in."""
    earth.add_user("member", "x", groups=("team",))
    earth.rules.required_group = "team"
    for path, text in [
        (OBJECT, b"This data is not currently available."),
        ("/s3credentials", b"You do not have permission to access any data."),
    ]:
        url = f"{earth.data.url}{path}"
        refused = ask(url, Authorization=bearer(earth.token()))
        assert (refused.status, refused.headers["Content-Type"][:9]) == (403, "text/html")
        assert text in refused.body
        assert ask(url, Authorization=bearer(earth.token("member"))).status in (200, 303)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_missing_object(earth: Earth, method: str) -> None:
    """A wrong name would be found out only behind the link."""
    said = bearer(earth.token())
    for path in (f"/{BUCKET}/none.h5", "/other-bucket/x.h5", f"/{BUCKET}/", "/"):
        reply = ask(f"{earth.data.url}{path}", method, Authorization=said)
        assert (reply.status, reply.headers["Content-Type"][:9]) == (404, "text/html")
        assert (b"Could not find requested data." in reply.body) == (method == "GET")


def test_range_outside(earth: Earth) -> None:
    """A range past the end would be found out only behind the link."""
    reply = ask(
        f"{earth.data.url}{OBJECT}",
        Authorization=bearer(earth.token()),
        Range=f"bytes={len(GRANULE)}-",
    )
    assert (reply.status, reply.body.strip()) == (416, b"Invalid Range")


@pytest.mark.parametrize("fault", [Fault("html"), Fault("reset"), Fault("html", status=200)])
def test_login_is_down(earth: Earth, fault: Fault) -> None:
    """An outage of Earthdata Login would look like a wrong token."""
    url, said = f"{earth.data.url}{OBJECT}", bearer(earth.token())
    earth.edl.fault(fault, path="/api/users/")
    for _ in range(2):  # it is not remembered
        reply = ask(url, Authorization=said)
        assert (reply.status, reply.headers["Content-Type"][:9]) == (500, "text/html")
    earth.edl.clear_faults()
    assert ask(url, Authorization=said).status == 303
    earth.edl.fault(fault, method="POST")
    assert ask(f"{earth.data.url}/login?code=x&state=/").status == 500


def test_keys(earth: Earth, earth_sky: Sky) -> None:
    """Keys would be described otherwise than at NASA, or open nothing."""
    url = f"{earth.data.url}/s3credentials"
    reply = ask(url, Authorization=bearer(earth.token()), App_Name="cryodata")
    assert reply.status == 200
    said = json.loads(reply.body)
    assert set(said) == {"accessKeyId", "secretAccessKey", "sessionToken", "expiration"}
    assert len(said["expiration"]) == 25
    assert said["expiration"][10] == " "
    ends = datetime.fromisoformat(said["expiration"])
    assert (ends - datetime.now(UTC)).total_seconds() == pytest.approx(3600, abs=5)
    session: dict[str, Any] = read(said["sessionToken"]) or {}
    assert session["snam"] == f"{earth.user}@cryodata"
    store = S3Store(
        BUCKET,
        endpoint=earth_sky.url,
        region="us-west-2",
        access_key_id=said["accessKeyId"],
        secret_access_key=said["secretAccessKey"],
        session_token=said["sessionToken"],
        client_options={"allow_http": True},
    )
    assert bytes(obstore.get(store, KEY).bytes()) == GRANULE
    cookie = reply.headers["Set-Cookie"].partition(";")[0]
    more = ask(url, Cookie=cookie, App_Name="a/tool" + 80 * "x")
    other = json.loads(more.body)
    assert other["sessionToken"] != said["sessionToken"]
    session = read(other["sessionToken"]) or {}
    assert session["snam"] == f"{earth.user}@a_tool{80 * 'x'}"[:64]
    assert ask(f"{url}README").status == 200


def test_skewed_expiration(earth: Earth) -> None:
    """A clock that is wrong by hours would not show in what is said about keys."""
    earth.clock_skew = -7200.0
    reply = ask(f"{earth.data.url}/s3credentials", Authorization=bearer(earth.token()))
    ends = datetime.fromisoformat(json.loads(reply.body)["expiration"])
    assert (ends - datetime.now(UTC)).total_seconds() == pytest.approx(-3600, abs=5)


@pytest.mark.parametrize("means", ["token", "password"])
def test_provider_of_obstore(earth: Earth, earth_sky: Sky, means: str) -> None:
    """Another client than ours would not get along with this host."""
    auth = earth.token() if means == "token" else (earth.user, earth.password)
    provider = NasaEarthdataCredentialProvider(
        f"{earth.data.url}/s3credentials", host="localhost", auth=auth
    )
    store = S3Store(
        BUCKET,
        endpoint=earth_sky.url,
        credential_provider=provider,
        client_options={"allow_http": True},
    )
    assert bytes(obstore.get_range(store, KEY, start=7, length=9)) == GRANULE[7:16]
    provider.close()


def test_async_provider_of_obstore(earth: Earth) -> None:
    """Another client than ours, on aiohttp, would not get along with this host."""

    async def ask_for_keys() -> Any:
        async with aiohttp.ClientSession() as session:
            provider = NasaEarthdataAsyncCredentialProvider(
                f"{earth.data.url}/s3credentials", auth=earth.token(), session=session
            )
            return await provider()

    keys = asyncio.run(ask_for_keys())
    assert (read(keys["token"]) or {})["snam"] == earth.user


def test_requests_follows(earth: Earth) -> None:
    """The chain of redirects would be one that an ordinary client cannot go."""
    with requests.Session() as session:
        session.trust_env = False
        session.headers["Authorization"] = bearer(earth.token())
        reply = session.get(
            f"{earth.data.url}{OBJECT}", headers={"Range": "bytes=0-99"}, timeout=20
        )
    assert [step.status_code for step in reply.history] == [303]
    assert (reply.status_code, reply.content) == (206, GRANULE[:100])
    assert "authorization" not in earth.cdn.log.entries[0].headers
