"""Granules on the wire: made once for all tests here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cryodata.granule import GranuleFile
from cryodata.options import Network, Options
from cryodata.sandbox import Sky, cloud
from cryodata.sandbox.granules import atl03, atl06

Open = Callable[..., GranuleFile]
"""Opens a URL of the sandbox, by default without an index kept on disk."""


@pytest.fixture(scope="session")
def granules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("granules")


@pytest.fixture(scope="session")
def large_atl03(granules: Path) -> Path:
    """Release-006 layout, more than 250 MB."""
    path = atl03(granules, photons=2_700_000)
    assert path.stat().st_size > 250_000_000
    return path


@pytest.fixture(scope="session")
def atl06_granule(granules: Path) -> Path:
    """Release-006 layout, six beams of 12,000 segments: two chunks per variable."""
    return atl06(granules, segments=12_000)


@pytest.fixture
def sky() -> Iterator[Sky]:
    """A folder behind the wire, at in-region latency: without any, no two requests overlap.

    Its own for each test, since what is learnt of a server's latency is kept by its port.
    """
    with cloud("in_region", server="static") as sky:
        yield sky


@pytest.fixture
def open_url(sky: Sky) -> Open:
    def open_url(
        url: str, *, network: Network | None = None, cache: Path | None = None
    ) -> GranuleFile:
        options = Options(network=network or Network(), cache=cache)
        return GranuleFile(url, storage_options=sky.storage_options, options=options)

    return open_url
