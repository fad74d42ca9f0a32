"""What a redirect to another host gets to see.

obstore follows redirects and has no option against it, so the guard is that endpoint and
bucket are always named, never learnt. These tests hold docs/limits.md to the truth: the
first fails on the day obstore stops, and then the page has to change.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cryodata.options import Options
from cryodata.sandbox import Fault, Wire
from cryodata.store import loop
from cryodata.store.resolve import open_store
from tests.store.helpers import QUICK, Origin

KEYS = {"key": "AKIDEXAMPLE", "secret": "not-a-real-secret", "token": "not-a-real-token"}


@pytest.fixture
def stranger(tmp_path: Path) -> Iterator[Wire]:
    """Another host, which has an object of the same name."""
    (tmp_path / "stranger/bucket").mkdir(parents=True)
    (tmp_path / "stranger/bucket/granule.h5").write_bytes(bytes(1_000_000))
    with Wire(root=tmp_path / "stranger") as wire:
        yield wire


def test_obstore_takes_the_session_token_along(origin: Origin, stranger: Wire) -> None:
    """The signature stays behind, the session token does not: see "Good to know"."""
    origin.wire.fault(Fault("redirect", to=stranger.url))
    options = {**KEYS, "client_kwargs": {"endpoint_url": origin.wire.url}}
    store = open_store(
        "s3://bucket/granule.h5", storage_options=options, options=Options(network=QUICK)
    )
    loop.run(store.get(0, 100))
    (seen,) = stranger.log.entries
    assert "authorization" not in seen.headers
    assert "x-amz-security-token" in seen.headers


def test_a_bearer_token_stays_with_its_host(origin: Origin, stranger: Wire) -> None:
    """A token for one host at another would be a leak."""
    origin.wire.fault(Fault("redirect", to=stranger.url))
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
