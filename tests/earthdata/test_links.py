"""A granule's link is resolved once, by its own host, and leads nowhere it should not."""

from __future__ import annotations

import asyncio
import logging
import pickle
import time
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import formatdate
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from cryodata.earthdata.hosts import clock
from cryodata.earthdata.hosts import http as ours
from cryodata.earthdata.hosts.http import Client
from cryodata.earthdata.identity.login import login
from cryodata.earthdata.leave import links
from cryodata.earthdata.leave.links import SignedLink
from cryodata.earthdata.place import place_of
from cryodata.earthdata.system import System
from cryodata.errors import (
    AuthError,
    CryodataError,
    EulaRequiredError,
    FetchTimeoutError,
    LoginRejectedError,
    NotFoundError,
    NotLoggedInError,
    ServiceError,
    ThrottledError,
    TokenExpiredError,
)
from cryodata.sandbox import Fault
from cryodata.sandbox.earthdata import PROTECTED, Earth
from cryodata.store.base import Access
from cryodata.types import Grant
from tests.earthdata.canaries import artefacts, found
from tests.earthdata.conftest import CONTENT, KEYS
from tests.earthdata.stub import Answer, Asked, Stub


def link(earth: Earth, key: str = KEYS[0]) -> SignedLink:
    return SignedLink(f"{earth.data.url}/{PROTECTED}/{key}", earth.system)


def granted(access: SignedLink, stale: Grant | None = None) -> Grant:
    return asyncio.run(access.grant(stale=stale))


def by_token(earth: Earth, user: str | None = None) -> str:
    """Log in; returns the token."""
    token = earth.token(user)
    login(token=token, system=earth.system, quiet=True)
    return token


def asked(earth: Earth) -> list[int]:
    """Statuses of the requests to the data host."""
    return [entry.status for entry in earth.data.log]


# -- once ----------------------------------------------------------------------------------------


def test_a_link_reads_the_object(earth: Earth) -> None:
    """It needs nothing but itself, and nothing else may be sent with it."""
    by_token(earth)
    access = link(earth)
    assert isinstance(access, Access)
    assert access.curable == (AuthError,)
    grant = granted(access)
    assert grant.options == {}
    assert grant.url.startswith(earth.cdn.url)
    request = urllib.request.Request(grant.url, headers={"Range": "bytes=10-19"})
    with urllib.request.urlopen(request) as reply:
        assert reply.read() == CONTENT[10:20]
    assert earth.data.log.entries[0].range == "bytes=0-0"


def test_it_is_resolved_once(earth: Earth) -> None:
    """One request for each range, not two: half of all requests, and Earthdata Login is spared."""
    by_token(earth)

    async def many() -> set[int]:
        grants = await asyncio.gather(*(link(earth).grant() for _ in range(50)))
        return {grant.serial for grant in grants}

    assert len(asyncio.run(many())) == 1
    assert len(asyncio.run(many())) == 1  # another loop, and other instances
    assert granted(pickle.loads(pickle.dumps(link(earth)))).serial in asyncio.run(many())
    assert asked(earth) == [303]


def test_later_granules_spare_earthdata_login(earth: Earth) -> None:
    """The host knows its own cookie; a token it has to ask about, each time."""
    by_token(earth)
    earth.realm.rules.profile_life = 0.0
    earth.edl.log.clear()
    serials = {granted(link(earth, key)).serial for key in KEYS}
    assert len(serials) == len(KEYS)
    assert asked(earth) == [303] * len(KEYS)
    assert len(earth.edl.log) == 1


def test_another_login_gets_its_own_link(earth: Earth) -> None:
    """A link has the user's name in it, and a cookie the user's rights."""
    by_token(earth)
    first = granted(link(earth))
    earth.add_user("other", "x")
    by_token(earth, "other")
    second = granted(link(earth))
    users = [parse_qs(urlsplit(g.url).query)["A-userid"] for g in (first, second)]
    assert users == [[earth.user], ["other"]]


