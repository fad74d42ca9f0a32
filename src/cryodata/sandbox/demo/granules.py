"""What the demo reads: a synthetic granule, and real ones where there are some."""

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
        yield Path(given)
    for beside in (project, Path.cwd()):
        yield beside.parent / "shared" / "data"
    yield project / "tests" / "data"


def find_real() -> list[Path]:
    """The real granules of the first folder that has some, itself or below it."""
    for folder in _folders():
        if found := [path for name in REAL for path in sorted(folder.rglob(name))[:1]]:
            return found
    return []
