"""Keys are asked for as seldom as can be, and are always there."""

from __future__ import annotations

import asyncio
import copy
import logging
import os
import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from cryodata.earthdata.hosts import clock
from cryodata.earthdata.hosts import http as ours
from cryodata.earthdata.hosts.reply import Reply
from cryodata.earthdata.identity.login import login
from cryodata.earthdata.leave import credentials
from cryodata.earthdata.leave.credentials import BucketCredentials, bucket_credentials
from cryodata.earthdata.leave.keys import Keys
from cryodata.errors import (
    AuthError,
    ClockSkewError,
    CredentialsExpiredError,
    CryodataError,
    EulaRequiredError,
    FetchError,
    FetchTimeoutError,
    NotLoggedInError,
    ServiceError,
    ThrottledError,
    TokenExpiredError,
)
from cryodata.sandbox import Fault
from cryodata.sandbox.earthdata import PROTECTED, Earth
from cryodata.store.base import Access
from tests.earthdata.canaries import artefacts, found
from tests.earthdata.stub import Answer, Asked, Stub
from tests.earthdata.test_login import together

ENDPOINT = "/s3credentials"


def source(earth: Earth) -> BucketCredentials:
    """The keys of the protected bucket, for a user who is logged in."""
    login(token=earth.token(), system=earth.system, quiet=True)
    return bucket_credentials(earth.data.url, PROTECTED, earth.system)


def asked(earth: Earth) -> list[int]:
    """Statuses of the requests for keys."""
    return [entry.status for entry in earth.data.log if entry.path == ENDPOINT]


# -- once, however many ask -------------------------------------------------------------------


def test_many_threads_and_loops_make_one_request(earth: Earth) -> None:
    """64 readers begin at the same moment, from threads and from two event loops."""
    keys, serials = source(earth), list[int]()
    earth.data.fault(Fault("delay", seconds=0.3))

    async def tasks() -> None:
        serials.extend(k.serial for k in await asyncio.gather(*(keys.akeys() for _ in range(20))))

    works: list[Callable[[], object]] = [lambda: serials.append(keys.keys().serial)] * 24
    works += [lambda: asyncio.run(tasks())] * 2
    turns = iter(works)
    together(lambda: next(turns)(), len(works))  # noqa: PLW0108 - one each
    assert len(serials) == 64
    assert len(set(serials)) == 1
    assert asked(earth) == [200]


def test_a_cancelled_task_leaves_the_others_alone(earth: Earth) -> None:
    """One read is given up while others wait for the same keys."""
    keys = source(earth)
    earth.data.fault(Fault("delay", seconds=0.3))

    async def main() -> Keys:
        first = asyncio.ensure_future(keys.akeys())
        second = asyncio.ensure_future(keys.akeys())
        await asyncio.sleep(0.1)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        return await second

    assert asyncio.run(main()).key
    assert asked(earth) == [200]


def test_a_loop_that_ends_leaves_the_request_alone(earth: Earth, caplog: Any) -> None:
    """A script's ``asyncio.run`` is interrupted; the next one finds the keys there."""
    keys = source(earth)
    earth.data.fault(Fault("delay", seconds=0.4))

    async def impatient() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(keys.akeys(), 0.1)

    asyncio.run(impatient())
    assert keys.keys().key
    assert asked(earth) == [200]
    assert "exception calling callback" not in caplog.text


def test_there_is_one_source_for_a_bucket(earth: Earth) -> None:
    """Each granule asks for it, and they must share keys."""
    one = bucket_credentials(earth.data.url, PROTECTED, earth.system)
    other = bucket_credentials(f"{earth.data.url}{ENDPOINT}", PROTECTED, earth.system)
    assert one is other
    assert pickle.loads(pickle.dumps(one)) is one
    assert bucket_credentials(earth.data.url, "another", earth.system) is not one
    elsewhere = replace(earth.system, region="eu-west-1")
    assert bucket_credentials(earth.data.url, PROTECTED, elsewhere) is not one


# -- in time ------------------------------------------------------------------------------------


def test_keys_of_three_seconds(earth: Earth) -> None:
    """16 threads read for 7 s: never a key that is over, and one request for each life."""
    keys = source(earth)
    seen: dict[int, Keys] = {}
    over: list[float] = []
    end = time.monotonic() + 7.0

    def read() -> None:
        while time.monotonic() < end:
            now = keys.keys()
            seen[now.serial] = now
            if now.expires <= time.time() - 0.2:  # a slow machine may sleep in between
                over.append(now.expires)
            time.sleep(0.005)

    together(read, 16)
    assert not over
    statuses = asked(earth)
    assert set(statuses) == {200}
    assert len(statuses) <= len(seen)
    assert sum(k.life for k in seen.values()) >= 0.9 * 7.0


