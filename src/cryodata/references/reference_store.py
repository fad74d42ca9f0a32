"""References of others as a store of Zarr: what they point to, checked before it is given out."""

from __future__ import annotations

import asyncio
import hashlib
import json
import threading
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from cryodata.access import open_granule_store
from cryodata.errors import CryodataError, FormatError, UnsupportedError
from cryodata.formats.references_in import ChunkReferences, KerchunkReferences, chunk_number
from cryodata.formats.stored_size import check_decoded, check_stored
from cryodata.options import Options
from cryodata.references.read_only import ReadOnlyStore
from cryodata.references.referenced_file import ReferencedFile
from cryodata.store.base import Store
from cryodata.types import Source

__all__ = ["ReferenceStore"]


class ReferenceStore(ReadOnlyStore):
    """References to be read with ``zarr.open(store, zarr_format=2)``, or by xarray.

    That is ``xr.open_zarr(store, consolidated=False, zarr_format=2)``.

    Nothing is asked of a file before a chunk of it is wanted. The first request for it learns
    its version (one byte); all that follow demand that one.

    Parameters
    ----------
    references : KerchunkReferences
        Checked: files are opened that `Allowed` let pass, and no others.
    storage_options : mapping, optional
        For the files, in the words of s3fs; those of Earthdata need none. Not for local ones.
    engine : {"auto", "obstore", "fsspec"}
        Who fetches the bytes.
    options : Options, optional

    Raises
    ------
    FormatError
        While reading: a reference goes beyond the end of its file.
    ChunkCorruptError, LimitExceededError
        While reading: bytes that are no chunk, or would become much more than one.
    GranuleChangedError
        While reading: a file was replaced since its first chunk was read.
    UnsupportedError
        While reading: a chunk is not there, and no fill value stands for it.

    Notes
    -----
    zarr decodes chunks by itself. That it is not made to fill the memory, what is deflated is
    inflated here first, once more than it had to be: about 2 ms per MB of values. Copies made
    by pickle know the versions that were learnt, and no secrets.
    """

    def __init__(
        self,
        references: KerchunkReferences,
        *,
        storage_options: Mapping[str, Any] | None = None,
        engine: str = "auto",
        options: Options | None = None,
    ) -> None:
        super().__init__()
        self._references = references
        self._storage_options = storage_options
        self._engine = engine
        self._options = options or Options()
        self._lock = threading.Lock()
        self._files: dict[int, ReferencedFile] = {}
        self._digest = ""
        for path in _with_parents(references):
            self._add(path, ".zgroup", {"zarr_format": 2})
            self._add(path, ".zattrs", references.groups.get(path, {}))
        for path, array in references.arrays.items():
            self._add(path, ".zarray", array.metadata)
            self._add(path, ".zattrs", references.attributes.get(path, {}))

    def _add(self, path: str, name: str, document: Mapping[str, Any]) -> None:
        self._documents[f"{path}/{name}" if path else name] = json.dumps(document).encode("utf-8")

    def __reduce__(self) -> tuple[Any, ...]:
        with self._lock:
            sources = {n: file.source for n, file in self._files.items() if file.source}
        # with options of the user's, secrets may be among them: each store knows its own
        numbers = range(len(self._references.urls)) if self._storage_options else ()
        stores = {number: self._file(number).store for number in numbers}
        return _rebuild, (self._references, self._engine, self._options, stores, sources)

    def __repr__(self) -> str:
        count, files = len(self._references.arrays), len(self._references.urls)
        return f"<ReferenceStore: {count} arrays in {files} files>"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        """Of the same references."""
        return isinstance(other, ReferenceStore) and self._identity() == other._identity()

    def __hash__(self) -> int:
        return hash(self._identity())

    def _identity(self) -> str:
        if not self._digest:
            digest = hashlib.sha256(json.dumps(self._references.urls).encode("utf-8"))
            for key, data in self._documents.items():
                digest.update(key.encode("utf-8", "surrogatepass") + data)
            for array in self._references.arrays.values():
                for column in (array.numbers, array.files, array.offsets, array.nbytes):
                    digest.update(column.tobytes())
                for number, inline in array.inline.items():
                    digest.update(b"%d " % number + inline)
            self._digest = digest.hexdigest()
        return self._digest

    def close(self) -> None:
        """Give connections back."""
        super().close()
        with self._lock:
            files, self._files = self._files, {}
        for file in files.values():
            file.close()

    def _file(self, number: int) -> ReferencedFile:
        with self._lock:
            if number not in self._files:
                url = self._references.urls[number]
                store = open_granule_store(
                    url,
                    storage_options=None if url.startswith("/") else self._storage_options,
                    engine=self._engine,
                    options=self._options,
                )
                self._files[number] = ReferencedFile(store, self._options.network)
            return self._files[number]

    async def _chunk(self, key: str) -> bytes | memoryview | None:
        found = self._find(key)
        if found is None:
            return None
        path, number = found
        array = self._references.arrays[path]
        try:
            data = await self._bytes(array, number)
            # zarr's loop is for others meanwhile
            most = self._options.limits.chunk_bytes
            await asyncio.to_thread(check_decoded, data, array.metadata, most)
        except CryodataError as error:
            error.locate(path=f"/{key}")
            raise
        return data

    async def _bytes(self, array: ChunkReferences, number: int) -> bytes | memoryview:
        if number in array.inline:
            return array.inline[number]
        row = _row(array, number)
        if row is None:
            raise UnsupportedError(
                "A chunk is nowhere, and there is no fill value that would stand for it"
            )
        offset, nbytes = int(array.offsets[row]), int(array.nbytes[row])
        check_stored(nbytes, array.metadata, self._options.limits.chunk_bytes)
        file = int(array.files[row])
        if file not in self._files:  # to open it may ask a server which way to take
            await asyncio.to_thread(self._file, file)
        return await self._file(file).read(offset, nbytes)

    def _find(self, key: str) -> tuple[str, int] | None:
        """The array and the number of a chunk; None where a fill value stands for it."""
        parts = key.split("/")
        for cut in range(len(parts) - 1, -1, -1):
            path, name = "/".join(parts[:cut]), "/".join(parts[cut:])
            array = self._references.arrays.get(path)
            if array is None:
                continue
            number = _number(array, name)
            if number is None:
                return None
            there = number in array.inline or _row(array, number) is not None
            filled = array.metadata.get("fill_value") is not None
            return (path, number) if there or not filled else None
        return None

    def _has_chunk(self, key: str) -> bool:
        return self._find(key) is not None

    def _array_paths(self) -> Iterable[str]:
        return self._references.arrays.keys()

    def _chunk_keys(self, path: str) -> Iterator[str]:
        array = self._references.arrays[path]
        mark = array.metadata.get("dimension_separator", ".")
        for number in sorted({*array.numbers.tolist(), *array.inline}):
            place = np.unravel_index(number, array.grid) if array.grid else (0,)
            key = mark.join(str(int(i)) for i in place)
            yield f"{path}/{key}" if path else key


