"""What the demo reads: a synthetic granule, and real ones where they stand beside the project."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import cryodata

__all__ = ["REAL", "find_real"]

REAL = (
    "ATL06_20181013235645_02340114_209_01.ORIGINAL.h5",
    "processed_ATL06_20191106230008_06270503_006_01.h5",
)
"""Real ATL06 granules with land ice."""


def _folders() -> Iterator[Path]:
    """Where real granules may lie; the project carries one for its tests."""
    project = Path(next(iter(cryodata.__path__))).parent.parent
    if given := os.environ.get("CRYODATA_SHARED"):
        yield Path(given, "data", "icesat2")
    for beside in (project, Path.cwd()):
        yield beside.parent / "shared" / "data" / "icesat2"
    yield project / "tests" / "data"


def find_real() -> list[Path]:
    """The real granules of the first folder that has some."""
    for folder in _folders():
        if found := [folder / name for name in REAL if (folder / name).is_file()]:
            return found
    return []