def test_nobody_asks_when_idle(earth: Earth) -> None:
    """A notebook left open over night must not keep asking."""
    keys = source(earth)
    keys.keys()
    time.sleep(3.5)
    assert asked(earth) == [200]
    keys.keys()
    assert asked(earth) == [200, 200]


class Clockwork:
    """A clock that a test turns, and an endpoint whose keys live an hour by it."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0  # 2027-01-15T08:00:00Z
        self.asked: list[float] = []
        self.fail: CryodataError | None = None
        self.life = 3600.0
        self.skew = 0.0
        self.given = ""

    def visit(self, *_: object, **__: object) -> Reply:
        """What the data host answers."""
        self.asked.append(self.now)
        if self.fail is not None:
            raise self.fail
        server = self.now + self.skew
        said = self.given or datetime.fromtimestamp(server + self.life, UTC).isoformat(" ")
        number = len(self.asked)
        body = (
            f'{{"accessKeyId": "A{number}", "secretAccessKey": "S", "sessionToken": "T",'
            f' "expiration": "{said}"}}'
        )
        date = datetime.fromtimestamp(server, UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
        return Reply(
            status=200, url="https://host/s3credentials", headers={"Date": date}, body=body.encode()
        )


@pytest.fixture
def clockwork(monkeypatch: pytest.MonkeyPatch) -> Clockwork:
    turned = Clockwork()
    monkeypatch.setattr(clock, "now", lambda: turned.now)
    monkeypatch.setattr(credentials, "visit", turned.visit)
    monkeypatch.setattr(credentials, "current_login", lambda system: None)
    return turned


@pytest.fixture
def hourly(clockwork: Clockwork, earth: Earth) -> BucketCredentials:
    return bucket_credentials("https://host", "bucket", earth.system)


def settled(keys: BucketCredentials, clockwork: Clockwork, count: int) -> None:
    """Wait until a request in the background is over."""
    deadline = time.monotonic() + 10
    while len(clockwork.asked) < count and time.monotonic() < deadline:
        time.sleep(0.005)
    time.sleep(0.05)
    assert len(clockwork.asked) == count


def test_keys_of_an_hour(clockwork: Clockwork, hourly: BucketCredentials) -> None:
    """A day of reads: renewed in the last minutes, before they end, and nobody waits."""
    renewals = 0
    for _ in range(24 * 60):
        keys = hourly.keys()
        assert keys.expires > clockwork.now
        if keys.expires - clockwork.now < 90:
            settled(hourly, clockwork, len(clockwork.asked))
        clockwork.now += 60.0
        if hourly._supply.get()._flight._under_way is not None:
            renewals += 1
            time.sleep(0.02)
    gaps = [b - a for a, b in zip(clockwork.asked, clockwork.asked[1:], strict=False)]
    assert 23 <= len(gaps) <= 26
    assert all(3300 <= gap < 3600 for gap in gaps)


@pytest.mark.parametrize(
    "given,life",
    [
        pytest.param("2027-01-15 09:00:00+00:00", 3600.0, id="NASA's"),
        pytest.param("2027-01-15T09:00:00Z", 3600.0, id="ISO"),
        pytest.param("2027-01-15T09:00:00", 3600.0, id="no offset"),
        pytest.param("2027-01-15 01:00:00-08:00", 3600.0, id="offset"),
        pytest.param("2027-01-15 08:30:00.500000+00:00", 1800.5, id="fraction"),
    ],
)
def test_when_keys_end(
    clockwork: Clockwork, hourly: BucketCredentials, given: str, life: float
) -> None:
    """A wrong hour is keys that are over, or a request for each read."""
    clockwork.given = given
    assert hourly.keys().life == pytest.approx(life)


@pytest.mark.parametrize("skew", [-600.0, 600.0])
def test_a_clock_that_is_somewhat_wrong(
    clockwork: Clockwork, hourly: BucketCredentials, skew: float
) -> None:
    """The life of keys is the server's to say, whatever this machine takes for the time."""
    clockwork.skew = skew
    assert hourly.keys().life == pytest.approx(3600.0, abs=1)


@pytest.mark.parametrize("skew,said", [(-3600.0, "60 minutes ahead"), (7200.0, "2 hours behind")])
def test_a_clock_that_is_too_wrong(
    clockwork: Clockwork, hourly: BucketCredentials, skew: float, said: str
) -> None:
    """S3 would refuse every signature, with words that nobody understands."""
    clockwork.skew = skew
    with pytest.raises(ClockSkewError, match=said):
        hourly.keys()