def _rebuild(
    references: KerchunkReferences,
    engine: str,
    options: Options,
    stores: Mapping[int, Store],
    sources: Mapping[int, Source],
) -> ReferenceStore:
    store = ReferenceStore(references, engine=engine, options=options)
    for number in {*stores, *sources}:
        if number in stores:
            store._files[number] = ReferencedFile(stores[number], options.network)
        store._file(number).source = sources.get(number)
    return store


def _with_parents(references: KerchunkReferences) -> list[str]:
    """Paths of all groups, also of those that nobody mentions."""
    found = {"": None} if "" not in references.arrays else {}
    for path in (*references.groups, *references.arrays):
        parts = path.split("/")
        found |= dict.fromkeys("/".join(parts[:i]) for i in range(1, len(parts)))
        if path in references.groups:
            found[path] = None
    both = set(found) & set(references.arrays)
    if both:
        raise FormatError("There is an array where there has to be a group", path=f"/{min(both)}")
    return list(found)


def _number(array: ChunkReferences, name: str) -> int | None:
    if array.metadata.get("dimension_separator", ".") == "/":
        if "." in name:
            return None
        name = name.replace("/", ".")
    try:
        return chunk_number(name, array.grid, "")
    except FormatError:
        return None


def _row(array: ChunkReferences, number: int) -> int | None:
    row = int(np.searchsorted(array.numbers, number))
    return row if row < len(array.numbers) and array.numbers[row] == number else None
