"""Indexes kept on disk, so that the second reader of a granule walks nothing.

One file per granule, named by a hash. The folder belongs to the user alone; a file that is
damaged, foreign or of another version of the library counts as absent. A cache that fails
costs time and nothing else: it warns once, and reading goes on without it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import stat
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from cryodata.errors import CacheError
from cryodata.formats import (
    Summary,
    count_facts,
    decode_index,
    encode_index,
    library_version,
    summarise,
)
from cryodata.index import Index
from cryodata.options import GiB, Limits
from cryodata.store.whole import UNFINISHED, remove_quietly, write_whole
from cryodata.types import Source

__all__ = ["IndexCache"]

SUFFIX = ".parquet"
OURS = re.compile(r"[0-9a-f]{40}(\.parquet|-[0-9a-f]{16}\.part)")
"""Names of files that may be removed; the folder may hold others."""
ABANDONED = 3600.0
"""An unfinished file this old, s, was left by a process that is gone."""
MOST_FILE = 1 << 28
"""Bytes of one index, at most: a thousand times a real one."""
SWEEPS = 32
"""The folder is looked through each time this fraction of its limit was written."""
HARMLESS = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
"""Neither follow a link nor wait at a pipe; Windows knows neither."""

_saving = threading.Lock()
"""Between threads of this process a poorer index never replaces a richer one; between
processes it may, which costs a walk."""
_warned: set[Path] = set()
_unswept: dict[Path, int] = {}


def _renew_lock() -> None:
    """A child of fork has no thread that would ever release the lock it inherits."""
    global _saving  # noqa: PLW0603 - one lock a process is the point
    _saving = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)


@dataclass(frozen=True, slots=True)
class IndexCache:
    """A folder of indexes. Threads and processes may share it.

    Parameters
    ----------
    folder : Path
        Made, for this user alone, where it does not exist.
    nbytes : int
        When the files take more, those not used for longest are removed.
    limits : Limits
        Under which indexes are made: what a walk finds depends on them.
    origin : str
        Server that the URLs are asked of: buckets of the same name are on many.

    Raises
    ------
    CacheError
        If the folder cannot be made, is a symbolic link, belongs to somebody else or
        may be written to by others: they could tell us where to read.
    """

    folder: Path
    nbytes: int = 2 * GiB
    limits: Limits = field(default_factory=Limits)
    origin: str = ""

    def __post_init__(self) -> None:
        _check_folder(self.folder)

    @classmethod
    def open(
        cls,
        folder: Path | None,
        *,
        nbytes: int = 2 * GiB,
        limits: Limits | None = None,
        origin: str = "",
    ) -> IndexCache | None:
        """The cache, or None where there is none to use; says why, once a folder."""
        if folder is None:
            return None
        try:
            return cls(folder, nbytes, limits or Limits(), origin)
        except CacheError as error:
            _warn(folder, str(error))
            return None

    def load(self, url: str, *, later: bool = False) -> Index | None:
        """What is kept of a granule, of whichever version was read last.

        Parameters
        ----------
        url : str
        later : bool
            Decode each object when it is touched; where it is not sound, forget the entry and
            raise `CacheError` then. By default all of it is checked here, and unsound is absent.
        """
        path = self._path(url)
        data = _read(path)
        if data is None:
            return None
        index = self._decode(data, url, later=later, refused=lambda: remove_quietly(path))
        if index is None:
            remove_quietly(path)
            return None
        with contextlib.suppress(OSError):
            os.utime(path)  # what is used is kept longest
        return index

    def load_version(self, source: Source) -> Index | None:
        """What is kept of this very version of a granule."""
        index = self.load(source.url)
        return index if index is not None and index.source == source else None

    def save(self, index: Index) -> bool:
        """Keep an index, in place of what is kept of the same granule.

        Returns
        -------
        bool
            Whether it, or a more complete one of the same version, is kept now. A granule
            without ETag is not: nobody could tell when it changes.
        """
        if not index.source.etag:
            return False
        path = self._path(index.source.url)
        try:
            with _saving:
                if _covers(self._summary(path), index):
                    return True
                data = encode_index(index)
                write_whole(path, data, private=True)
                self._sweep(len(data))
        except (CacheError, OSError) as error:
            if not self.folder.exists():  # whoever took it away wants nothing kept there
                return False
            _warn(self.folder, f"Indexes are not kept in {self.folder}: {error}")
            return False
        return True

    def drop(self, source: Source) -> None:
        """Forget this version of a granule; another version stays."""
        path = self._path(source.url)
        summary = self._summary(path)
        if summary is None or summary.source == source:
            remove_quietly(path)

    def _path(self, url: str) -> Path:
        """Says nothing about the url, and differs wherever a walk could find other things."""
        key = "\n".join([url, self.origin, library_version(), _spelled(self.limits)])
        digest = hashlib.blake2b(key.encode("utf-8", "surrogateescape"), digest_size=20)
        return self.folder / (digest.hexdigest() + SUFFIX)

    def _decode(
        self, data: bytes, url: str, *, later: bool, refused: Callable[[], None]
    ) -> Index | None:
        """The index, where it is sound, of this granule, and made by this version."""
        with contextlib.suppress(CacheError):
            index = decode_index(
                data,
                limits=self.limits,
                library=library_version(),
                later=later,
                refused=refused,
            )
            return index if index.source.url == url else None
        return None

    def _summary(self, path: Path) -> Summary | None:
        """What is kept there, where it can be used."""
        data = _read(path)
        if data is None:
            return None
        with contextlib.suppress(CacheError):
            return summarise(data)
        return None

    def _sweep(self, written: int) -> None:
        """Now and then: remove what other processes left half-done, and what is too much."""
        due = _unswept.get(self.folder, self.nbytes) + written
        if due * SWEEPS < self.nbytes:
            _unswept[self.folder] = due
            return
        _unswept[self.folder] = 0
        total = 0
        for path, status in sorted(_files(self.folder), key=lambda f: f[1].st_mtime, reverse=True):
            if path.suffix == UNFINISHED:
                if time.time() - status.st_mtime > ABANDONED:
                    remove_quietly(path)
                continue
            total += status.st_size
            if total > self.nbytes:
                remove_quietly(path)


_spelled = lru_cache(maxsize=8)(repr)


def _covers(kept: Summary | None, index: Index) -> bool:
    """Whether what is kept is of the same version and says more, or all."""
    if kept is None or kept.source != index.source or kept.library != library_version():
        return False
    if index.complete is not kept.complete:
        return kept.complete
    facts = count_facts(index)
    # two walks of the whole file say the same; two of parts may have walked other parts
    return kept.facts > facts or (kept.complete and kept.facts == facts)


def _check_folder(folder: Path) -> None:
    try:
        with contextlib.suppress(FileNotFoundError):
            if stat.S_ISDIR((status := folder.lstat()).st_mode) and _is_ours(status):
                return
        folder.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        status = folder.lstat()
    except OSError as error:
        raise CacheError(
            f"The cache folder {folder} cannot be made: {error.strerror}",
            fix="Set CRYODATA_CACHE to a folder that you can write to.",
        ) from error
    if not stat.S_ISDIR(status.st_mode):
        problem = "is a symbolic link, or no folder"
    elif not _is_ours(status):
        problem = "belongs to another user, or others may write to it"
    else:
        return
    raise CacheError(
        f"The cache folder {folder} {problem}",
        fix=f"Make it yours alone (chmod 700 {folder}), or set CRYODATA_CACHE to one that is.",
    )


def _is_ours(status: os.stat_result) -> bool:
    """Only this user can have written it."""
    if not hasattr(os, "geteuid"):  # Windows guards the user's folders in its own way
        return True
    return status.st_uid == os.geteuid() and not status.st_mode & 0o022


def _files(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """The files that this module made, and no others."""
    for path in folder.iterdir():
        if OURS.fullmatch(path.name):
            with contextlib.suppress(OSError):  # gone meanwhile
                yield path, path.lstat()


def _read(path: Path) -> bytes | None:
    """The content of a file of ours; None where there is none."""
    with (
        contextlib.suppress(OSError),
        open(path, "rb", opener=_open_harmless) as file,
    ):
        status = os.fstat(file.fileno())
        if stat.S_ISREG(status.st_mode) and _is_ours(status) and status.st_size <= MOST_FILE:
            return file.read()
    return None


def _open_harmless(path: str, flags: int) -> int:
    return os.open(path, flags | HARMLESS)


def _warn(folder: Path, what: str) -> None:
    """Once a folder: a cache that fails is no reason to stop, nor to repeat it."""
    if folder not in _warned:
        _warned.add(folder)
        warnings.warn(what, RuntimeWarning, stacklevel=3)
