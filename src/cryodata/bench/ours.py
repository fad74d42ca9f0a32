"""The arrays as cryodata reads them, and whole granules fetched the same way."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from cryodata.errors import ConfigurationError
from cryodata.granule import GranuleFile
from cryodata.index import Index
from cryodata.options import Options
from cryodata.store import loop
from cryodata.store.receipt import Receipt
from cryodata.types import AnyArray, ByteRange

__all__ = ["Ours", "absolute", "fetch_whole"]

AT_ONCE = 16
"""Granules read side by side, as `cryodata.references.build` has it."""
PART = 8 << 20
"""Bytes of one request of a copy."""
PARTS_AT_ONCE = 16
"""They bound the memory that a copy takes, too."""


class Ours:
    """Granules, read by cryodata with indexes in one folder.

    Attributes
    ----------
    files : list of GranuleFile
    """

    def __init__(
        self, granules: Sequence[Any], options: Options, storage_options: Mapping[str, Any] | None
    ) -> None:
        self.files = [
            GranuleFile(one, options=options, storage_options=storage_options) for one in granules
        ]

    def read(self, group: str, variables: Sequence[str] | None) -> list[dict[str, AnyArray]]:
        """Arrays by absolute path, of each granule."""

        def one(file: GranuleFile) -> dict[str, AnyArray]:
            paths = _paths(file, group, variables)
            return dict(zip(paths, file.read([(path, None) for path in paths]), strict=True))

        with ThreadPoolExecutor(AT_ONCE) as pool:
            return list(pool.map(one, self.files))

    @property
    def receipt(self) -> Receipt:
        """What was spent on all so far."""
        return sum((file.receipt for file in self.files), Receipt())

    def close(self) -> None:
        """Give connections back, and have what was learnt on disk."""
        for file in self.files:
            file.flush()
            file.close()


def absolute(group: str, name: str) -> str:
    """Path of a variable that is called by its name in a group, or by its path."""
    return posixpath.join("/", group.strip("/"), name)


def _paths(file: GranuleFile, group: str, variables: Sequence[str] | None) -> list[str]:
    """The arrays that are wanted of a granule; it is walked as far as needed."""
    if variables is not None:
        paths = [absolute(group, name) for name in variables]
        file.walk(paths, dims=False)
        return paths
    path = absolute(group, "").rstrip("/") or "/"
    found = list(_readable(file.walk([path], dims=False), path))
    if not found:
        raise ConfigurationError(
            f"there is no array that can be read in the group {path}",
            fix="Name the group that holds the arrays: group='gt1l/land_ice_segments'.",
            url=file.url,
        )
    return found


def _readable(index: Index, group: str) -> Iterator[str]:
    """Arrays right below a group whose values cryodata, and so this comparison, can have."""
    for path, array in index.arrays.items():
        if posixpath.dirname(path) == group and not array.problem:
            yield path


def fetch_whole(file: GranuleFile, to: Path) -> None:
    """Write a copy of a granule, in parts that are fetched side by side."""
    source = file.version()
    with to.open("wb") as copy:
        for begin in range(0, source.size, PARTS_AT_ONCE * PART):
            end = min(source.size, begin + PARTS_AT_ONCE * PART)
            parts = [ByteRange(at, min(end, at + PART)) for at in range(begin, end, PART)]
            blocks = loop.run(file._fetcher.fetch(parts, etag=source.etag, size=source.size))
            for block in blocks:
                copy.write(block.data)
