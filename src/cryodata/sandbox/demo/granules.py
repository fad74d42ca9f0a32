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
"""Real ATL06 granules with land ice, in ``data/icesat2`` of the shared folder."""


def _shared_folders() -> Iterator[Path]:
    if given := os.environ.get("CRYODATA_SHARED"):
        yield Path(given)
    project = Path(next(iter(cryodata.__path__))).parent.parent
    yield from (folder.parent / "shared" for folder in (project, Path.cwd()))


def find_real() -> list[Path]:
    """The real granules that are there: in ``$CRYODATA_SHARED``, or in ``shared`` beside us."""
    for folder in _shared_folders():
        found = [path for name in REAL if (path := folder / "data" / "icesat2" / name).is_file()]
        if found:
            return found
    return []
