"""No secret in a pickle, a repr, an error, or what hangs on an error."""

from __future__ import annotations

import base64
import copy
import logging
import pickle
import traceback
from urllib.parse import quote

import pytest

from cryodata.errors import AuthError, CryodataError
from cryodata.sandbox import Fault
from cryodata.store import loop
from cryodata.store.base import Store
from cryodata.store.resolve import open_store
from tests.store.helpers import Origin, content

CANARIES = {
    "key": "CANARYKEY7Q2M4X9Z1B",
    "secret": "CANARYSECRET/8fJ+2kLpW3vN6",
    "token": "CANARYTOKEN/9hT+5rYbQ1cD4==",
    "query": "CANARYSIGNATURE/3gU+7sZ",
    "header": "Bearer CANARYBEARER/6mE+8wX",
}


def forms(secret: str) -> list[bytes]:
    """A secret as it stands, and as it might be written down."""
    raw = secret.encode()
    bare = base64.b64encode(raw).rstrip(b"=")[4:-4]  # the ends depend on what stands beside
    return [raw, quote(secret, safe="").encode(), raw.hex().encode(), bare]


FORBIDDEN = [form for secret in CANARIES.values() for form in forms(secret)] + [b"CANARY"]


def clean(artefact: bytes | str) -> bool:
    """No canary, in no form."""
    data = artefact.encode() if isinstance(artefact, str) else artefact
    return not any(form in data for form in FORBIDDEN)


def holders(url: str) -> dict[str, Store]:
    """Stores that were given secrets in every way there is, at an endpoint."""
    keys = {name: CANARIES[name] for name in ("key", "secret", "token")}
    client = {"client_kwargs": {"endpoint_url": url}}
    inner = {
        "client_kwargs": {
            "endpoint_url": url,
            "aws_access_key_id": CANARIES["key"],
            "aws_secret_access_key": CANARIES["secret"],
            "aws_session_token": CANARIES["token"],
        }
    }
    headers = {"headers": {"Authorization": CANARIES["header"]}}
    signed = f"{url}/bucket/granule.h5?sig={quote(CANARIES['query'], safe='')}"
    s3, http = "s3://bucket/granule.h5", f"{url}/bucket/granule.h5"
    return {
        "s3-obstore": open_store(s3, storage_options=keys | client),
        "s3-obstore-inner": open_store(s3, storage_options=inner),
        "s3-fsspec": open_store(s3, storage_options=keys | client, engine="fsspec"),
        "s3-fsspec-inner": open_store(s3, storage_options=inner, engine="fsspec"),
        "http-obstore-query": open_store(signed),
        "http-obstore-header": open_store(http, storage_options=headers),
        "http-fsspec-query": open_store(signed, engine="fsspec"),
        "http-fsspec-header": open_store(http, storage_options=headers, engine="fsspec"),
    }


NAMES = list(holders("http://127.0.0.1:9"))
every_holder = pytest.mark.parametrize("name", NAMES)


@every_holder
def test_secrets_are_used(origin: Origin, name: str) -> None:
    """Nothing private could be read; and the tests below would prove nothing."""
    store = holders(origin.wire.url)[name]
    assert bytes(loop.run(store.get(5, 9)).data) == content()[5:9]
    entry = list(origin.wire.log)[-1]
    sent = entry.query if "query" in name else entry.headers.get("authorization", "")
    assert sent != ""


@every_holder
def test_pickles_and_reprs_are_clean(name: str) -> None:
    """Keys would lie in task graphs, the scheduler's memory and the workers' logs."""
    store = holders("http://127.0.0.1:9")[name]
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        assert clean(pickle.dumps(store, protocol))
        assert clean(pickle.dumps(pickle.loads(pickle.dumps(store, protocol)), protocol))
    assert clean(repr(store) + str(store) + store.url)


@every_holder
def test_copies_in_the_same_process_keep_the_secrets(origin: Origin, name: str) -> None:
    """A deep copy of a Dataset could not be read any more."""
    store = holders(origin.wire.url)[name]
    for twin in (copy.copy(store), copy.deepcopy(store)):
        assert len(loop.run(twin.get(5, 9)).data) == 4


@every_holder
def test_an_unpickled_store_says_what_it_lacks(
    origin: Origin, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker would fail with "access denied", and nobody would know why."""
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(variable, raising=False)
    store = pickle.loads(pickle.dumps(holders(origin.wire.url)[name]))
    with pytest.raises(AuthError, match="do not travel in pickles") as caught:
        loop.run(store.get(0, 10))
    wanted = "AWS_SECRET_ACCESS_KEY" if name.startswith("s3") else "in the worker"
    assert wanted in caught.value.fix
    assert len(origin.wire.log) == 0


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("s3")])
def test_an_unpickled_store_takes_keys_from_the_environment(
    origin: Origin, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Workers could not read private buckets at all."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "ENVIRONMENTKEY")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "environment-secret")
    store = pickle.loads(pickle.dumps(holders(origin.wire.url)[name]))
    assert bytes(loop.run(store.get(5, 9)).data) == content()[5:9]
    assert list(origin.wire.log)[-1].headers["authorization"] == "***"


FAULTS = [
    Fault("status", status=403, code="AccessDenied"),
    Fault("status", status=400, code="ExpiredToken"),
    Fault("status", status=404, code="NoSuchKey"),
    Fault("status", status=412, code="PreconditionFailed"),
    Fault("status", status=500, code="InternalError"),
    Fault("reset", at=3),
    Fault("garbage"),
    Fault("shift"),
    Fault("whole"),
]


def told(error: BaseException) -> str:
    """Everything an error says, with all that hangs on it."""
    text = "".join(traceback.format_exception(error)) + repr(vars(error))
    seen: BaseException | None = error
    for link in ("__cause__", "__context__"):
        seen = getattr(error, link)
        if seen is not None:
            text += told(seen)
    return text + "".join(getattr(error, "__notes__", []))


@every_holder
def test_errors_and_logs_are_clean(
    origin: Origin, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A traceback in a bug report would give the keys away."""
    caplog.set_level(logging.DEBUG, logger="cryodata")
    store = holders(origin.wire.url)[name]
    for fault in FAULTS:
        origin.wire.clear_faults()
        origin.wire.fault(fault)
        with pytest.raises(CryodataError) as caught:
            loop.run(store.get(0, 1000))
        assert clean(told(caught.value)), fault.kind
        assert clean(pickle.dumps(caught.value)), fault.kind
    assert clean(caplog.text)


def test_an_unreachable_host_does_not_repeat_the_query() -> None:
    """Connection errors of obstore hold the whole URL."""
    url = f"http://127.0.0.1:9/granule.h5?sig={CANARIES['query']}"
    for engine in ("obstore", "fsspec"):
        with pytest.raises(CryodataError) as caught:
            loop.run(open_store(url, engine=engine).get(0, 10))
        assert clean(told(caught.value))
