"""What every test gets: no network but loopback, no keys and no cache of the user's."""

from __future__ import annotations

import gc
import os
import socket
from pathlib import Path
from typing import Any

import pytest

from tests.real import SHARED, WHERE

LOOPBACK = ("127.", "::1", "localhost")
CLOCK = {
    *("earthdata/test_credentials.py", "earthdata/test_renewal.py", "earthdata/test_workers.py"),
    *("sandbox/test_wire.py", "store/test_faults.py", "store/test_fetch.py"),
    "store/test_renewing.py",
}
"""Files whose tests hold to times: keys of three seconds, races, hedges, latencies."""
OF_THE_USER = ("AWS_", "EARTHDATA_", "CRYODATA_CACHE")


def pytest_configure(config: pytest.Config) -> None:
    """Block at once: modules under test are imported before any fixture runs."""
    for name in list(os.environ):
        if name.upper().startswith(OF_THE_USER):
            del os.environ[name]
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost,::1"
    connect, connect_ex = socket.socket.connect, socket.socket.connect_ex
    patch = pytest.MonkeyPatch()

    def guarded_connect(self: socket.socket, address: Any) -> None:
        refuse_strangers(self, address)
        connect(self, address)

    def guarded_connect_ex(self: socket.socket, address: Any) -> int:
        refuse_strangers(self, address)
        return connect_ex(self, address)

    patch.setattr(socket.socket, "connect", guarded_connect)
    patch.setattr(socket.socket, "connect_ex", guarded_connect_ex)
    config.add_cleanup(patch.undo)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what must have the machine to itself; leave out full counts that nobody asked for.

    These run with ``-m soak``, or ``CRYODATA_SOAK=1``.
    """
    here = Path(__file__).parent
    for item in items:
        if item.path.relative_to(here).as_posix() in CLOCK:
            item.add_marker("clock")
    if config.option.markexpr or os.environ.get("CRYODATA_SOAK"):
        return
    soaking = [item for item in items if item.get_closest_marker("soak")]
    config.hook.pytest_deselected(items=soaking)
    items[:] = [item for item in items if item not in soaking]


def pytest_collection_finish(session: pytest.Session) -> None:
    """Look no more through what was imported and collected, which lives to the end anyway."""
    gc.collect()
    gc.freeze()


def refuse_strangers(connecting: socket.socket, address: Any) -> None:
    """Raise unless the address is on this machine."""
    if connecting.family in (socket.AF_INET, socket.AF_INET6):
        host = str(address[0])
        if not host.startswith(LOOPBACK):
            raise PermissionError(f"tests do not reach the network: {host}")


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test its own cache folder, empty, and never the user's."""
    monkeypatch.setenv("CRYODATA_CACHE", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real files beside the project; the test is skipped where it is not there."""
    if not SHARED.is_dir():
        pytest.skip(WHERE)
    return SHARED


@pytest.fixture(scope="session", autouse=True)
def network_is_blocked() -> None:
    """The guard itself is checked once: a test that reaches out would depend on the day."""
    with socket.socket() as stranger, pytest.raises(PermissionError, match="network"):
        stranger.connect(("192.0.2.1", 80))


@pytest.fixture
def stranger(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nobody is logged in, nothing was refused or probed, and no netrc of the user is seen."""
    from cryodata import access
    from cryodata.earthdata.hosts.process import PerProcess
    from cryodata.earthdata.identity import login, refusals
    from cryodata.earthdata.leave import credentials, links

    monkeypatch.setattr(access, "_ways", access._Ways())
    monkeypatch.setattr(login, "_logins", login._Logins())
    monkeypatch.setattr(refusals, "_refused", set())
    monkeypatch.setattr(credentials, "_known", {})
    monkeypatch.setattr(links, "_links", PerProcess(links._Links))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("NETRC", raising=False)
