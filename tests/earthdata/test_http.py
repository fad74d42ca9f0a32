"""A question goes to one origin and nowhere else, ends in time, and leaves no trace."""

from __future__ import annotations

import http.client
import ssl
import threading
import time
from pathlib import Path

import pytest
import trustme

from cryodata.earthdata.hosts import http as ours
from cryodata.earthdata.hosts.http import Client, Clients, Deadline
from cryodata.earthdata.hosts.proof import Basic, Bearer
from cryodata.earthdata.hosts.secret import Secret
from cryodata.errors import (
    ConfigurationError,
    CryodataError,
    FetchError,
    FetchTimeoutError,
    ServiceError,
    ThrottledError,
)
from tests.earthdata.canaries import artefacts, found
from tests.earthdata.stub import Answer, Stub

TOKEN, PASSWORD, SIGNATURE = "CANARYTOKEN7Q2M", "CANARYPASSWORD/8fJ+2", "CANARYSIGNATURE3gU"
BEARER, BASIC = Bearer(Secret(TOKEN)), Basic("jdoe", Secret(PASSWORD))


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Repeats follow at once."""
    monkeypatch.setattr(ours, "_FIRST_PAUSE", 0.01)


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers are due in 0.6 s, so that tests need not wait for 10."""
    monkeypatch.setattr(ours, "_TOTAL", 0.6)


def ask(stub: Stub, path: str = "/", **options: object) -> object:
    return Client(stub.url).ask("GET", f"{stub.url}{path}", **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_an_answer_and_not_followed(stub: Stub, foreign: Stub, status: int) -> None:
    """Whoever follows one sends the user's token or cookie along, sooner or later."""
    stub.answer = lambda asked: Answer(status, b"x" * 9, (("Location", f"{foreign.url}/there"),))
    reply = Client(stub.url).ask("GET", stub.url, proof=BEARER)
    assert (reply.status, reply.headers["Location"]) == (status, f"{foreign.url}/there")
    assert len(stub.asked) == 1
    assert not foreign.asked


def test_a_client_asks_its_own_origin_alone(stub: Stub, foreign: Stub) -> None:
    """Its cookies are for that one; a port is part of it."""
    with pytest.raises(ConfigurationError):
        Client(stub.url).ask("GET", f"{foreign.url}/", proof=BEARER)
    assert not foreign.asked


@pytest.mark.parametrize(
    "origin", ["http://urs.earthdata.nasa.gov", "ftp://localhost", "http://127.0.0.1.evil.org"]
)
def test_nothing_is_sent_that_can_be_read_on_the_way(origin: str) -> None:
    """A token in plain http is anybody's."""
    with pytest.raises(ConfigurationError, match="read on the way"):
        Client(origin)


def test_cookies_stay_with_the_port_that_set_them(stub: Stub, foreign: Stub) -> None:
    """Cookies know no ports by themselves: two services of one machine would share them."""
    stub.answer = lambda asked: Answer(200, b"{}", (("Set-Cookie", "asf-urs=CANARY; Path=/"),))
    clients = Clients()
    for server in (stub, stub, foreign):
        clients.of(server.url).ask("GET", f"{server.url}/")
    assert [asked.headers.get("Cookie") for asked in stub.asked] == [None, "asf-urs=CANARY"]
    assert not foreign.secrets_seen()


def test_netrc_and_proxies_are_not_looked_at_on_loopback(
    stub: Stub, foreign: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`requests` adds a password of its own accord, and would tell a proxy the token."""
    netrc = tmp_path / ".netrc"
    netrc.write_text(f"machine 127.0.0.1 login jdoe password {PASSWORD}\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HTTP_PROXY", foreign.url)
    monkeypatch.setenv("http_proxy", foreign.url)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    ask(stub)
    assert not stub.secrets_seen()
    assert not foreign.asked


def test_certificates_are_those_the_user_trusts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Proxies of institutes open TLS; netrc is not looked at for https either."""
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    bundle = tmp_path / "bundle.pem"
    authority.cert_pem.write_to_path(str(bundle))
    netrc = tmp_path / ".netrc"
    netrc.write_text(f"machine 127.0.0.1 login jdoe password {PASSWORD}\n")
    netrc.chmod(0o600)
    with Stub(context) as stub:
        with pytest.raises(FetchError, match="certificate") as caught:
            ask(stub, proof=BEARER, deadline=Deadline(time.monotonic() + 2))
        assert "REQUESTS_CA_BUNDLE" in caught.value.fix
        assert not stub.asked
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
        ask(stub)
        assert not stub.secrets_seen()


def test_a_connection_is_used_again(stub: Stub) -> None:
    """A handshake for each question costs more than the question."""
    stub.answer = lambda asked: Answer(302, b"page", (("Location", "/"),))
    client = Client(stub.url)
    for _ in range(5):
        client.ask("GET", f"{stub.url}/")
    assert len({asked.client for asked in stub.asked}) == 1
    client.close()


def test_it_says_who_asks(stub: Stub) -> None:
    """Data centres count tools by this, and block those that say nothing."""
    ask(stub, headers={"app-name": "cryodata"})
    headers = stub.asked[0].headers
    assert headers["User-Agent"].startswith("cryodata/")
    assert headers["app-name"] == "cryodata"


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(Answer(wait=30), id="silent"),
        pytest.param(Answer(200, b"x" * 600, drip=0.05), id="drips"),
    ],
)
def test_a_slow_answer_is_not_waited_for(stub: Stub, hasty: None, answer: Answer) -> None:
    """A server that drips a byte at a time would hold a reader for ever."""
    stub.answer = lambda asked: answer
    start = time.monotonic()
    with pytest.raises(FetchTimeoutError, match="did not answer"):
        ask(stub)
    assert time.monotonic() - start < 5


