"""Files of this machine that others see whole or not at all, even after a power cut."""

from __future__ import annotations

import contextlib
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

__all__ = ["MOST_FILE", "UNFINISHED", "Entry", "remove_quietly", "write_whole"]

UNFINISHED = ".part"
"""How the name of a file ends while it is written: ``<stem>-<16 hex digits>.part``."""


MOST_FILE = 1 << 30
"""Bytes of one file of ours, at most."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file in a folder.

    Attributes
    ----------
    nbytes : int
    changed : float
        When it was written, s since 1970-01-01 UTC.
    """

    nbytes: int
    changed: float


def write_whole(path: Path, data: bytes, *, private: bool = False) -> None:
    """Write a file, in place of what is there.

    Parameters
    ----------
    path : Path
        In a folder that exists.
    data : bytes
    private : bool
        Nobody else may read it; else as the user's mask says.

    Raises
    ------
    OSError
        It cannot be written; nothing is left of it, and what was there stays.
    """
    part = path.with_name(f"{path.stem}-{secrets.token_hex(8)}{UNFINISHED}")
    try:
        with open(part, "xb", opener=_open_private if private else None) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        remove_quietly(part)
        raise
    _sync_folder(path.parent)


def remove_quietly(path: Path) -> None:
    """Remove a file, if it is there and may be removed."""
    with contextlib.suppress(OSError):
        path.unlink()


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _sync_folder(folder: Path) -> None:
    """Make a rename last, where the file system can say so."""
    with contextlib.suppress(OSError, AttributeError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
