"""Small files under a folder of this machine."""

from __future__ import annotations

import contextlib
import stat
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

from cryodata.errors import AuthError, ConfigurationError, FetchError, NotFoundError
from cryodata.store.whole import MOST_FILE, UNFINISHED, Entry, remove_quietly, write_whole

__all__ = ["LocalFolder"]

ABANDONED = 3600.0
"""An unfinished file this old, s, was left by a process that is gone."""


class LocalFolder:
    """A folder of this machine; made when the first file is written."""

    def __init__(self, path: str) -> None:
        if not path:
            raise ConfigurationError("the name of the folder is empty", fix="Name a folder.")
        self._root = Path(path).expanduser().absolute()
        self.url = str(self._root)

    def __repr__(self) -> str:
        return f"LocalFolder({self.url!r})"

    def entries(self, below: str) -> Mapping[str, Entry]:
        """As of `Folder`; unfinished files of processes that are gone are removed."""
        found: dict[str, Entry] = {}
        try:
            for path in (self._root / below).iterdir():
                with contextlib.suppress(FileNotFoundError):  # vanished meanwhile
                    status = path.stat()
                    if path.suffix == UNFINISHED:
                        _sweep(path, status.st_mtime)
                    elif stat.S_ISREG(status.st_mode):
                        found[path.name] = Entry(status.st_size, status.st_mtime)
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except OSError as error:
            self._refuse("listed", error)
        return found

    def read(self, name: str) -> bytes:
        """As of `Folder`."""
        path = self._root / name
        try:
            with path.open("rb") as file:
                data = file.read(MOST_FILE + 1)
        except FileNotFoundError:
            raise NotFoundError("There is no such file", url=str(path)) from None
        except OSError as error:
            self._refuse("read", error)
        if len(data) > MOST_FILE:
            raise FetchError(f"The file is larger than {MOST_FILE >> 30} GiB", url=str(path))
        return data

    def write(self, name: str, data: bytes) -> None:
        """As of `Folder`."""
        path = self._root / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, data)
        except OSError as error:
            self._refuse("written to", error)

    def remove(self, name: str) -> None:
        """As of `Folder`."""
        remove_quietly(self._root / name)

    def _refuse(self, what: str, error: OSError) -> NoReturn:
        kind = AuthError if isinstance(error, PermissionError) else FetchError
        raise kind(
            f"The folder cannot be {what}: {error.strerror or type(error).__name__}",
            url=self.url,
            fix="Name a folder on a disk with space, that you may write to.",
        ) from error


def _sweep(path: Path, changed: float) -> None:
    if time.time() - changed > ABANDONED:
        remove_quietly(path)