def test_one_deadline_serves_several_questions(stub: Stub) -> None:
    """Else a chain of slow answers takes many times as long as one."""
    stub.answer = lambda asked: Answer(200, b"{}", wait=0.4)
    client, deadline = Client(stub.url), Deadline(time.monotonic() + 0.6)
    client.ask("GET", f"{stub.url}/", deadline=deadline)
    with pytest.raises(FetchTimeoutError):
        client.ask("GET", f"{stub.url}/", deadline=deadline)


@pytest.mark.parametrize("status", [200, 302])
def test_a_body_without_end_is_not_read(stub: Stub, status: int) -> None:
    """A page of a gigabyte would fill the memory."""
    stub.answer = lambda asked: Answer(status, b"x" * (3 << 20), (("Location", "/"),))
    with pytest.raises(ServiceError, match="more than the 1 MiB"):
        ask(stub)


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_what_passes_is_asked_again(stub: Stub, status: int) -> None:
    """A moment's trouble of a server must not end hours of work."""
    answers = iter([Answer(status), Answer(status), Answer(200, b'{"fine": 1}')])
    stub.answer = lambda asked: next(answers)
    assert Client(stub.url).ask("GET", f"{stub.url}/").json() == {"fine": 1}
    assert len(stub.asked) == 3


def test_a_broken_connection_is_asked_again(stub: Stub) -> None:
    """Idle connections are closed by the other side all the time."""
    answers = iter([Answer(reset=True), Answer(200, b"{}")])
    stub.answer = lambda asked: next(answers)
    assert Client(stub.url).ask("GET", f"{stub.url}/", proof=BEARER).status == 200


@pytest.mark.parametrize("answer", [Answer(500), Answer(reset=True), Answer(502)])
def test_a_password_is_sent_once_where_it_may_have_been_judged(stub: Stub, answer: Answer) -> None:
    """Accounts are locked after a few wrong passwords."""
    stub.answer = lambda asked: answer
    with pytest.raises(FetchError):
        Client(stub.url).ask("POST", f"{stub.url}/", proof=BASIC)
    assert len(stub.asked) == 1


def test_a_password_is_sent_again_where_nobody_looked_at_it(stub: Stub) -> None:
    """503 comes from what stands before the service."""
    answers = iter([Answer(503), Answer(200, b"{}")])
    stub.answer = lambda asked: next(answers)
    assert Client(stub.url).ask("POST", f"{stub.url}/", proof=BASIC).status == 200


