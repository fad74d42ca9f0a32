"""No secret in anything that can be seen of a whole run: login, search, both ways, all failures."""

from __future__ import annotations

import json
import multiprocessing
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from cryodata.sandbox import Fault, Keys, Sky, cloud, jwt
from cryodata.sandbox.earthdata import Earth, links
from cryodata.sandbox.granules import atl06
from cryodata.sandbox.http import Request
from tests.earthdata.canaries import forms, found
from tests.earthdata.leaving_traces import FAULTS, run

PASSWORD = 'pä"ss\\w/örd+&=?% '
"""Begins with characters that every notation writes in its own way."""

KINDS = ("token", "cookie", "password", "secret key", "session token", "signature")


@dataclass
class Secrets:
    """All that must not be seen, by kind, and all requests in which the sandbox saw it."""

    of: dict[str, list[str]] = field(default_factory=dict)
    requests: list[bytes] = field(default_factory=list)

    def add(self, kind: str, secret: str) -> None:
        """One more."""
        self.of.setdefault(kind, []).append(secret)


@pytest.fixture(scope="module")
def patched() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope="module")
def sky(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sky]:
    folder = tmp_path_factory.mktemp("granules")
    with cloud("none", earthdata=True) as sky:
        for cycle in (4, 5):
            sky.earthdata.publish(atl06(folder, segments=6000, seed=cycle, rgt=50, cycle=cycle))
        yield sky


@pytest.fixture(scope="module")
def secrets(sky: Sky, patched: pytest.MonkeyPatch) -> Secrets:
    """Filled while the sandbox gives them out."""
    known = Secrets()
    server, sign, make = sky._server, jwt.sign, links.Links.make
    assert server is not None
    session_keys = server.session_keys

    def signed(claims: dict[str, Any], key: bytes) -> str:
        made = sign(claims, key)
        known.add("token" if "uid" in claims else "cookie", made)
        return made

    def keys(*name: str) -> Keys:
        made = session_keys(*name)
        known.add("secret key", made.secret)
        known.add("session token", made.token)
        return made

    def link(self: links.Links, *what: Any) -> str:
        made = make(self, *what)
        known.add("signature", parse_qs(urlsplit(made).query)["Signature"][0])
        return made

    public = Request.public_headers.fget  # type: ignore[attr-defined]

    def noted(request: Request) -> dict[str, str]:
        known.requests.append(request.raw)
        headers: dict[str, str] = public(request)
        return headers

    patched.setattr(jwt, "sign", signed)
    patched.setattr(server, "session_keys", keys)
    patched.setattr(links.Links, "make", link)
    patched.setattr(Request, "public_headers", property(noted))
    return known


@pytest.fixture(scope="module")
def traces(
    sky: Sky, secrets: Secrets, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, bytes]:
    """What is left of the run, by name."""
    earth = sky.earthdata
    folder, home = tmp_path_factory.mktemp("traces"), tmp_path_factory.mktemp("home")
    password = PASSWORD + earth.password
    earth.add_user("jcanary", password)
    given = {
        "user": "jcanary",
        "password": password,
        "token": earth.token("jcanary"),
        "wrong password": PASSWORD[::-1] + earth.password[::-1],
        "wrong token": earth.token("jcanary"),
        "over token": earth.token("jcanary", life=-100.0),
    }
    earth.revoke(given["wrong token"])
    secrets.add("password", password)
    secrets.add("password", given["wrong password"])
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in earth.environment().items():
            patch.setenv(name, value)
        process = context.Process(target=run, args=(folder, home, given, theirs), daemon=True)
        process.start()
    theirs.close()
    try:
        while (wish := ours.recv())[0] != "end":
            serve(sky, *wish)
            ours.send("done")
        seen = subprocess.run(
            ["/bin/ps", "-o", "args", "--no-headers", "--ppid", str(process.pid), str(process.pid)],
            capture_output=True,
            check=False,
        )
        (folder / "9000 ps").write_bytes(seen.stdout)
        (folder / "9001 environ").write_bytes(Path(f"/proc/{process.pid}/environ").read_bytes())
        ours.send("done")
        process.join(60)
    except EOFError:
        pytest.fail((folder / "stderr").read_text())
    finally:
        process.kill()
    assert process.exitcode == 0, (folder / "stderr").read_text()
    return {path.name: path.name.encode() + path.read_bytes() for path in folder.iterdir()}


