"""A login is found where users put it, judged at once, and shown to nobody else."""

from __future__ import annotations

import base64
import getpass
import io
import logging
import pickle
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import earthaccess
import pytest

from cryodata.earthdata.hosts import clock
from cryodata.earthdata.hosts import http as ours
from cryodata.earthdata.identity.login import Login, Strategy, current_login, login, set_provider
from cryodata.earthdata.system import PROD, UAT, System
from cryodata.errors import (
    ClockSkewError,
    ConfigurationError,
    CryodataError,
    FetchTimeoutError,
    LoginRejectedError,
    NotLoggedInError,
    ServiceError,
    ThrottledError,
    TokenExpiredError,
)
from cryodata.sandbox import Fault
from cryodata.sandbox.earthdata import Earth
from tests.earthdata.canaries import artefacts, found
from tests.earthdata.stub import Stub, jwt

Variables = pytest.MonkeyPatch


def quietly(earth: Earth, strategy: Strategy = "auto", **given: Any) -> Login:
    return login(strategy, system=earth.system, quiet=True, **given)


def write_netrc(folder: Path, earth: Earth, password: str = "", mode: int = 0o600) -> Path:
    """The user's netrc, with the entry for this Earthdata in its third line."""
    path = folder / ".netrc"
    machine = urlsplit(earth.system.edl).netloc
    entry = f"machine {machine} login {earth.user} password {password or earth.password}"
    path.write_text(f"machine example.org login x password y\n\n{entry}\n")
    path.chmod(mode)
    return path


def attempts(earth: Earth, method: str = "POST") -> list[int]:
    """Statuses of what Earthdata Login was asked."""
    return [entry.status for entry in earth.edl.log if entry.method == method]


# -- what is given, and where it is found ----------------------------------------------------


def test_a_token_is_shown_to_earthdata_login_at_once(
    earth: Earth, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line says who is logged in, by what means, and for how long."""
    found_login = login(token=earth.token(life=90 * 86400), system=earth.system)
    line = capsys.readouterr().out
    until = time.strftime("%Y-%m-%d", time.gmtime(found_login.expires))
    assert line == f"Logged in to Earthdata as {earth.user} (token given, until {until})\n"
    assert attempts(earth, "GET") == [200]
    quietly(earth, token=earth.token())
    assert not capsys.readouterr().out


def test_a_password_becomes_a_token(earth: Earth) -> None:
    """Data hosts take tokens; the password goes to Earthdata Login alone."""
    found_login = quietly(earth, username=earth.user, password=earth.password)
    assert (found_login.user, found_login.means) == (earth.user, "password given")
    assert attempts(earth) == [200]
    assert not len(earth.data.log)


@pytest.mark.parametrize("strategy", ["auto", "environment"])
def test_the_environment(earth: Earth, monkeypatch: Variables, strategy: Strategy) -> None:
    """Batch jobs and workers have nothing else."""
    monkeypatch.setenv("EARTHDATA_USERNAME", earth.user)
    monkeypatch.setenv("EARTHDATA_PASSWORD", earth.password)
    assert quietly(earth, strategy).means == "password from EARTHDATA_PASSWORD"
    monkeypatch.setenv("EARTHDATA_TOKEN", f"{earth.token()}\n")
    assert quietly(earth, strategy).means == "token from EARTHDATA_TOKEN"


@pytest.mark.parametrize("strategy", ["auto", "netrc"])
def test_netrc(earth: Earth, tmp_path: Path, strategy: Strategy) -> None:
    """Most users of Earthdata have one; the line tells which entry is meant."""
    write_netrc(tmp_path, earth)
    assert quietly(earth, strategy).means == "password from ~/.netrc line 3"


def test_netrc_elsewhere(earth: Earth, tmp_path: Path, monkeypatch: Variables) -> None:
    """``NETRC`` names another file."""
    write_netrc(tmp_path, earth).rename(tmp_path / "mine")
    monkeypatch.setenv("NETRC", str(tmp_path / "mine"))
    assert quietly(earth, "netrc").user == earth.user


def test_netrc_of_other_machines_is_not_sent(earth: Earth, tmp_path: Path) -> None:
    """Neither that of another port, nor the ``default`` that is for anybody."""
    path = write_netrc(tmp_path, earth)
    host = urlsplit(earth.system.edl).hostname
    path.write_text(f"machine {host} login x password y\ndefault login x password y\n")
    with pytest.raises(NotLoggedInError):
        quietly(earth, "netrc")
    assert not attempts(earth)


def test_netrc_that_others_can_read(earth: Earth, tmp_path: Path) -> None:
    """On a shared machine the password is everybody's."""
    write_netrc(tmp_path, earth, mode=0o644)
    with pytest.warns(UserWarning, match=r"chmod 600 ~/\.netrc"):
        quietly(earth, "netrc")


@pytest.mark.parametrize(
    "text,said",
    [
        pytest.param("machine {} login CANARYUSER", "line 1 names no password", id="no password"),
        pytest.param(
            "\nmachine {} login a passwort CANARYPW", "line 2 is not understood", id="typo"
        ),
    ],
)
def test_netrc_that_is_broken(earth: Earth, tmp_path: Path, text: str, said: str) -> None:
    """The parser of Python quotes the word it stumbles over: often the password."""
    machine = urlsplit(earth.system.edl).netloc
    write_netrc(tmp_path, earth).write_text(text.format(machine))
    with pytest.raises(LoginRejectedError, match=said) as caught:
        quietly(earth, "netrc")
    assert f"machine {machine} login" in caught.value.fix
    assert not found(["CANARYPW"], *artefacts(caught.value))


def test_a_prompt_where_somebody_is_there(
    earth: Earth, monkeypatch: Variables, tmp_path: Path
) -> None:
    """It says that nothing is written down, and nothing is."""
    asked: list[str] = []

    def answer(with_: str) -> Callable[[str], str]:
        def reply(text: str) -> str:
            asked.append(text)
            return with_

        return reply

    monkeypatch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: True))
    monkeypatch.setattr("builtins.input", answer(earth.user))
    monkeypatch.setattr(getpass, "getpass", answer(earth.password))
    assert quietly(earth).means == "password typed in"
    assert urlsplit(earth.system.edl).netloc in asked[0]
    assert "never written to disk" in asked[1]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("strategy", ["auto", "interactive", "environment", "netrc"])