def test_the_server_says_when_to_come_back(stub: Stub) -> None:
    """Asking earlier makes it worse; waiting longer than the deadline helps nobody."""
    answers = iter([Answer(503, headers=(("Retry-After", "1"),)), Answer(200, b"{}")])
    stub.answer = lambda asked: next(answers)
    start = time.monotonic()
    ask(stub)
    assert time.monotonic() - start >= 1.0
    stub.answer = lambda asked: Answer(429, headers=(("Retry-After", "3600"),))
    with pytest.raises(ThrottledError, match="slow down") as caught:
        ask(stub)
    assert caught.value.retry_after == 3600.0
    assert len(stub.asked) == 3


@pytest.mark.parametrize(
    "body", [b"<!DOCTYPE html><html>", b"", b"[1]", b"\xff\xfe", b"[" * 100_000]
)
def test_a_page_for_people_is_no_answer(stub: Stub, body: bytes) -> None:
    """Services in maintenance send one with status 200."""
    stub.answer = lambda asked: Answer(200, body)
    reply = Client(stub.url).ask("GET", f"{stub.url}/?q={SIGNATURE}")
    with pytest.raises(ServiceError, match="JSON was expected") as caught:
        reply.json()
    assert "status.earthdata.nasa.gov" in caught.value.fix
    assert not found([SIGNATURE], *artefacts(caught.value))


def test_a_machine_that_is_not_there(stub: Stub) -> None:
    """Laptops are offline now and then."""
    with Stub() as gone:
        pass
    with pytest.raises(FetchError, match="cannot be reached") as caught:
        Client(gone.url).ask("GET", f"{gone.url}/", deadline=Deadline(time.monotonic() + 1))
    assert "HTTPS_PROXY" in caught.value.fix


def test_what_is_not_http(monkeypatch: pytest.MonkeyPatch, stub: Stub) -> None:
    """Some hotel networks answer anything."""

    def garbage(*_: object, **__: object) -> None:
        raise http.client.BadStatusLine(f"{TOKEN} {SIGNATURE}")

    monkeypatch.setattr(http.client.HTTPConnection, "getresponse", garbage)
    with pytest.raises(FetchError) as caught:
        ask(stub, f"/?sig={SIGNATURE}", proof=BEARER)
    assert not found([TOKEN, SIGNATURE], *artefacts(caught.value))


@pytest.mark.parametrize("answer", [Answer(reset=True), Answer(500), Answer(429), Answer(wait=9)])
def test_errors_carry_no_trace_of_the_request(stub: Stub, hasty: None, answer: Answer) -> None:
    """Those of `requests` carry it, with all headers, and are chained by Python itself."""
    stub.answer = lambda asked: answer
    for proof in (BEARER, BASIC):
        with pytest.raises(FetchError) as caught:
            ask(stub, f"/path?sig={SIGNATURE}", proof=proof)
        assert caught.value.__cause__ is None
        assert caught.value.__context__ is None
        assert not found([TOKEN, PASSWORD, SIGNATURE, "jdoe:"], *artefacts(caught.value))


def test_replies_print_nothing(stub: Stub) -> None:
    """Headers have cookies and signed links, bodies have keys."""
    stub.answer = lambda asked: Answer(
        303, TOKEN.encode(), (("Location", f"/?sig={SIGNATURE}"), ("Set-Cookie", f"a={PASSWORD}"))
    )
    client = Client(stub.url)
    reply = client.ask("GET", f"{stub.url}/x?sig={SIGNATURE}", proof=BEARER)
    assert reply.url == f"{stub.url}/x"
    shown = f"{reply!r} {client!r} {BEARER!r} {BASIC!r}"
    assert not found([TOKEN, PASSWORD, SIGNATURE], shown)


def test_threads_share_a_client(stub: Stub) -> None:
    """All reads of a process go through one."""
    stub.answer = lambda asked: Answer(200, {"path": asked.path})
    clients, wrong = Clients(), []

    def work(number: int) -> None:
        for turn in range(5):
            path = f"/{number}-{turn}"
            try:
                reply = clients.of(stub.url).ask("GET", f"{stub.url}{path}")
            except CryodataError as error:
                wrong.append(str(error))
            else:
                if reply.json() != {"path": path}:
                    wrong.append(path)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not wrong
    assert len(stub.asked) == 80