def test_the_last_keys_serve_while_new_ones_cannot_be_had(
    clockwork: Clockwork, hourly: BucketCredentials, caplog: pytest.LogCaptureFixture
) -> None:
    """A minute's trouble of the data host must not be seen, and is told once."""
    first = hourly.keys()
    clockwork.now += 3550.0
    clockwork.fail = ServiceError("down")
    with caplog.at_level(logging.WARNING):
        for _ in range(45):
            assert hourly.keys() is first
            time.sleep(0.002)
            clockwork.now += 1.0
    assert 3 <= len(clockwork.asked) <= 12  # later and later, and not each time
    told = [r for r in caplog.records if r.name.startswith("cryodata")]
    assert len(told) == 1
    clockwork.now += 60.0
    with pytest.raises(ServiceError, match="down"):
        hourly.keys()
    clockwork.fail = None
    clockwork.now += 60.0
    assert hourly.keys() is not first


def test_failures_are_not_asked_for_again_and_again(
    clockwork: Clockwork, hourly: BucketCredentials
) -> None:
    """A thousand reads fail at once; the data host sees one request, and then a pause."""
    clockwork.fail = ThrottledError("slow down")
    clockwork.fail.retry_after = 100.0
    errors: list[CryodataError] = []
    for _ in range(50):
        with pytest.raises(ThrottledError) as caught:
            hourly.keys()
        errors.append(caught.value.locate(url=f"s3://{len(errors)}"))
    assert len(clockwork.asked) == 1
    assert len({error.url for error in errors}) == 50
    clockwork.now += 99.0
    with pytest.raises(ThrottledError):
        hourly.keys()
    assert len(clockwork.asked) == 1
    clockwork.now += 2.0
    clockwork.fail.retry_after = 1e30  # a mistake of the host's
    with pytest.raises(ThrottledError):
        hourly.keys()
    clockwork.now += 601.0
    clockwork.fail = None
    assert hourly.keys().key


def test_keys_that_s3_calls_over_are_renewed_once(
    clockwork: Clockwork, hourly: BucketCredentials
) -> None:
    """All reads under way complain of the same keys."""
    first = hourly.keys()
    serials: list[int] = []
    together(lambda: serials.append(hourly.keys(stale_serial=first.serial).serial), 32)
    assert len(clockwork.asked) == 2
    assert set(serials) == {hourly.keys().serial}
    second = hourly.keys()
    with pytest.raises(CredentialsExpiredError, match="just come"):
        hourly.keys(stale_serial=second.serial)
    assert len(clockwork.asked) == 2
    clockwork.now += 2000.0
    assert hourly.keys(stale_serial=second.serial).serial not in (first.serial, second.serial)


def test_another_login_gets_its_own_keys(earth: Earth) -> None:
    """The next user of a notebook must not read as the one before."""
    keys = source(earth)
    first = keys.keys()
    earth.add_user("other", "password/CANARY")
    login(username="other", password="password/CANARY", system=earth.system, quiet=True)
    assert keys.keys().serial != first.serial
    assert asked(earth) == [200, 200]


def test_a_login_after_a_failure_is_used_at_once(earth: Earth) -> None:
    """The user logs in because the read failed, and runs the cell again."""
    keys = bucket_credentials(earth.data.url, PROTECTED, earth.system)
    with pytest.raises(NotLoggedInError):
        keys.keys()
    login(token=earth.token(), system=earth.system, quiet=True)
    assert keys.keys().key


# -- what is refused ----------------------------------------------------------------------------


def test_a_licence_to_be_approved(earth: Earth) -> None:
    """The link is the remedy; elsewhere this is a KeyError."""
    user = earth.add_user("unapproved", "x", approved=False)
    login(token=earth.token(user.name), system=earth.system, quiet=True)
    keys = bucket_credentials(earth.data.url, PROTECTED, earth.system)
    with pytest.raises(EulaRequiredError) as caught:
        keys.keys()
    assert caught.value.link.startswith(f"{earth.system.edl}/approve_app?client_id=")
    assert caught.value.link in caught.value.fix
    assert str(caught.value).count("\n") == 1
    assert pickle.loads(pickle.dumps(caught.value)).link == caught.value.link


def test_a_user_who_is_in_no_group(earth: Earth) -> None:
    """HTML says so, in words for people."""
    earth.realm.rules.required_group = "cryosphere"
    with pytest.raises(AuthError, match="not in the group") as caught:
        source(earth).keys()
    assert type(caught.value) is AuthError
    assert caught.value.fix