def test_nothing_to_log_in_with(earth: Earth, monkeypatch: Variables, strategy: Strategy) -> None:
    """A prompt in a batch job would wait for ever."""
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    with pytest.raises(NotLoggedInError) as caught:
        quietly(earth, strategy)
    assert "cd.login()" in caught.value.fix
    assert "EARTHDATA_TOKEN" in caught.value.fix
    assert str(caught.value).count("\n") == 1


def test_a_notebook_that_cannot_ask(earth: Earth, monkeypatch: Variables) -> None:
    """Executed notebooks have a kernel, and nobody in front of it."""
    shell = SimpleNamespace(kernel=object())
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))

    def refuse(text: str) -> str:
        raise NotImplementedError

    monkeypatch.setattr("builtins.input", refuse)
    with pytest.raises(NotLoggedInError, match="typed in"):
        quietly(earth)


@pytest.mark.parametrize(
    "given",
    [
        {"username": "jdoe"},
        {"password": "x"},
        {"token": "x", "auth": object()},
        {"auth": "jdoe"},
        {"strategy": "all"},
    ],
    ids="+".join,
)
def test_arguments_that_do_not_go_together(earth: Earth, given: dict[str, Any]) -> None:
    """Half a login would be ignored, and another one found."""
    with pytest.raises(ConfigurationError) as caught:
        login(**given, system=earth.system)
    assert caught.value.fix


# -- what is refused ----------------------------------------------------------------------------


def test_a_wrong_password_is_tried_once(earth: Earth, tmp_path: Path) -> None:
    """Accounts are locked after a few; later tries, in any way, send nothing."""
    write_netrc(tmp_path, earth, "wrong/CANARY+8fJ2")
    for _ in range(3):
        with pytest.raises(LoginRejectedError) as caught:
            quietly(earth, "netrc")
        with pytest.raises(LoginRejectedError):
            current_login(earth.system)
    message = str(caught.value)
    assert f"refused user {earth.user!r} (password from ~/.netrc line 3)" in message
    assert earth.system.edl in caught.value.fix
    assert message.count("\n") == 1
    assert attempts(earth) == [401]
    assert not found(["wrong/CANARY+8fJ2"], *artefacts(caught.value))
    assert quietly(earth, username=earth.user, password=earth.password).user == earth.user


