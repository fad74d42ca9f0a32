"""What all read-only stores of Zarr have alike: keys are listed, and bytes are cut."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncIterator, Iterable, Iterator

from zarr.abc.store import (
    ByteRequest,
    OffsetByteRequest,
    RangeByteRequest,
    Store,
    SuffixByteRequest,
)
from zarr.core.buffer import Buffer, BufferPrototype

__all__ = ["ReadOnlyStore"]


class ReadOnlyStore(Store):
    """A store of documents, which are at hand, and of chunks, which are fetched."""

    supports_writes = False
    supports_deletes = False
    supports_listing = True

    def __init__(self) -> None:
        super().__init__(read_only=True)
        self._documents: dict[str, bytes] = {}

    @abstractmethod
    async def _chunk(self, key: str) -> bytes | memoryview | None:
        """The bytes of a key that is no document's; None where none were written."""

    @abstractmethod
    def _has_chunk(self, key: str) -> bool:
        """Whether `_chunk` gives bytes; asks no server."""

    @abstractmethod
    def _array_paths(self) -> Iterable[str]:
        """Paths of all arrays."""

    @abstractmethod
    def _chunk_keys(self, path: str) -> Iterator[str]:
        """Keys of all chunks of an array that have bytes."""

    async def get(
        self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        """The bytes of a key, or a part of them; None where there are none."""
        data = self._documents.get(key) or await self._chunk(key)
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

    async def exists(self, key: str) -> bool:
        """Whether there are bytes under a key; asks no server."""
        return key in self._documents or self._has_chunk(key)

    async def list(self) -> AsyncIterator[str]:
        """All keys."""
        for key in self._documents:
            yield key
        for path in self._array_paths():
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
        if path in self._array_paths():
            keys += self._chunk_keys(path)
        for name in dict.fromkeys(key[len(below) :].split("/", 1)[0] for key in keys):
            yield name

    async def set(self, key: str, value: Buffer) -> None:  # noqa: ARG002 - as of Store
        """Refused: what others wrote is not written to."""
        self._check_writable()

    async def delete(self, key: str) -> None:  # noqa: ARG002 - as of Store
        """Refused: what others wrote is not written to."""
        self._check_writable()


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