def test_a_token_that_was_revoked_meanwhile(earth: Earth) -> None:
    """It was good at login."""
    token = earth.token()
    login(token=token, system=earth.system, quiet=True)
    earth.revoke(token)
    with pytest.raises(TokenExpiredError, match="revoked"):
        bucket_credentials(earth.data.url, PROTECTED, earth.system).keys()


def test_a_password_cures_a_token_that_was_revoked_meanwhile(earth: Earth) -> None:
    """Another program of the user made two new ones."""
    present = login(username=earth.user, password=earth.password, system=earth.system, quiet=True)
    earth.revoke(present.account.token().secret.reveal())
    assert bucket_credentials(earth.data.url, PROTECTED, earth.system).keys().key


@pytest.mark.parametrize(
    "fault,kind,said",
    [
        pytest.param(Fault("status", status=503), ThrottledError, "slow down", id="503"),
        pytest.param(Fault("status", status=429), ThrottledError, "slow down", id="429"),
        pytest.param(Fault("html", status=500), ServiceError, "500", id="500"),
        pytest.param(Fault("html", status=200), ServiceError, "no sense", id="html"),
        pytest.param(Fault("status", status=200), ServiceError, "no sense", id="xml"),
        pytest.param(Fault("garbage"), FetchError, "reached", id="garbage"),
        pytest.param(Fault("hang", seconds=30), FetchTimeoutError, "did not answer", id="silent"),
    ],
)
def test_a_data_host_misbehaves(
    earth: Earth,
    monkeypatch: pytest.MonkeyPatch,
    fault: Fault,
    kind: type[CryodataError],
    said: str,
) -> None:
    """Each trouble has its error, with a remedy, in time."""
    monkeypatch.setattr(ours, "_TOTAL", 1.5)
    token = earth.token()
    login(token=token, system=earth.system, quiet=True)
    earth.data.fault(fault)
    with pytest.raises(kind, match=said) as caught:
        bucket_credentials(earth.data.url, PROTECTED, earth.system).keys()
    assert caught.value.fix
    assert str(caught.value).count("\n") == 1
    assert not found([token], *artefacts(caught.value))


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"accessKeyId": "A", "secretAccessKey": "S", "sessionToken": "T"},
        {"accessKeyId": "A", "secretAccessKey": 1, "sessionToken": "T", "expiration": "x"},
        {"accessKeyId": "A", "secretAccessKey": "S", "sessionToken": "T", "expiration": "soon"},
        {"accessKeyId": "A", "secretAccessKey": "S", "sessionToken": "T", "expiration": 12},
    ],
    ids=["empty", "no end", "number", "end is no time", "end is a number"],
)
def test_json_that_is_no_keys(earth: Earth, stub: Stub, body: dict[str, Any]) -> None:
    """A KeyError says nothing to anybody."""
    keys = elsewhere(earth, stub)
    stub.answer = lambda asked: Answer(200, body)
    with pytest.raises(ServiceError) as caught:
        keys.keys()
    assert caught.value.fix


def test_keys_that_are_over_when_they_come(earth: Earth, stub: Stub) -> None:
    """Each read would ask for others, for ever."""
    keys = elsewhere(earth, stub)
    stub.answer = lambda asked: Answer(
        200,
        {
            "accessKeyId": "A",
            "secretAccessKey": "S",
            "sessionToken": "T",
            "expiration": "2020-01-01 00:00:00+00:00",
        },
    )
    with pytest.raises(ServiceError, match="over already"):
        keys.keys()


def test_a_host_that_leads_in_circles(earth: Earth, stub: Stub) -> None:
    """A browser gives up after twenty; here a few are enough."""
    keys = elsewhere(earth, stub)
    stub.answer = lambda asked: Answer(302, headers=(("Location", asked.path),))
    with pytest.raises(ServiceError, match="circles"):
        keys.keys()
    assert len(stub.asked) < 10


def test_an_endpoint_that_is_not_earthdatas_is_told_nothing(earth: Earth, foreign: Stub) -> None:
    """The link to it may come from a record that anybody has written."""
    login(token=earth.token(), system=earth.system, quiet=True)
    with pytest.raises(ServiceError, match="nothing was sent") as caught:
        bucket_credentials(foreign.url, "bucket", earth.system).keys()
    assert caught.value.fix
    assert not foreign.asked


def test_a_host_that_leads_to_a_stranger(earth: Earth, stub: Stub, foreign: Stub) -> None:
    """Keys that a stranger gives would send the reads to the stranger's account."""
    keys = elsewhere(earth, stub)
    stub.answer = lambda asked: Answer(302, headers=(("Location", f"{foreign.url}/keys"),))
    with pytest.raises(ServiceError):
        keys.keys()
    assert not foreign.asked


