"""What a redirect to another host gets to see: nothing that is ours.

obstore follows redirects, takes the session token along, passes a whole link on as
``Referer``, and has no option against it. These tests hold the guard and docs/limits.md to
the truth; one fails on the day obstore stops, and then the guard can go.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import obstore
import pytest
from obstore.store import S3Store

from cryodata.errors import AuthError, CryodataError, FetchError
from cryodata.options import Options
from cryodata.sandbox import Fault, Wire
from cryodata.store import loop
from cryodata.store.fsspec_engine import FsspecStore
from cryodata.store.renewing import RenewingStore
from cryodata.store.resolve import open_store
from cryodata.types import Grant
from tests.store.granting import Granting
from tests.store.helpers import QUICK, Origin, content

KEYS = {"key": "AKIDEXAMPLE", "secret": "not-a-real-secret", "token": "not-a-real-token"}


@pytest.fixture
def stranger(tmp_path: Path) -> Iterator[Wire]:
    """Another host, which has an object of the same name."""
    (tmp_path / "stranger/bucket").mkdir(parents=True)
    (tmp_path / "stranger/bucket/granule.h5").write_bytes(bytes(1_000_000))
    with Wire(root=tmp_path / "stranger") as wire:
        yield wire


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine that runs the tests may have one."""
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def lead_to(origin: Origin, stranger: Wire) -> None:
    """Redirect all requests to the stranger, under a name of its own."""
    origin.wire.fault(Fault("redirect", to=stranger.url.replace("127.0.0.1", "localhost")))


def with_keys(origin: Origin, engine: str = "auto") -> dict[str, object]:
    return {
        "storage_options": {**KEYS, "client_kwargs": {"endpoint_url": origin.wire.url}},
        "options": Options(network=QUICK),
        "engine": engine,
    }


def test_obstore_alone_takes_the_session_token_along(origin: Origin, stranger: Wire) -> None:
    """The guard would stand there for nothing."""
    lead_to(origin, stranger)
    store = S3Store(
        "bucket",
        endpoint=origin.wire.url,
        region="us-west-2",
        access_key_id=KEYS["key"],
        secret_access_key=KEYS["secret"],
        session_token=KEYS["token"],
        client_options={"allow_http": True},
    )
    obstore.get(store, "granule.h5", options={"range": (0, 100)})
    (seen,) = stranger.log.entries
    assert "x-amz-security-token" in seen.headers
    assert "authorization" not in seen.headers


@pytest.mark.parametrize("engine", ["obstore", "fsspec"])
def test_keys_stay_with_their_host(origin: Origin, stranger: Wire, engine: str) -> None:
    """A session token at another host would be a leak."""
    lead_to(origin, stranger)
    store = open_store("s3://bucket/granule.h5", **with_keys(origin, engine))  # type: ignore[arg-type]
    with pytest.raises(AuthError, match="another address"):
        loop.run(store.get(0, 100))
    assert len(stranger.log) == 0
    origin.wire.clear_faults()
    assert bytes(loop.run(store.get(0, 100)).data) == content()[:100]


def test_behind_a_proxy_there_is_no_guard_for_keys_of_the_user(
    origin: Origin, stranger: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody behind a proxy could read S3; docs/limits.md says what that costs."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    lead_to(origin, stranger)
    store = open_store("s3://bucket/granule.h5", **with_keys(origin))  # type: ignore[arg-type]
    assert len(loop.run(store.get(0, 100)).data) == 100
    assert len(stranger.log) == 1


def test_keys_of_earthdata_stay_behind_a_proxy_too(
    origin: Origin, stranger: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where obstore cannot be kept with its host, keys that are not the user's own would leak."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    options = {**KEYS, "client_kwargs": {"endpoint_url": origin.wire.url}}
    url = "s3://bucket/granule.h5"
    access = Granting(lambda serial: Grant(url=url, options=options, serial=serial))
    store = RenewingStore(url, access, network=QUICK)
    assert bytes(loop.run(store.get(0, 100)).data) == content()[:100]
    lead_to(origin, stranger)
    with pytest.raises(AuthError, match="another address"):
        loop.run(store.get(0, 100))
    assert len(stranger.log) == 0


@pytest.mark.parametrize("status", [302, 303, 307, 308])
def test_where_a_signed_link_leads_on_nothing_is_told(
    origin: Origin, stranger: Wire, status: int
) -> None:
    """Whoever a link leads to could read what the user may read, under the user's name."""
    where = stranger.url.replace("127.0.0.1", "localhost")
    header = f"Location: {where}/bucket/granule.h5?theirs=1\r\nSet-Cookie: a=b\r\n"
    origin.wire.fault(Fault("status", status=status, code="Found", header=header))
    link = f"{origin.wire.url}/bucket/granule.h5?Signature=CANARY"
    for _ in range(2):
        block = loop.run(FsspecStore.private(link, {}).get(0, 100))
        assert bytes(block.data) == bytes(100)
    for seen in stranger.log:
        assert seen.query == "theirs=1"
        assert set(seen.headers) <= {"host", "range", "accept", "accept-encoding", "user-agent"}
    assert not [seen for seen in origin.wire.log if "cookie" in seen.headers]


def test_a_link_is_read_through_the_proxy(
    origin: Origin, stranger: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a proxy is the only way out, login would work and no read ever would."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, stranger.url)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    link = "http://signer.invalid/bucket/granule.h5?Signature=CANARY"
    with suppress(CryodataError):  # this proxy does not know the way
        loop.run(FsspecStore.private(link, {}).get(0, 100))
    assert [seen.method for seen in stranger.log][:1] == ["GET"]
    seen = len(stranger.log)
    here = f"{origin.wire.url}/bucket/granule.h5?Signature=CANARY"
    assert bytes(loop.run(FsspecStore.private(here, {}).get(0, 100)).data) == content()[:100]
    assert len(stranger.log) == seen


def test_a_link_that_leads_round_in_a_circle_ends(origin: Origin) -> None:
    """A read would never end, and load the server until it did."""
    origin.wire.fault(Fault("redirect", to=origin.wire.url))
    store = FsspecStore.private(f"{origin.wire.url}/bucket/granule.h5?Signature=CANARY", {})
    with pytest.raises(FetchError) as caught:
        loop.run(store.get(0, 100))
    assert "CANARY" not in str(caught.value)
    assert len(origin.wire.log) <= 4


def test_a_bearer_token_stays_with_its_host(origin: Origin, stranger: Wire) -> None:
    """A token for one host at another would be a leak."""
    lead_to(origin, stranger)
    store = open_store(
        f"{origin.wire.url}/bucket/granule.h5",
        storage_options={"headers": {"Authorization": "Bearer not-a-real-token"}},
        options=Options(network=QUICK),
    )
    loop.run(store.get(0, 100))
    assert "authorization" in origin.wire.log.entries[0].headers
    (seen,) = stranger.log.entries
    assert "authorization" not in seen.headers
    assert "cookie" not in seen.headers