def test_threads_try_a_wrong_password_once(earth: Earth, monkeypatch: Variables) -> None:
    """64 reads begin at the same moment."""
    monkeypatch.setenv("EARTHDATA_USERNAME", earth.user)
    monkeypatch.setenv("EARTHDATA_PASSWORD", "wrong")
    errors: list[CryodataError] = []

    def work() -> None:
        with pytest.raises(LoginRejectedError) as caught:
            current_login(earth.system)
        errors.append(caught.value)

    together(work, 64)
    assert attempts(earth) == [401]
    assert len({id(error) for error in errors}) == 64


@pytest.mark.parametrize("kind", ["expired", "revoked", "forged", "no token", "of another system"])
def test_a_bad_token_is_found_at_login(earth: Earth, kind: str) -> None:
    """Else it is found by the first read, deep in somebody's computation."""
    token = {
        "expired": earth.token(life=-60),
        "revoked": earth.token(),
        "forged": jwt(earth.user),
        "no token": "hunter2hunter2",
        "of another system": jwt(earth.user, iss="https://urs.earthdata.nasa.gov"),
    }[kind]
    earth.revoke(token)
    late = kind in ("expired", "revoked", "forged")
    with pytest.raises(TokenExpiredError if late else LoginRejectedError) as caught:
        quietly(earth, token=token)
    assert type(caught.value) is (TokenExpiredError if late else LoginRejectedError)
    assert str(caught.value).count("\n") == 1
    assert "cd.login()" in caught.value.fix
    assert not found([token, token.split(".")[-1]], *artefacts(caught.value))
    asked = [e.path for e in earth.edl.log if e.path.startswith("/api/")]
    assert bool(asked) == (kind in ("revoked", "forged"))


def test_a_revoked_token_is_not_sent_again(earth: Earth, monkeypatch: Variables) -> None:
    """Each try is a call to a service that is short of air already."""
    token = earth.token()
    earth.revoke(token)
    monkeypatch.setenv("EARTHDATA_TOKEN", token)
    for _ in range(3):
        with pytest.raises(TokenExpiredError):
            current_login(earth.system)
    assert attempts(earth, "GET") == [401]


@pytest.mark.parametrize("life", [-60.0, 600.0], ids=["expired", "revoked"])
def test_a_password_replaces_a_bad_token(earth: Earth, monkeypatch: Variables, life: float) -> None:
    """Users leave an old token in their profile, beside what would give a new one."""
    token = earth.token(life=life)
    earth.revoke(token)
    monkeypatch.setenv("EARTHDATA_TOKEN", token)
    monkeypatch.setenv("EARTHDATA_USERNAME", earth.user)
    monkeypatch.setenv("EARTHDATA_PASSWORD", earth.password)
    assert quietly(earth).means == "password from EARTHDATA_PASSWORD"


Misbehaviour = tuple[str, Fault, type[CryodataError], str]
MISBEHAVIOUR: list[Misbehaviour] = [
    ("503", Fault("status", status=503), ThrottledError, "slow down"),
    ("500", Fault("status", status=500), ServiceError, "500"),
    ("html", Fault("html", status=200), ServiceError, "no sense"),
    ("garbage", Fault("garbage"), CryodataError, "reached"),
]


@pytest.mark.parametrize(
    "fault,kind,said", [m[1:] for m in MISBEHAVIOUR], ids=[m[0] for m in MISBEHAVIOUR]
)
@pytest.mark.parametrize("by", ["token", "password"])
def test_earthdata_login_misbehaves(
    earth: Earth,
    monkeypatch: Variables,
    by: str,
    fault: Fault,
    kind: type[CryodataError],
    said: str,
) -> None:
    """Each trouble has its error with a remedy of one line, and shows no secret."""
    monkeypatch.setattr(ours, "_TOTAL", 2.0)
    earth.edl.fault(fault, method="*")
    token = earth.token()
    by_password = {"username": earth.user, "password": earth.password}
    given: dict[str, Any] = {"token": token} if by == "token" else by_password
    with pytest.raises(kind, match=said) as caught:
        quietly(earth, **given)
    assert caught.value.fix
    assert str(caught.value).count("\n") == 1
    assert not found([token, earth.password], *artefacts(caught.value))


