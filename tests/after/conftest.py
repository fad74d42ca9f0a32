"""Granules that are made once for all tests of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.after.samples import photons, several


@pytest.fixture(scope="session")
def granules(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three ATL06, see `several`."""
    return several(tmp_path_factory.mktemp("granules"))


@pytest.fixture(scope="session")
def photon_granule(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small ATL03."""
    return photons(tmp_path_factory.mktemp("photons"))
