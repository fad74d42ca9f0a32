"""One granule as a store of Zarr: its own bytes, under the keys of Zarr version 3."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from cryodata.errors import CryodataError
from cryodata.formats import zarr_v3
from cryodata.formats.zarr_arrays import ZarrArray
from cryodata.formats.zarr_tree import zarr_tree
from cryodata.granule import GranuleFile
from cryodata.references.read_only import ReadOnlyStore
from cryodata.types import ByteRange

__all__ = ["GranuleStore"]

DOCUMENT = "zarr.json"


class GranuleStore(ReadOnlyStore):
    """A granule, to be read with ``zarr.open(store)`` or ``xarray.open_zarr(store)``.

    Its whole structure is read when the store is made; then each chunk is one request, for the
    version of the granule that was indexed.

    Parameters
    ----------
    granule : GranuleFile
        Closed with the store.
    on_unsupported : {"raise", "skip"}
        What becomes of variables that Zarr cannot hold: the first raises, or they are not in
        the store, and `refused` says why.

    Attributes
    ----------
    refused : mapping of str to CryodataError
        What of the granule is not in the store: path, and why.

    Raises
    ------
    UnsupportedError
        Zarr cannot hold a variable of the granule.
    """

    def __init__(self, granule: GranuleFile, *, on_unsupported: str = "raise") -> None:
        super().__init__()
        self._granule = granule
        self._on_unsupported = on_unsupported
        index = granule.walk()
        self._source = index.source
        tree = zarr_tree(index, lambda paths: granule.read([(path, None) for path in paths]))
        self._arrays: dict[str, ZarrArray] = {}
        refused = dict(tree.refused)
        for path, attributes in tree.groups.items():
            self._add(path, zarr_v3.group_metadata(attributes))
        for path, array in tree.arrays.items():
            try:
                self._add(path, zarr_v3.array_metadata(array))
            except CryodataError as error:
                refused[path] = error.locate(url=tree.url, path=f"/{path}")
            else:
                self._arrays[path] = array
        if refused and on_unsupported != "skip":
            raise next(iter(refused.values()))
        self.refused: Mapping[str, CryodataError] = refused

    def _add(self, path: str, document: dict[str, Any]) -> None:
        key = f"{path}/{DOCUMENT}" if path else DOCUMENT
        self._documents[key] = json.dumps(document).encode("utf-8")

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (self._granule, self._on_unsupported)

    def __repr__(self) -> str:
        return f"<GranuleStore {self._source.url}: {len(self._arrays)} arrays>"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        """Of the same version of the same granule."""
        return isinstance(other, GranuleStore) and self._source == other._source

    def __hash__(self) -> int:
        return hash((self._source.url, self._source.etag))

    def close(self) -> None:
        """Give connections back."""
        super().close()
        self._granule.close()

    async def _chunk(self, key: str) -> bytes | memoryview | None:
        found = self._find(key)
        if found is None:
            return None
        array, number = found
        if number in array.inline:
            return array.inline[number]
        row = int(np.searchsorted(array.numbers, number))
        if row == len(array.numbers) or array.numbers[row] != number:
            return None  # never written: the fill value stands for it
        start = int(array.offsets[row])
        (data,) = await self._granule.afetch([ByteRange(start, start + int(array.nbytes[row]))])
        return data

    def _find(self, key: str) -> tuple[ZarrArray, int] | None:
        """The array and the number of a chunk."""
        at = len(key) - 2 if key.endswith("/c") else key.rfind("/c/")
        array = self._arrays.get(key[:at]) if at > 0 else None
        number = None if array is None else zarr_v3.chunk_number(array, key[at + 1 :])
        return None if array is None or number is None else (array, number)

    def _has_chunk(self, key: str) -> bool:
        found = self._find(key)
        return found is not None and found[1] in _there(found[0])

    def _array_paths(self) -> Iterable[str]:
        return self._arrays.keys()

    def _chunk_keys(self, path: str) -> Iterator[str]:
        array = self._arrays[path]
        for number in sorted(_there(array)):
            yield f"{path}/{zarr_v3.chunk_key(array, number)}"


def _rebuild(granule: GranuleFile, on_unsupported: str) -> GranuleStore:
    return GranuleStore(granule, on_unsupported=on_unsupported)


def _there(array: ZarrArray) -> set[int]:
    """Numbers of the chunks that have bytes."""
    return {*array.numbers.tolist(), *array.inline}