def test_earthdata_login_is_silent_for_half_a_minute(earth: Earth) -> None:
    """A user does not know whether to wait: 10 s are enough."""
    earth.edl.fault(Fault("hang", seconds=30), method="*")
    start = time.monotonic()
    with pytest.raises(FetchTimeoutError, match="in time"):
        quietly(earth, username=earth.user, password=earth.password)
    assert time.monotonic() - start < 11
    assert len(attempts(earth)) == 1


def test_earthdata_login_leads_elsewhere(earth: Earth, foreign: Stub) -> None:
    """A password or token that follows a redirect is somebody else's."""
    for to in (earth.system.edl, foreign.url):
        earth.edl.clear_faults()
        earth.edl.fault(Fault("redirect", to=to), method="*")
        with pytest.raises(ServiceError, match="307"):
            quietly(earth, username=earth.user, password=earth.password)
        with pytest.raises(ServiceError, match="307"):
            quietly(earth, token=earth.token())
    assert not foreign.asked
    assert len(earth.edl.log) == 4


def test_a_clock_that_is_ahead(earth: Earth) -> None:
    """Good tokens look old, and a new one would look old too."""
    earth.clock_skew = -7200.0
    with pytest.raises(ClockSkewError, match="2 hours ahead") as caught:
        quietly(earth, token=earth.token(life=3600))
    assert "ntp" in caught.value.fix
    earth.clock_skew = 7200.0
    assert quietly(earth, token=earth.token(life=3600)).user == earth.user


# -- earthaccess --------------------------------------------------------------------------------


def their_auth(earth: Earth, **fields: Any) -> Any:
    auth: Any = earthaccess.Auth()
    auth.authenticated = True
    auth.system = SimpleNamespace(edl_hostname=urlsplit(earth.system.edl).netloc)
    for name, value in fields.items():
        setattr(auth, name, value)
    return auth


def test_their_login_is_taken_as_it_is(earth: Earth, monkeypatch: Variables) -> None:
    """Who is logged in with earthaccess need not log in again."""
    for name, value in earth.environment().items():
        monkeypatch.setenv(name, value)
    auth = their_auth(earth, token={"access_token": earth.token()})
    taken = login(auth=auth, quiet=True)
    assert (taken.user, taken.means) == (earth.user, "token of earthaccess")
    assert taken.system == earth.system
    with_password = their_auth(earth, username=earth.user, password=earth.password)
    assert login(auth=with_password, quiet=True).means == "password of earthaccess"


def test_their_bogus_token_is_found_out(earth: Earth) -> None:
    """It calls any text in EARTHDATA_TOKEN a login."""
    auth = their_auth(earth, token={"access_token": "bogus"})
    with pytest.raises(LoginRejectedError, match="token of earthaccess"):
        quietly(earth, auth=auth)
    with pytest.raises(NotLoggedInError, match="earthaccess is not logged in"):
        quietly(earth, auth=earthaccess.Auth())


def test_their_login_in_this_process_is_found(earth: Earth, monkeypatch: Variables) -> None:
    """It comes before the environment, and only where it is at the same Earthdata."""
    monkeypatch.setenv("EARTHDATA_USERNAME", earth.user)
    monkeypatch.setenv("EARTHDATA_PASSWORD", earth.password)
    auth = their_auth(earth, token={"access_token": earth.token()})
    monkeypatch.setattr(earthaccess, "_auth", auth)
    assert current_login(earth.system).means == "token of earthaccess"
    assert quietly(earth).means == "token of earthaccess"
    auth.system = SimpleNamespace(edl_hostname="urs.earthdata.nasa.gov")
    assert quietly(earth).means == "password from EARTHDATA_PASSWORD"


