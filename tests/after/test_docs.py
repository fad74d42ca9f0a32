"""The examples of docs/after-the-read.md run as they stand there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "after-the-read.md"


def test_examples_run(
    granules: list[Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """An example that fails is the first thing a user sees of the library."""
    (tmp_path / "granules").mkdir()
    for path in granules:
        (tmp_path / "granules" / path.name).symlink_to(path)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert len(blocks) == 7
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), names)
    assert {"look.png", "heights.parquet", "polar.nc"} <= {p.name for p in tmp_path.iterdir()}
    assert len(names["frame"]) == int(names["good"].h_li.notnull().sum())
    printed = capsys.readouterr().out
    assert f"{granules[0].stem} gt1l" in printed
    assert "@misc{ATL06.006" in printed
