"""The indexes of references: two files each, named by what is in them."""

from __future__ import annotations

import hashlib
import re
import threading
from dataclasses import dataclass, field

from cryodata.errors import CacheError, CryodataError, FormatError
from cryodata.formats import FORMAT, Apart, decode_index
from cryodata.index import Index
from cryodata.options import Limits
from cryodata.references.catalogue import Row
from cryodata.store.folder import Folder

__all__ = ["Shelf"]

INDEXES, ALIKE = "indexes", "alike"
_NAME = re.compile(r"[0-9a-f]{40}")


@dataclass(slots=True)
class Shelf:
    """The folders ``indexes`` and ``alike``. Threads may share it.

    Parameters
    ----------
    folder : Folder
    limits : Limits
        What an index may claim.
    """

    folder: Folder
    limits: Limits = field(default_factory=Limits)
    _alike: dict[str, bytes] = field(default_factory=dict, repr=False)
    _written: set[str] | None = field(default=None, repr=False)
    _turn: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def __reduce__(self) -> tuple[type[Shelf], tuple[Folder, Limits]]:
        return Shelf, (self.folder, self.limits)

    def put(self, apart: Apart) -> tuple[str, str]:
        """Write an index; the names of its two files.

        Raises
        ------
        AuthError, FetchError
            The folder cannot be written to; nothing is left of it.
        """
        name = _digest(apart.data)
        with self._turn:
            if self._written is None:
                self._written = {name.partition(".")[0] for name in self.folder.entries(ALIKE)}
            if apart.name not in self._written:  # first, so that whoever sees the index finds it
                self.folder.write(f"{ALIKE}/{apart.name}.parquet", apart.alike)
                self._written.add(apart.name)
        self.folder.write(f"{INDEXES}/{name}.parquet", apart.data)
        return name, apart.name

    def get(self, row: Row, *, later: bool = False) -> Index | None:
        """The index of a row; None where it is of another format of the library.

        Raises
        ------
        CacheError
            It is not what the row says, or not sound.
        AuthError, FetchError
            It cannot be read.
        """
        if row.index_format != FORMAT:
            return None
        try:
            data = self.folder.read(f"{INDEXES}/{_checked(row.index)}.parquet")
            _check(_digest(data) == row.index, "The index was changed after it was written")
            index = decode_index(data, limits=self.limits, later=later, alike=self._common)
            _check(index.source == row.source, "The index is of another granule or version")
        except (CacheError, FormatError) as error:
            raise CacheError(
                f"{error.what.rstrip('.')}", url=f"{self.folder.url}/{INDEXES}/{row.index[:40]}"
            ) from error
        return index

    def _common(self, name: str) -> bytes:
        with self._turn:
            found = self._alike.get(name)
        if found is None:
            try:
                found = self.folder.read(f"{ALIKE}/{_checked(name)}.parquet")
            except CryodataError as error:
                raise ValueError(
                    f"what granules have alike cannot be read: {error.what}"
                ) from error
            with self._turn:
                self._alike[name] = found
        return found


def _digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=20).hexdigest()


def _check(holds: bool, what: str) -> None:
    if not holds:
        raise FormatError(what)


def _checked(name: str) -> str:
    """A name that leads out of no folder."""
    if not _NAME.fullmatch(name):
        raise FormatError(f"{name[:60]!r} is no name of an index")
    return name