def test_their_systems_are_ours() -> None:
    """A token of the test system is not sent to the real one."""
    from cryodata.earthdata.identity.theirs import system_of

    auth: Any = earthaccess.Auth()
    assert system_of(auth) == PROD
    auth.system = earthaccess.UAT
    assert system_of(auth) == UAT
    auth.system = SimpleNamespace(edl_hostname="localhost")
    with pytest.raises(ConfigurationError, match="localhost"):
        system_of(auth)


def test_a_login_as_theirs(earth: Earth) -> None:
    """Their functions then work with our login, and at the same hosts."""
    token = earth.token()
    auth: Any = quietly(earth, token=token).to_earthaccess()
    assert type(auth).__module__ == "earthaccess.auth"
    assert auth.authenticated
    assert auth.token["access_token"] == token
    assert auth.system.edl_hostname == urlsplit(earth.system.edl).netloc
    assert auth.get_session().headers["Authorization"] == f"Bearer {token}"
    auth = quietly(earth, username=earth.user, password=earth.password).to_earthaccess()
    assert (auth.username, auth.password) == (earth.user, earth.password)


# -- the login of a process ---------------------------------------------------------------------


def test_the_login_of_a_process_is_found_once(earth: Earth, monkeypatch: Variables) -> None:
    """Each read asks for it."""
    monkeypatch.setenv("EARTHDATA_TOKEN", earth.token())
    users: list[str] = []
    together(lambda: users.append(current_login(earth.system).user), 32)
    assert users == [earth.user] * 32
    assert attempts(earth, "GET") == [200]


def test_in_which_order_it_is_looked_for(
    earth: Earth, monkeypatch: Variables, tmp_path: Path
) -> None:
    """What is said in the program counts more than what lies about."""

    def means() -> str:
        return current_login(earth.system).means

    write_netrc(tmp_path, earth)
    assert means() == "password from ~/.netrc line 3"
    monkeypatch.setenv("EARTHDATA_TOKEN", earth.token())
    set_provider(lambda: None, system=earth.system)
    assert means() == "token from EARTHDATA_TOKEN"
    set_provider(earth.token, system=earth.system)
    assert means() == "token from the provider"
    set_provider(lambda: (earth.user, earth.password), system=earth.system)
    assert means() == "password from the provider"
    quietly(earth, token=earth.token())
    assert means() == "token given"


def test_a_provider_is_asked_again_when_its_token_is_over(
    earth: Earth, monkeypatch: Variables
) -> None:
    """Brokers give tokens of minutes; a read after that must not fail."""
    given: list[str] = []

    def provider() -> str:
        given.append(earth.token(life=100 + 100 * len(given)))
        return given[-1]

    set_provider(provider, system=earth.system)
    present = current_login(earth.system)
    assert bearer(present, earth) == given[0]
    assert len(given) == 1
    monkeypatch.setattr(clock, "now", lambda: time.time() + 95)
    assert bearer(present, earth) == given[1]
    assert len(given) == 2


def test_a_password_gives_a_new_token_in_time(earth: Earth, monkeypatch: Variables) -> None:
    """Work goes on for months; the user is asked once."""
    earth.realm.rules.token_life = 1000.0
    newcomer = earth.add_user("newcomer", "CANARY/8fJ2+")
    present = quietly(earth, username=newcomer.name, password=newcomer.password)
    first = bearer(present, earth)
    monkeypatch.setattr(clock, "now", lambda: time.time() + 950)
    same = [bearer(present, earth) for _ in range(5)]
    assert same == [first] * 5  # it is good still, and Earthdata Login gives no other
    assert attempts(earth) == [200, 200]
    monkeypatch.setattr(clock, "now", lambda: time.time() + 1001)
    earth.clock_skew = 1001.0
    earth.realm.rules.token_life = 5000.0
    earth.edl.fault(Fault("html", status=200), method="*", times=1)
    with pytest.raises(ServiceError):
        bearer(present, earth)
    renewed = [bearer(present, earth) for _ in range(5)]
    assert len(set(renewed)) == 1
    assert renewed[0] != first
    assert present.expires > time.time() + 4000


