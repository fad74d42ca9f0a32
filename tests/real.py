"""Where the real files are: a few with the project, more in a folder that may stand beside it."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["DATA", "SHARED", "WHERE", "real_files"]

HERE = Path(__file__).resolve().parent
DATA = HERE / "data"
SHARED = Path(os.environ.get("CRYODATA_SHARED") or HERE.parent.parent / "shared" / "data")
WHERE = "more real files: set CRYODATA_SHARED, or put them into ../shared/data beside the project"
SUFFIXES = {".h5", ".nc", ".nc4"}


def real_files() -> dict[str, Path]:
    """Name to path; files with the project first, the same name only once."""
    found: dict[str, Path] = {}
    for folder in (DATA, SHARED):
        for path in sorted(folder.rglob("*")):
            if path.suffix in SUFFIXES:
                found.setdefault(path.name, path)
    return found
