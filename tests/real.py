"""Where the real files are: a few with the project, more in a folder that may stand beside it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

__all__ = ["DATA", "SHARED", "WHERE", "every_real_file", "real_files"]

HERE = Path(__file__).resolve().parent
DATA = HERE / "data"
SHARED = Path(os.environ.get("CRYODATA_SHARED") or HERE.parent.parent / "shared" / "data")
WHERE = "more real files: set CRYODATA_SHARED, or put them into ../shared/data beside the project"
SIBLINGS = (
    *("processed_ATL06_20190424", "processed_ATL06_20190613", "processed_ATL06_20190621"),
    "processed_ATL07-01_20190222",
)
"""Begin names of files that one program made in the way of another that is here."""
SUFFIXES = {".h5", ".nc", ".nc4"}


def real_files() -> dict[str, Path]:
    """Name to path; files with the project first, the same name only once."""
    found: dict[str, Path] = {}
    for folder in (DATA, SHARED):
        for path in sorted(folder.rglob("*")):
            if path.suffix in SUFFIXES:
                found.setdefault(path.name, path)
    return found


def every_real_file() -> list[Any]:
    """Parameters: names of `real_files`, those that have a sibling at leisure."""
    return [
        pytest.param(name, marks=[pytest.mark.soak] if name.startswith(SIBLINGS) else [])
        for name in real_files()
    ]