def test_a_token_alone_ends(earth: Earth, monkeypatch: Variables) -> None:
    """Nothing gives another: the user is told, and what to do."""
    present = quietly(earth, token=earth.token(life=100))
    monkeypatch.setattr(clock, "now", lambda: time.time() + 101)
    earth.clock_skew = 101.0
    with pytest.raises(TokenExpiredError, match="expired on") as caught:
        bearer(present, earth)
    assert "cd.login()" in caught.value.fix


def test_who_is_told_the_token(earth: Earth, foreign: Stub) -> None:
    """The token of one host is for that host, its port included."""
    present = quietly(earth, token=earth.token())
    assert present.authorization(f"{earth.data.url}/bucket/key")
    strangers = [
        foreign.url,
        earth.cdn.url,
        earth.cmr.url,
        earth.edl.url,
        "https://data.nsidc.earthdatacloud.nasa.gov",
        f"{earth.data.url}.evil.org",
        f"http://user@evil.org#{earth.data.url}",
    ]
    for stranger in strangers:
        assert present.authorization(f"{stranger}/bucket/key") == {}


def test_a_login_travels_without_secrets(earth: Earth, monkeypatch: Variables) -> None:
    """Pickles go through schedulers and files: they say where to ask, and no more."""
    present = quietly(earth, username=earth.user, password=earth.password)
    token = bearer(present, earth)
    seen = artefacts(present) + artefacts(present.account) + artefacts(present.account._source)
    assert not found([token, earth.password], *seen)
    assert bearer(pickle.loads(pickle.dumps(present)), earth) == token
    packed = pickle.dumps(present)
    set_provider(None, system=earth.system)
    monkeypatch.setattr("cryodata.earthdata.identity.login._logins", type(_logins())())
    with pytest.raises(NotLoggedInError):
        pickle.loads(packed)


def test_logs_hold_no_secret(earth: Earth, caplog: pytest.LogCaptureFixture) -> None:
    """Libraries underneath log each request at DEBUG."""
    caplog.set_level(logging.DEBUG)
    present = quietly(earth, username=earth.user, password=earth.password)
    token = earth.token()
    quietly(earth, token=token)
    basic = base64.b64encode(f"{earth.user}:{earth.password}".encode()).decode()
    assert "find_or_create_token" in caplog.text
    assert not found([token, bearer(present, earth), earth.password, basic], caplog.text)


def test_the_environment_says_which_earthdata(earth: Earth, monkeypatch: Variables) -> None:
    """Worker processes of a sandbox must not send its token to NASA."""
    for name, value in earth.login_environment().items():
        monkeypatch.setenv(name, value)
    assert System.from_environment().edl == earth.system.edl
    assert current_login().user == earth.user
    assert login(quiet=True).system.edl == earth.system.edl


def _logins() -> Any:
    from cryodata.earthdata.identity import login as module

    return module._logins


def bearer(present: Login, earth: Earth) -> str:
    """The token a data host would be shown."""
    return present.authorization(f"{earth.data.url}/x")["Authorization"].removeprefix("Bearer ")


def together(work: Callable[[], object], count: int) -> None:
    """Run something in many threads that begin at once."""
    barrier = threading.Barrier(count)
    failures: list[BaseException] = []

    def run() -> None:
        barrier.wait(30)
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - told below
            failures.append(error)

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failures


@pytest.mark.parametrize("half, other", [("USERNAME", "PASSWORD"), ("PASSWORD", "USERNAME")])
def test_half_a_login_in_the_environment(
    earth: Earth, monkeypatch: pytest.MonkeyPatch, half: str, other: str
) -> None:
    """The advice would be to do what was just done."""
    monkeypatch.setenv(f"EARTHDATA_{half}", "CANARY7Q2M")
    with pytest.raises(NotLoggedInError, match=f"EARTHDATA_{other} is not set") as caught:
        login(system=earth.system)
    assert "CANARY" not in str(caught.value)


def test_auth_that_is_none() -> None:
    """It was said to be logged in to nowhere."""
    with pytest.raises(ConfigurationError, match=r"is a str, not an earthaccess\.Auth"):
        login(auth="x")