def test_links_that_nobody_asks_for_are_forgotten(
    earth: Earth, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that reads a million granules would keep a million links."""
    monkeypatch.setattr(links, "_KEPT", 2)
    by_token(earth)
    for key in KEYS:
        granted(link(earth, key))
    assert len(links._links.get()._links) == 2
    granted(link(earth, KEYS[2]))
    assert len(asked(earth)) == 3
    granted(link(earth, KEYS[0]))
    assert len(asked(earth)) == 4


# -- until it ends --------------------------------------------------------------------------------


def test_a_link_that_ends_is_resolved_anew(earth: Earth) -> None:
    """Reads go on for hours; links last an hour, or less."""
    by_token(earth)
    earth.link_life = 3.0
    access = link(earth)
    first = granted(access)
    assert granted(access).serial == first.serial
    time.sleep(3.0)
    assert granted(access).serial != first.serial
    assert asked(earth) == [303, 303]


def test_a_link_that_is_refused_is_resolved_anew(earth: Earth) -> None:
    """Whoever complains of it, and once."""
    by_token(earth)
    access = link(earth)
    first = granted(access)

    async def many() -> set[int]:
        grants = await asyncio.gather(*(access.grant(stale=first) for _ in range(20)))
        return {grant.serial for grant in grants}

    assert len(asyncio.run(many())) == 1
    assert asked(earth) == [303, 303]


def signed_by_s3(life: int, at: float) -> str:
    date = datetime.fromtimestamp(at, UTC).strftime("%Y%m%dT%H%M%SZ")
    return urlencode({"X-Amz-Date": date, "X-Amz-Expires": life, "X-Amz-Signature": "CANARY"})


NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    "query,headers,life",
    [
        pytest.param(f"Expires={NOW + 3600:.0f}", {}, 3570.0, id="CloudFront"),
        pytest.param(signed_by_s3(3600, NOW), {}, 3570.0, id="S3"),
        pytest.param(signed_by_s3(100, NOW - 50), {}, 45.0, id="S3, begun"),
        pytest.param("", {"Cache-Control": "private, max-age=3540"}, 3510.0, id="max-age"),
        pytest.param(
            f"Expires={NOW + 3600:.0f}", {"Cache-Control": "private, max-age=60"}, 54.0, id="less"
        ),
        pytest.param(
            f"Expires={NOW + 10:.0f}", {"Cache-Control": "max-age=3540"}, 9.0, id="link ends first"
        ),
        pytest.param(
            f"Expires={NOW + 10:.0f}", {"Cache-Control": "private, max-age=-50"}, 9.0, id="negative"
        ),
        pytest.param("", {}, 570.0, id="says nothing"),
        pytest.param("Expires=tomorrow&X-Amz-Date=x", {}, 570.0, id="says nonsense"),
    ],
)
@pytest.mark.parametrize("skew", [0.0, -7200.0, 7200.0])
def test_how_long_a_link_serves(
    earth: Earth,
    stub: Stub,
    monkeypatch: pytest.MonkeyPatch,
    query: str,
    headers: dict[str, str],
    life: float,
    skew: float,
) -> None:
    """By the host's clock: this machine's may be wrong, and links are not judged by it."""
    stub.date = NOW
    signer = urlsplit(earth.cdn.url).netloc
    to = f"http://{signer}/x?{query}"
    stub.answer = lambda asked: Answer(303, headers=(("Location", to), *headers.items()))
    system = logged_in_at(earth, stub, life=10 * 365 * 86400)
    monkeypatch.setattr(clock, "now", lambda: NOW + skew)
    grant = granted(SignedLink(f"{stub.url}/bucket/key", system))
    assert grant.expires - (NOW + skew) == pytest.approx(life, abs=1e-3)


# -- where it may lead -----------------------------------------------------------------------------


@pytest.mark.parametrize("status", [302, 303, 307])
@pytest.mark.parametrize("hop", ["data host", "login"])
def test_a_stranger_is_told_nothing(
    earth: Earth, stub: Stub, foreign: Stub, status: int, hop: str
) -> None:
    """Whoever can bend a redirect would have the user's token, cookie or password."""
    system = logged_in_at(earth, stub, password=True)
    stranger = (("Location", f"{foreign.url}/bucket/key?x=1"), ("Set-Cookie", "asf-urs=CANARY"))
    if hop == "data host":
        stub.answer = lambda asked: Answer(status, headers=stranger)
    else:
        detour = authorize(earth, stub, foreign.url)
        stub.answer = lambda asked: Answer(status, headers=(("Location", detour),))
    for _ in range(2):
        with pytest.raises(ServiceError, match="nothing was sent") as caught:
            granted(SignedLink(f"{stub.url}/bucket/key", system))
    assert caught.value.fix
    assert not foreign.asked


def test_earthdata_login_leads_to_a_stranger(
    earth: Earth, stub: Stub, foreign: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The code it gives stands for the user."""
    system = logged_in_at(earth, stub, password=True)
    stub.answer = lambda asked: Answer(302, headers=(("Location", authorize(earth, stub)),))
    earth.edl.fault(Fault("redirect", to=foreign.url), path="/oauth/authorize")
    with pytest.raises(ServiceError):
        granted(SignedLink(f"{stub.url}/bucket/key", system))
    assert not foreign.asked


@pytest.mark.parametrize(
    "to",
    [
        "http://d1.cloudfront.net/x",
        "https://evilcloudfront.net/x",
        "https://cloudfront.net.evil.org/x",
        "https://d1.cloudfront.net@evil.org/x",
        "file:///etc/passwd",
        "//169.254.169.254/latest",
        "javascript:alert(1)",
        "https://evil.org\\@d1.cloudfront.net/x",
    ],
)
def test_places_that_only_look_right(earth: Earth, stub: Stub, to: str) -> None:
    """The reader would fetch whatever it is told."""
    system = replace(logged_in_at(earth, stub), signers=(".cloudfront.net",))
    stub.answer = lambda asked: Answer(303, headers=(("Location", to),))
    with pytest.raises(ServiceError):
        granted(SignedLink(f"{stub.url}/bucket/key", system))


def test_a_host_that_some_read_otherwise(earth: Earth, stub: Stub, foreign: Stub) -> None:
    """The host that is checked would not be the one that is told the token."""
    system = logged_in_at(earth, stub)
    to = f"{foreign.url}\\@{urlsplit(stub.url).netloc}/bucket/key"
    stub.answer = lambda asked: Answer(302, headers=(("Location", to),))
    with pytest.raises(ServiceError):
        granted(SignedLink(f"{stub.url}/bucket/key", system))
    for url in (to, to.replace("\\@", "@")):
        assert not system.is_data_host(url)
        assert place_of(url, system) is None
        with pytest.raises(CryodataError):
            granted(SignedLink(url, system))
        with pytest.raises(CryodataError):
            Client(stub.url).ask("GET", url)
    assert not foreign.asked


def test_a_url_that_is_not_earthdatas(earth: Earth, foreign: Stub) -> None:
    """A list of granules may come from anybody."""
    by_token(earth)
    with pytest.raises(ServiceError, match="no data host of Earthdata; nothing was sent"):
        granted(SignedLink(f"{foreign.url}/bucket/key", earth.system))
    assert not foreign.asked


def test_a_host_that_moved(earth: Earth, stub: Stub, foreign: Stub) -> None:
    """One data host may lead to another, and each has its own cookie."""
    system = replace(
        logged_in_at(earth, stub), endpoints={PROTECTED: stub.url, "other": foreign.url}
    )
    login(token=earth.token(), system=system, quiet=True)
    cookie = ("Set-Cookie", "asf-urs=CANARY")
    stub.answer = lambda asked: Answer(
        301, headers=(("Location", f"{foreign.url}/bucket/key"), cookie)
    )
    foreign.answer = lambda asked: Answer(303, headers=(("Location", f"{earth.cdn.url}/x"),))
    assert granted(SignedLink(f"{stub.url}/bucket/key", system)).url == f"{earth.cdn.url}/x"
    assert "Cookie" not in foreign.asked[0].headers


# -- the detour of browsers ----------------------------------------------------------------------


def logged_in_at(
    earth: Earth, stub: Stub, *, password: bool = False, life: float = 3600.0
) -> System:
    """The sandbox's Earthdata with a stub for its data host, and a user logged in there."""
    system = replace(earth.system, endpoints={PROTECTED: stub.url})
    if password:
        login(username=earth.user, password=earth.password, system=system, quiet=True)
    else:
        login(token=earth.token(life=life), system=system, quiet=True)
    return system


def authorize(earth: Earth, stub: Stub, back: str = "") -> str:
    """Where a data host sends those it does not know."""
    fields = {
        "client_id": earth.realm.client_id,
        "response_type": "code",
        "redirect_uri": f"{back or stub.url}/login",
        "state": "/bucket/key",
    }
    return f"{earth.system.edl}/oauth/authorize?{urlencode(fields)}"


def old_host(earth: Earth, stub: Stub) -> Callable[[Asked], Answer]:
    """A data host that knows cookies and no tokens."""

    def answer(asked: Asked) -> Answer:
        if asked.path.startswith("/login?"):
            cookie = ("Set-Cookie", "asf-urs=CANARYCOOKIE7Q2M; Path=/")
            return Answer(301, headers=(("Location", "/bucket/key"), cookie))
        if "CANARYCOOKIE7Q2M" in asked.headers.get("Cookie", ""):
            to = f"{earth.cdn.url}/s3/x?Signature=CANARYSIGNATURE3gU"
            return Answer(303, headers=(("Location", to),))
        return Answer(302, headers=(("Location", authorize(earth, stub)),))

    return answer


def test_a_password_makes_the_detour(earth: Earth, stub: Stub) -> None:
    """Some hosts know no tokens; the cookie then serves for all granules."""
    system = logged_in_at(earth, stub, password=True)
    stub.answer = old_host(earth, stub)
    for key in ("key", "other"):
        assert "CANARYSIGNATURE" in granted(SignedLink(f"{stub.url}/bucket/{key}", system)).url
    paths = [asked.path.partition("?")[0] for asked in stub.asked]
    assert paths == ["/bucket/key", "/login", "/bucket/key", "/bucket/other"]
    assert [e.status for e in earth.edl.log if e.path == "/oauth/authorize"] == [302]
    returned = stub.asked[1]
    assert "Authorization" not in returned.headers
    basics = [a for a in stub.asked if a.headers.get("Authorization", "").startswith("Basic")]
    assert not basics


def test_a_token_cannot_make_the_detour(earth: Earth, stub: Stub) -> None:
    """A page for people would be taken for data."""
    system = logged_in_at(earth, stub)
    stub.answer = old_host(earth, stub)
    with pytest.raises(TokenExpiredError, match="does not take the token given"):
        granted(SignedLink(f"{stub.url}/bucket/key", system))


def test_a_detour_without_end(earth: Earth, stub: Stub) -> None:
    """A host that forgets its own cookie."""
    system = logged_in_at(earth, stub, password=True)
    stub.answer = lambda asked: (
        Answer(301, headers=(("Location", "/bucket/key"),))
        if asked.path.startswith("/login")
        else Answer(302, headers=(("Location", authorize(earth, stub)),))
    )
    with pytest.raises(ServiceError):
        granted(SignedLink(f"{stub.url}/bucket/key", system))
    assert len([e for e in earth.edl.log if e.path == "/oauth/authorize"]) == 1


def test_a_password_changed_meanwhile_is_sent_once(earth: Earth, stub: Stub) -> None:
    """The account would be locked by the reads of one afternoon."""
    system = logged_in_at(earth, stub, password=True)
    stub.answer = old_host(earth, stub)
    earth.add_user(earth.user, "another")
    try:
        for key in ("a", "b", "c"):
            with pytest.raises(LoginRejectedError, match="password given"):
                granted(SignedLink(f"{stub.url}/bucket/{key}", system))
    finally:
        earth.add_user(earth.user, earth.password)
    assert [e.status for e in earth.edl.log if e.path == "/oauth/authorize"] == [401]


def test_a_wrong_password_is_sent_once_however_many_read(earth: Earth, stub: Stub) -> None:
    """Sixteen granules opened side by side would lock the account."""
    system = logged_in_at(earth, stub, password=True)
    stub.answer = old_host(earth, stub)
    earth.add_user(earth.user, "another password")
    earth.edl.fault(Fault("delay", seconds=0.3), path="/oauth/authorize")

    def refused(key: int) -> bool:
        with pytest.raises(LoginRejectedError):
            granted(SignedLink(f"{stub.url}/bucket/{key}", system))
        return True

    try:
        with ThreadPoolExecutor(16) as pool:
            assert all(pool.map(refused, range(16)))
    finally:
        earth.add_user(earth.user, earth.password)
    assert [e.status for e in earth.edl.log if e.path == "/oauth/authorize"] == [401]


def test_an_application_to_be_approved(earth: Earth, stub: Stub) -> None:
    """Earthdata Login shows a page for it, where a program sees a 200 or a way to it."""
    system = logged_in_at(earth, stub, password=True)
    stub.answer = old_host(earth, stub)
    earth.edl.fault(Fault("html", status=200), path="/oauth/authorize")
    with pytest.raises(EulaRequiredError) as caught:
        granted(SignedLink(f"{stub.url}/bucket/key", system))
    link_ = f"{system.edl}/approve_app?client_id={earth.realm.client_id}"
    assert caught.value.link == link_


# -- what is refused -----------------------------------------------------------------------------


def test_no_such_object(earth: Earth) -> None:
    """The name of a granule has its version in it, and versions go."""
    by_token(earth)
    with pytest.raises(NotFoundError, match="no such object in http"):
        granted(link(earth, "ATLAS/none.h5"))


def test_a_licence_to_be_approved(earth: Earth) -> None:
    """The link is the remedy."""
    earth.add_user("unapproved", "x", approved=False)
    by_token(earth, "unapproved")
    with pytest.raises(EulaRequiredError) as caught:
        granted(link(earth))
    assert caught.value.link.startswith(f"{earth.system.edl}/approve_app?")
    assert str(caught.value).count("\n") == 1


@pytest.mark.parametrize("to", ["https://evil.org/approve", "javascript:alert(1)", ""])
def test_a_licence_of_a_stranger(earth: Earth, stub: Stub, to: str) -> None:
    """Users follow links in error messages."""
    system = logged_in_at(earth, stub)
    said = {"error_description": "EULA Acceptance Failure", "resolution_url": to}
    stub.answer = lambda asked: Answer(403, said)
    with pytest.raises(EulaRequiredError) as caught:
        granted(SignedLink(f"{stub.url}/bucket/key", system))
    assert caught.value.link == f"{system.edl}/profile"


def test_a_group_the_user_is_not_in(earth: Earth) -> None:
    """A page says that the data are not available, which is not so."""
    earth.realm.rules.required_group = "cryosphere"
    by_token(earth)
    with pytest.raises(AuthError, match="not in the group"):
        granted(link(earth))


def test_nobody_is_logged_in(earth: Earth) -> None:
    """On a worker this is the first that is heard of it."""
    with pytest.raises(NotLoggedInError) as caught:
        granted(link(earth))
    assert "cd.login()" in caught.value.fix
    assert not asked(earth)


def test_a_token_that_was_revoked_meanwhile(earth: Earth) -> None:
    """It was good at login, and is good nowhere now."""
    earth.revoke(by_token(earth))
    with pytest.raises(TokenExpiredError):
        granted(link(earth))


@pytest.mark.parametrize(
    "fault,kind",
    [
        pytest.param(Fault("status", status=503), ThrottledError, id="503"),
        pytest.param(Fault("html", status=200), ServiceError, id="html"),
        pytest.param(Fault("html", status=500), ServiceError, id="500"),
        pytest.param(Fault("hang", seconds=30), FetchTimeoutError, id="silent"),
        pytest.param(Fault("status", status=416), ServiceError, id="416"),
    ],
)
def test_a_data_host_misbehaves(
    earth: Earth,
    monkeypatch: pytest.MonkeyPatch,
    fault: Fault,
    kind: type[CryodataError],
) -> None:
    """Each trouble has its error, with a remedy, in time; and shows no secret."""
    monkeypatch.setattr(ours, "_TOTAL", 1.5)
    token = by_token(earth)
    earth.data.fault(fault)
    with pytest.raises(kind) as caught:
        granted(link(earth))
    assert caught.value.fix
    assert not found([token], *artefacts(caught.value))


def test_a_moments_trouble_is_not_seen(earth: Earth) -> None:
    """Of a thousand granules one meets it every time."""
    by_token(earth)
    earth.data.fault(Fault("status", status=503), times=2)
    assert granted(link(earth)).url
    assert asked(earth) == [503, 503, 303]


# -- what is seen ---------------------------------------------------------------------------------


def test_nothing_secret_is_seen(earth: Earth, stub: Stub, caplog: pytest.LogCaptureFixture) -> None:
    """Links travel in graphs; logs, reprs and errors are read by others.

    With distributed imported, copies of errors keep the frames of the first.
    """
    import distributed  # noqa: F401

    caplog.set_level(logging.DEBUG)
    system = logged_in_at(earth, stub, password=True)
    stub.answer = old_host(earth, stub)
    access = SignedLink(f"{stub.url}/bucket/key?Signature=CANARYSIGNATURE3gU", system)
    grant = granted(access)
    secrets = ["CANARYSIGNATURE3gU", "CANARYCOOKIE7Q2M", earth.password]
    errors: list[Any] = []
    stub.answer = lambda asked: Answer(
        303, headers=(("Location", "https://evil.org/?Signature=CANARYSIGNATURE3gU"),)
    )
    for stale in (grant, grant):
        with pytest.raises(ServiceError) as caught:
            granted(access, stale)
        errors.append(caught.value)
    for thing in (access, grant, links._links.get(), *errors):
        assert not found(secrets, *artefacts(thing)), type(thing)
    assert not found(secrets, caplog.text)
    assert pickle.loads(pickle.dumps(access)).url == f"{stub.url}/bucket/key"


def test_dates_of_the_stub_are_what_it_is_told(stub: Stub) -> None:
    """The tests above stand on it."""
    stub.date = NOW
    reply = ours.Client(stub.url).ask("GET", f"{stub.url}/")
    assert reply.headers["Date"] == formatdate(NOW, usegmt=True)
