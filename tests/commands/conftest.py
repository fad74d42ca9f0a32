"""A NASA with a few small granules, and the command line in this process."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cryodata import cli
from cryodata.sandbox import cloud
from cryodata.sandbox.earthdata import Earth
from cryodata.sandbox.granules import atl06, rgt_near

__all__ = ["Said", "Told"]

CYCLES = (3, 4, 5)


@dataclass(frozen=True)
class Said:
    """What a command printed, and how it ended."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        """Standard output, as JSON."""
        return json.loads(self.out)


Told = Callable[..., Said]


@pytest.fixture
def cryodata(capsys: pytest.CaptureFixture[str]) -> Told:
    """Runs ``cryodata`` with these arguments."""

    def run(*arguments: object) -> Said:
        capsys.readouterr()
        code = cli.main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return Said(code, said.out, said.err)

    return run


@pytest.fixture(scope="session")
def granules(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three of ATL06, over Greenland."""
    folder = tmp_path_factory.mktemp("granules")
    rgt = rgt_near(-45.0, 3)
    return [atl06(folder, segments=120, seed=c, rgt=rgt, cycle=c) for c in CYCLES]


@pytest.fixture(scope="session")
def archive(granules: list[Path]) -> Iterator[Earth]:
    """Earthdata that has published them; use `earth`."""
    with cloud("none", earthdata=True) as running:
        for granule in granules:
            running.earthdata.publish(granule)
        yield running.earthdata


@pytest.fixture
def earth(
    archive: Earth, stranger: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Earth]:
    """Earthdata as it is at first, and a user who is logged in by the environment."""
    archive.reset()
    monkeypatch.setenv("CRYODATA_CACHE", str(tmp_path / "cache"))
    for name, value in archive.login_environment().items():
        monkeypatch.setenv(name, value)
    yield archive
    archive.reset()
