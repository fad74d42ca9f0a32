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
from cryodata.sandbox.earthdata import Earth

DATA = np.random.default_rng(0).bytes(300_000)
GRANULE = np.random.default_rng(1).bytes(2_500_000)
KEY = "ATLAS/ATL06/006/a granule+1.h5"
"""The object that Earthdata has, whatever it is."""


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


@pytest.fixture(scope="session")
def earth_sky(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sky]:
    """A cloud with Earthdata over it and one object; use `earth`, which cleans up."""
    granule = tmp_path_factory.mktemp("earth") / "granule.h5"
    granule.write_bytes(GRANULE)
    with cloud("none", earthdata=True) as running:
        running.earthdata.store(granule, KEY)
        yield running


@pytest.fixture
def earth(earth_sky: Sky) -> Iterator[Earth]:
    """Earthdata as it is at first, with empty logs."""
    earth_sky.reset()
    yield earth_sky.earthdata
    earth_sky.reset()
