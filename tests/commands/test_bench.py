"""The comparison that users make: one row per reader, and a code where values differ."""

from __future__ import annotations

from pathlib import Path

import pytest

from cryodata.bench.comparison import Comparison, Reading
from tests.commands.conftest import Told

GROUP = ("--group", "gt1l/land_ice_segments")


def test_a_local_granule(cryodata: Told, granules: list[Path]) -> None:
    """Every reader has the same heights."""
    said = cryodata("bench", granules[0], *GROUP, "--variables", "h_li,latitude", "--json")
    assert said.code == 0, said.err
    assert said.data["arrays"] == 2
    readers = [row["reader"] for row in said.data["readings"]]
    assert readers[:2] == ["cryodata", "cryodata, index kept"]
    assert "h5py" in readers
    assert all(row["agrees"] for row in said.data["readings"])


def test_values_that_differ(
    cryodata: Told, granules: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A script must not take it for a success."""
    rows = (Reading(reader="cryodata", agrees=True), Reading(reader="other", agrees=False))
    wrong = Comparison(granules=("x",), arrays=1, nbytes=8, readings=rows)
    monkeypatch.setattr("cryodata.bench.compare", lambda *_, **__: wrong)
    assert cryodata("bench", granules[0], *GROUP).code == 6
