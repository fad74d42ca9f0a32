"""One granule as a store of Zarr: its own bytes, under the keys of Zarr version 3."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from zarr.abc.store import (
    ByteRequest,
    OffsetByteRequest,
    RangeByteRequest,
    Store,
    SuffixByteRequest,
)
from zarr.core.buffer import Buffer, BufferPrototype

from cryodata.errors import CryodataError
from cryodata.formats import zarr_v3
from cryodata.formats.zarr_arrays import ZarrArray
from cryodata.formats.zarr_tree import zarr_tree
from cryodata.granule import GranuleFile
from cryodata.types import ByteRange

__all__ = ["GranuleStore"]

DOCUMENT = "zarr.json"


class GranuleStore(Store):
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

    supports_writes = False
    supports_deletes = False
    supports_listing = True

    def __init__(self, granule: GranuleFile, *, on_unsupported: str = "raise") -> None:
        super().__init__(read_only=True)
        self._granule = granule
        self._on_unsupported = on_unsupported
        index = granule.walk()
        self._source = index.source
        tree = zarr_tree(index, lambda paths: granule.read([(path, None) for path in paths]))
        self._arrays: dict[str, ZarrArray] = {}
        self._documents: dict[str, bytes] = {}
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

    async def get(
        self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        """The bytes of a key, or a part of them; None where there are none."""
        data = await self._bytes(key)
        if data is None:
            return None
        return prototype.buffer.from_bytes(bytes(data[_part(byte_range, len(data))]))

    async def get_partial_values(
        self,
        prototype: BufferPrototype,
        key_ranges: Iterable[tuple[str, ByteRequest | None]],
    ) -> list[Buffer | None]:
        """As `get`, for several."""
        return [await self.get(key, prototype, part) for key, part in key_ranges]

    async def _bytes(self, key: str) -> bytes | memoryview | None:
        if key in self._documents:
            return self._documents[key]
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

    async def exists(self, key: str) -> bool:
        """Whether there are bytes under a key; asks no server."""
        if key in self._documents:
            return True
        found = self._find(key)
        return found is not None and found[1] in _there(found[0])

    def _chunk_keys(self, path: str) -> Iterator[str]:
        array = self._arrays[path]
        for number in sorted(_there(array)):
            yield f"{path}/{zarr_v3.chunk_key(array, number)}"

    async def list(self) -> AsyncIterator[str]:
        """All keys."""
        for key in self._documents:
            yield key
        for path in self._arrays:
            for key in self._chunk_keys(path):
                yield key

    async def list_prefix(self, prefix: str) -> AsyncIterator[str]:
        """All keys that begin so."""
        async for key in self.list():
            if key.startswith(prefix):
                yield key

    async def list_dir(self, prefix: str) -> AsyncIterator[str]:
        """Names right below a path."""
        path = prefix.strip("/")
        below = f"{path}/" if path else ""
        keys = [key for key in self._documents if key.startswith(below)]
        if path in self._arrays:
            keys += self._chunk_keys(path)
        for name in dict.fromkeys(key[len(below) :].split("/", 1)[0] for key in keys):
            yield name

    async def set(self, key: str, value: Buffer) -> None:  # noqa: ARG002 - as of Store
        """Refused: granules are not written to."""
        self._check_writable()

    async def delete(self, key: str) -> None:  # noqa: ARG002 - as of Store
        """Refused: granules are not written to."""
        self._check_writable()


def _rebuild(granule: GranuleFile, on_unsupported: str) -> GranuleStore:
    return GranuleStore(granule, on_unsupported=on_unsupported)


def _there(array: ZarrArray) -> set[int]:
    """Numbers of the chunks that have bytes."""
    return {*array.numbers.tolist(), *array.inline}


def _part(request: ByteRequest | None, size: int) -> slice:
    """Which of `size` bytes are asked for."""
    match request:
        case RangeByteRequest(start, stop):
            return slice(start, stop)
        case OffsetByteRequest(offset):
            return slice(offset, None)
        case SuffixByteRequest(suffix):
            return slice(max(0, size - suffix), None)
    return slice(None)