def serve(sky: Sky, wish: str, *what: Any) -> None:
    """Do what the run asks for."""
    earth: Earth = sky.earthdata
    if wish == "way":
        (earth.outside if what[0] == "external" else earth.inside)()
    elif wish in ("approved", "unapproved"):
        earth._accounts.users["jcanary"].approved = wish == "approved"
        earth.data.origin._gate._profiles.clear()  # type: ignore[attr-defined]
    else:
        where, settings = what
        wires = {"s3": sky._wire, "cdn": earth.cdn, "data": earth.data, "edl": earth.edl}
        for wire in wires.values():
            wire.clear_faults()
        if where:
            wires[where].fault(Fault(**settings), method="*")


def kinds(traces: dict[str, bytes]) -> set[str]:
    """What sorts of things there are to see."""
    return {re.sub(r"^\d+ ", "", name) for name in traces}


def test_secrets_were_used(secrets: Secrets, traces: dict[str, bytes]) -> None:
    """Nothing private would have been read, and the tests below would prove nothing."""
    sent = b"\n".join(secrets.requests)
    for kind in ("token", "cookie", "password", "session token", "signature"):
        assert found(secrets.of[kind], sent), kind
    assert len(found(secrets.of["token"], sent)) >= 2  # those that are over are not even sent
    assert len(found(secrets.of["password"], sent)) == 2
    assert sent.count(b"AWS4-HMAC-SHA256") > 20  # signed with the secret key


def test_there_is_much_to_see(traces: dict[str, bytes]) -> None:
    """The search would have looked at next to nothing."""
    seen = kinds(traces)
    assert len(seen) > 40
    failures = {kind.split()[1] for kind in seen if kind.startswith("error ")}
    assert failures >= {fault.split()[0] for fault in FAULTS}
    assert {"log", "stdout", "stderr", "ps", "environ", "cache file", "netcdf direct auto"} <= seen
    log = next(data for name, data in traces.items() if name.endswith(" log"))
    for logger in (b"botocore.auth", b"botocore.endpoint", b"urllib3.connectionpool", b"asyncio"):
        assert logger in log
    assert b"x-amz-security-token:***" in log
    assert b"Logged in to Earthdata as jcanary" in traces["stdout"]


@pytest.mark.parametrize(
    "kind", ["token", "cookie", "password", "secret key", "session token", "signature"]
)
def test_no_secret_can_be_seen(secrets: Secrets, traces: dict[str, bytes], kind: str) -> None:
    """A bug report, a saved file or a task graph would give the user's access away."""
    assert secrets.of[kind]
    seen = found(secrets.of[kind], b"\0".join(traces.values()))
    assert {name: found(seen, data) for name, data in traces.items() if found(seen, data)} == {}
    assert not seen


def test_the_search_finds_what_is_there(secrets: Secrets, traces: dict[str, bytes]) -> None:
    """A secret in another notation would be overlooked."""
    one = {kind: known[0] for kind, known in secrets.of.items()}
    for kind, secret in one.items():
        for form in forms(secret):
            assert found([secret], b"x=" + form + b"&y"), kind
        ways = [
            json.dumps({"x": secret}),
            quote(secret),
            repr({"x": secret}),
            secret.encode().hex(),
        ]
        for written in ways:
            assert found([secret], written), (kind, written)
    name, data = next((n, d) for n, d in traces.items() if " dask graph " in n)
    planted = {**traces, name: data + secrets.of["session token"][0].encode()}
    assert [n for n, d in planted.items() if found(secrets.of["session token"], d)] == [name]
