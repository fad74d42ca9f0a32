"""One Earthdata for all tests here, and a process that has never logged in, for each."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from cryodata.sandbox import Sky, cloud
from cryodata.sandbox.earthdata import Earth
from tests.earthdata.stub import Stub

CONTENT = np.random.default_rng(0).bytes(100_000)
KEYS = ("ATLAS/one.h5", "ATLAS/two.h5", "ATLAS/three.h5")
"""Objects in the protected bucket, all of `CONTENT`."""


@pytest.fixture(autouse=True)
def everyone_a_stranger(stranger: None) -> None:
    """Every test here begins without a login."""


@pytest.fixture(scope="session")
def short_sky(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sky]:
    """A cloud with Earthdata, whose keys live 3 s; use `earth`, which cleans up."""
    granule = tmp_path_factory.mktemp("earth") / "granule.h5"
    granule.write_bytes(CONTENT)
    with cloud("none", session="3s", earthdata=True) as running:
        for key in KEYS:
            running.earthdata.store(granule, key)
        yield running


@pytest.fixture
def earth(short_sky: Sky) -> Iterator[Earth]:
    """Earthdata as it is at first, with empty logs; keys live 3 s."""
    short_sky.reset()
    yield short_sky.earthdata
    short_sky.reset()


@pytest.fixture
def stub() -> Iterator[Stub]:
    """A server that answers what it is told."""
    with Stub() as running:
        yield running


@pytest.fixture
def foreign() -> Iterator[Stub]:
    """A second one, that nothing secret may reach."""
    with Stub() as running:
        yield running
