"""The files of a catalogue: each commit adds one, and nothing is ever changed.

``granules/00000007-3f9c2a6be01d.parquet`` is a commit; a name that ends in ``-all`` holds
everything up to its number, and says which files it replaces. Writers need no lock: two that
write at once give two files, and of two rows of one granule the later counts. Whoever lists the
folder sees commits whole or not at all.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa

from cryodata.errors import NotFoundError
from cryodata.references.catalogue import decode_rows, encode_rows, joined, newest, stamped
from cryodata.store.folder import Folder
from cryodata.store.whole import Entry

__all__ = ["GRANULES", "Log"]

GRANULES = "granules"
OURS = re.compile(r"(?P<number>\d{8})-[0-9a-f]{12}(?P<all>-all)?\.parquet")
MANY = 16
"""Files after which one is written that holds all of them."""
GRACE = 3600.0
"""Replaced files stay so long, s, for readers that listed them before."""
SIDE_BY_SIDE = 8
TRIES = 5
"""Listings, where files vanish between listing and reading."""


class Log:
    """The catalogue in one folder.

    Parameters
    ----------
    folder : Folder
    """

    def __init__(self, folder: Folder) -> None:
        self.folder = folder

    def exists(self) -> bool:
        """Whether anything was committed; one listing."""
        return any(map(OURS.fullmatch, self.folder.entries(GRANULES)))

    def read(self) -> pa.Table:
        """The newest row of each granule, retired ones among them.

        Raises
        ------
        FormatError, UnsupportedError
            A file is damaged, or newer than this library.
        AuthError, FetchError
            It cannot be read.
        """
        for _ in range(TRIES - 1):
            try:
                return self._read(self.folder.entries(GRANULES))[0]
            except NotFoundError:  # replaced, and removed since
                continue
        return self._read(self.folder.entries(GRANULES))[0]

    def commit(self, table: pa.Table) -> None:
        """Add rows, in place of older ones of the same granules.

        Raises
        ------
        AuthError, FetchError
            They cannot be written; nothing is left of them.
        """
        entries = self.folder.entries(GRANULES)
        stem = f"{_highest(entries) + 1:08d}-{secrets.token_hex(6)}"
        self.folder.write(f"{GRANULES}/{stem}.parquet", encode_rows(stamped(table, stem)))
        if len(entries) >= MANY:
            self._tidy()

    def _read(self, entries: Mapping[str, Entry]) -> tuple[pa.Table, list[str], set[str]]:
        """All rows that count; the files they are in; and those that need not be read."""
        names = sorted(filter(OURS.fullmatch, entries))
        whole = [name for name in names if name.endswith("-all.parquet")]
        tables: list[pa.Table] = []
        used: list[str] = []
        replaced: set[str] = set()
        for name in reversed(whole):
            if name not in replaced:
                table, replaces = self._decode(name)
                tables.append(table)
                used.append(name)
                replaced.update(replaces)
        others = [name for name in names if name not in replaced and name not in whole]
        with ThreadPoolExecutor(SIDE_BY_SIDE, thread_name_prefix="cryodata-catalogue") as pool:
            tables += [table for table, _ in pool.map(self._decode, others)]
        return newest(joined(tables)), [*used, *others], replaced & set(names)

    def _decode(self, name: str) -> tuple[pa.Table, tuple[str, ...]]:
        path = f"{GRANULES}/{name}"
        try:
            return decode_rows(self.folder.read(path))
        except Exception as error:
            if hasattr(error, "locate"):
                error.locate(url=f"{self.folder.url}/{path}")
            raise

    def _tidy(self) -> None:
        """Write one file in place of many; remove what was replaced long ago."""
        entries = self.folder.entries(GRANULES)
        try:
            table, used, replaced = self._read(entries)
        except NotFoundError:  # somebody else is tidying
            return
        if len(used) > MANY:
            number = _highest(used)
            name = f"{number:08d}-{secrets.token_hex(6)}-all.parquet"
            data = encode_rows(table, replaces=[*used, *sorted(replaced)])
            self.folder.write(f"{GRANULES}/{name}", data)
        # a file stays as long as a reader may be at it that has not seen what replaced it
        newest_whole = max(
            (entries[name].changed for name in used if name.endswith("-all.parquet")), default=0.0
        )
        if time.time() - newest_whole > GRACE:
            for name in replaced:
                self.folder.remove(f"{GRANULES}/{name}")


def _highest(names: Iterable[str]) -> int:
    return max((int(m["number"]) for m in map(OURS.fullmatch, names) if m), default=0)
