"""The examples of docs/cut-and-plan.md run as they stand there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from cryodata.sandbox.granules import atl03, atl06, atl08

PAGE = Path(__file__).resolve().parents[1] / "docs" / "cut-and-plan.md"


def test_examples_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An example that fails is the first thing a user sees of the library."""
    made = [
        atl06(tmp_path / "made", segments=12_000, seed=1, rgt=50, cycle=4),
        atl03(tmp_path / "made", photons=60_000, seed=1, rgt=50, cycle=4, beams=("gt1l", "gt1r")),
        atl08(tmp_path / "made", photons=60_000, seed=1, rgt=50, cycle=4, beams=("gt1l", "gt1r")),
    ]
    (tmp_path / "granules").mkdir()
    for path in made:
        (tmp_path / "granules" / path.name).symlink_to(path)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert len(blocks) == 5
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), names)
    assert names["photons"].sizes["photon"] > 0
    assert 0 < names["ground"].sizes["photon"] <= names["photons"].sizes["photon"]
    assert 0 < names["same"].sizes["segment"] < names["chunks"].sizes["segment"]
    printed = capsys.readouterr().out
    assert "<Plan: 1 granule of ATL06" in printed
    assert "owner of the data pays" in printed
    assert " requests in " in printed