def elsewhere(earth: Earth, stub: Stub) -> BucketCredentials:
    """Keys from a stub that counts as a data host, for a user who is logged in."""
    system = with_data_host(earth, stub)
    login(token=earth.token(), system=system, quiet=True)
    return bucket_credentials(stub.url, PROTECTED, system)


def with_data_host(earth: Earth, stub: Stub) -> Any:
    """The sandbox's Earthdata, with a stub for its data host."""
    return replace(earth.system, endpoints={PROTECTED: stub.url})


# -- access, pickles, processes ---------------------------------------------------------------


def test_leave_to_read_an_object(earth: Earth) -> None:
    """Stores ask for it before each request, in the words of s3fs."""
    access = source(earth).access(f"s3://{PROTECTED}/x.h5")
    assert isinstance(access, Access)
    assert access.curable == (CredentialsExpiredError,)
    grant = asyncio.run(access.grant())
    again = asyncio.run(access.grant())
    keys = access.credentials.keys()
    assert (grant.url, grant.serial, grant.expires) == (access.url, keys.serial, keys.expires)
    assert again.options == grant.options
    assert grant.options == {
        **keys.options(),
        "client_kwargs": {"region_name": "us-west-2", "endpoint_url": earth.system.s3},
    }
    other = asyncio.run(access.grant(stale=grant))
    assert other.serial != grant.serial
    assert other.options["token"] != grant.options["token"]


def test_nothing_secret_is_seen(earth: Earth, caplog: pytest.LogCaptureFixture) -> None:
    """Access travels in graphs; reprs and logs are read by others."""
    caplog.set_level(logging.DEBUG)
    token = earth.token()
    login(token=token, system=earth.system, quiet=True)
    keys = bucket_credentials(earth.data.url, PROTECTED, earth.system)
    access = keys.access(f"s3://{PROTECTED}/x.h5")
    grant = asyncio.run(access.grant())
    secrets = [token, *(grant.options[name] for name in ("key", "secret", "token"))]
    things = [keys, access, grant, keys.keys(), keys._supply.get(), copy.copy(keys)]
    for thing in things:
        assert not found(secrets, *artefacts(thing)), type(thing)
    logged = [r.getMessage() for r in caplog.records if not r.name.startswith("boto")]
    assert not found(secrets, *logged)  # boto is how the sandbox makes keys
    assert pickle.loads(pickle.dumps(access)).credentials is keys
    assert any(ENDPOINT in line for line in logged)


FORKING = """
import os, sys, time
from cryodata.earthdata.leave.credentials import bucket_credentials
from cryodata.earthdata.identity.login import current_login
from cryodata.earthdata.system import System

system = System.from_environment()
keys = bucket_credentials(system.endpoints["bucket"], "bucket", system)
mine = keys.keys().serial
held = current_login(system).account._lock.get()
held.acquire()
keys._supply.get()._lock.acquire()
child = os.fork()
if child == 0:
    fresh = keys.keys()
    os._exit(0 if fresh.serial != mine else 1)
deadline = time.monotonic() + 20
while time.monotonic() < deadline:
    done, status = os.waitpid(child, os.WNOHANG)
    if done:
        sys.exit(os.waitstatus_to_exitcode(status))
    time.sleep(0.02)
os.kill(child, 9)
sys.exit(99)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_child_of_fork_starts_anew(earth: Earth) -> None:
    """Its parent's locks are held for ever there, and its connections are the parent's."""
    environment = {**os.environ, **earth.login_environment()}
    environment["CRYODATA_DATA_HOST"] = f"bucket={earth.data.url}"
    done = subprocess.run(
        [sys.executable, "-c", FORKING],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert asked(earth) == [200, 200]


def test_no_thread_stays_behind(earth: Earth) -> None:
    """A thread for each request would add up over a day."""
    keys = source(earth)
    for _ in range(5):
        keys.keys(stale_serial=None)
    time.sleep(0.1)
    assert not [t for t in threading.enumerate() if t.name.startswith("cryodata-earthdata")]


def test_who_asked_is_said(earth: Earth, stub: Stub) -> None:
    """Data hosts name the session after user and tool."""
    keys = elsewhere(earth, stub)
    seen: list[Asked] = []

    def answer(asked: Asked) -> Answer:
        seen.append(asked)
        return Answer(403, b"<html>")

    stub.answer = answer
    with pytest.raises(AuthError):
        keys.keys()
    assert seen[0].headers["app-name"] == "cryodata"
    assert seen[0].headers["Authorization"].startswith("Bearer ")
