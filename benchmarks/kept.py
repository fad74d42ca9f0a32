"""Where readers that keep nothing by themselves keep what was made for them."""

from __future__ import annotations

import os
from pathlib import Path

from benchmarks.place import Place

__all__ = ["kept_file"]


def kept_file(place: Place, suffix: str) -> Path:
    """A path in the measured process's cache for one granule; its folder is there.

    It is named after the object and not after the server it came from, so that what was
    made elsewhere is found.
    """
    folder = Path(os.environ["CRYODATA_CACHE"])
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{place.bucket}_{place.key}_{suffix}".replace("/", "_")
