"""One S3 server for all tests here, and a client that shows replies as they are."""

from __future__ import annotations

import http.client
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import pytest

from cryodata.sandbox import Sky, Wire, cloud

DATA = np.random.default_rng(0).bytes(300_000)


@dataclass(frozen=True)
class Reply:
    """A reply as it came over the wire."""

    status: int
    body: bytes
    headers: Mapping[str, str]


class Ask(Protocol):
    """Sends one request and reads the whole reply."""

    def __call__(self, path: str = "/public/a.bin", method: str = "GET", **headers: str) -> Reply:
        """Header names with underscores for dashes."""
        ...


@pytest.fixture
def wire(tmp_path: Path) -> Iterator[Wire]:
    """A wire in this process before a folder with one object, ``/public/a.bin``."""
    (tmp_path / "public").mkdir()
    (tmp_path / "public/a.bin").write_bytes(DATA)
    with Wire(root=tmp_path) as running:
        yield running


@pytest.fixture
def ask(wire: Wire) -> Iterator[Ask]:
    """A client on one kept connection, so that keep-alive is tested with the rest."""
    connection = http.client.HTTPConnection(wire.url.removeprefix("http://"), timeout=20)

    def request(path: str = "/public/a.bin", method: str = "GET", **headers: str) -> Reply:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, headers=named)
        answer = connection.getresponse()
        return Reply(answer.status, answer.read(), dict(answer.headers))

    yield request
    connection.close()


@pytest.fixture(scope="session")
def s3_sky() -> Iterator[Sky]:
    """A cloud with a real S3 server; use `sky`, which cleans up."""
    with cloud("none", readers=["127.0.0.1/32"]) as running:
        yield running


@pytest.fixture
def sky(s3_sky: Sky) -> Iterator[Sky]:
    """The cloud with a real S3 server, without faults and with an empty log."""
    s3_sky.reset()
    yield s3_sky
    s3_sky.reset()
