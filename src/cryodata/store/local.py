"""Local files, read by position in threads."""

from __future__ import annotations

import asyncio
import os
from os import PathLike
from pathlib import Path

from cryodata.errors import (
    AuthError,
    ConfigurationError,
    CryodataError,
    FetchError,
    GranuleChangedError,
    NotFoundError,
    WrongRangeError,
)
from cryodata.types import Block

__all__ = ["LocalStore"]


class LocalStore:
    """One local file. It holds no descriptor between reads, so it forks and pickles freely.

    The entity tag is made of size, time of last change and inode. A file that is
    replaced, or written to in place, is noticed as far as the file system's clock
    tells two changes apart (a few ms on Linux).

    Parameters
    ----------
    path : path-like
        ``~`` is the user's home. Made absolute at once, so that a later ``chdir`` does
        not matter.
    """

    __slots__ = ("origin", "url")

    def __init__(self, path: str | PathLike[str]) -> None:
        self.url = str(Path(path).expanduser().absolute())
        self.origin = "file:"

    def __repr__(self) -> str:
        return f"LocalStore({self.url!r})"

    def version(self) -> tuple[int, str] | None:
        """Size and entity tag of the file that is there now; None where there is none."""
        try:
            stat = Path(self.url).stat()
        except OSError:
            return None
        return stat.st_size, _etag(stat)

    async def get(self, start: int, stop: int, *, etag: str = "") -> Block:
        """Bytes ``start <= i < stop``, cut at the end of the file; see `Store.get`."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(None, self._read, start, stop, etag)

    def _read(self, start: int, stop: int, etag: str) -> Block:
        try:
            descriptor = os.open(self.url, os.O_RDONLY | getattr(os, "O_BINARY", 0))
            try:
                data = _read_fully(descriptor, start, stop)
                # Asked after the bytes were read: a change meanwhile shows as well.
                stat = os.fstat(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise _explain(error).locate(url=self.url) from error
        found = _etag(stat)
        if etag and found != etag:
            raise GranuleChangedError(
                "the file changed since it was indexed", fix="Open it again.", url=self.url
            )
        if start and start >= stat.st_size:
            raise WrongRangeError(
                f"the file ends at byte {stat.st_size}, before the range that was asked for",
                url=self.url,
                start=start,
                stop=stop,
            )
        return Block(start, memoryview(data), stat.st_size, found)

    def close(self) -> None:
        """Nothing is held open."""


def _etag(stat: os.stat_result) -> str:
    return f'"{stat.st_size:x}-{stat.st_mtime_ns:x}-{stat.st_ino:x}"'


def _read_fully(descriptor: int, start: int, stop: int) -> bytes:
    """The bytes up to `stop` or the end of the file, however few each call gives."""
    data = os.pread(descriptor, stop - start, start)
    while len(data) < stop - start:
        more = os.pread(descriptor, stop - start - len(data), start + len(data))
        if not more:
            break
        data += more
    return data


def _explain(error: OSError) -> CryodataError:
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return NotFoundError("there is no such file", fix="Check the path for typing errors.")
    if isinstance(error, PermissionError):
        return AuthError("the file may not be read", fix="Ask its owner for read access.")
    if isinstance(error, IsADirectoryError):
        return ConfigurationError(
            "this is a folder, and no references are in it",
            fix="Name a file in it, or all of them by folder/*.h5.",
        )
    return FetchError(f"the file system failed: {error.strerror or type(error).__name__}")
