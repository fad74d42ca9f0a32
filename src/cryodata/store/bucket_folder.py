"""Small files under a prefix in a bucket of S3."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar, cast
from urllib.parse import urlsplit

from cryodata.errors import CryodataError, FetchError, NotFoundError
from cryodata.options import Network
from cryodata.store import loop
from cryodata.store.obstore_engine import ObstoreStore
from cryodata.store.obstore_errors import explain
from cryodata.store.whole import MOST_FILE, Entry

if TYPE_CHECKING:
    from obstore.store import S3Store

__all__ = ["BucketFolder"]

T = TypeVar("T")
PAUSES = (0.1, 0.4, 1.6)
"""Between tries, s."""


class BucketFolder:
    """A prefix in a bucket of S3. It pickles like the stores of its objects: without secrets."""

    def __init__(
        self, url: str, storage_options: Mapping[str, Any] | None, network: Network
    ) -> None:
        self.url = url.rstrip("/")
        # an object there knows about keys, endpoints, forks and pickles
        self._store = ObstoreStore(
            f"{self.url}/_", storage_options=storage_options, network=network
        )
        self._prefix = urlsplit(self.url).path.strip("/")

    def __repr__(self) -> str:
        return f"BucketFolder({self.url!r})"

    def entries(self, below: str) -> Mapping[str, Entry]:
        """As of `Folder`; one request per thousand files."""
        return loop.run(self._try(lambda: self._entries(f"{self._prefix}/{below}/".lstrip("/"))))

    async def _entries(self, prefix: str) -> dict[str, Entry]:
        import obstore

        async with self._told(prefix):
            found = await obstore.list_with_delimiter_async(self._client(), prefix)
        return {
            one["path"].rpartition("/")[2]: Entry(one["size"], one["last_modified"].timestamp())
            for one in found["objects"]
        }

    def read(self, name: str) -> bytes:
        """As of `Folder`."""
        return loop.run(self._try(lambda: self._read(name)))

    async def _read(self, name: str) -> bytes:
        import obstore

        async with self._told(name):
            result = await obstore.get_async(self._client(), f"{self._prefix}/{name}".lstrip("/"))
            if result.meta["size"] > MOST_FILE:
                raise FetchError(f"The file is larger than {MOST_FILE >> 30} GiB")
            return bytes(await result.buffer_async())

    def write(self, name: str, data: bytes) -> None:
        """As of `Folder`: S3 shows an object when all of it has arrived."""
        loop.run(self._try(lambda: self._write(name, data)))

    async def _write(self, name: str, data: bytes) -> None:
        import obstore

        async with self._told(name):
            path = f"{self._prefix}/{name}".lstrip("/")
            await obstore.put_async(self._client(), path, data, use_multipart=False)

    def remove(self, name: str) -> None:
        """As of `Folder`."""
        loop.run(self._try(lambda: self._remove(name)))

    async def _remove(self, name: str) -> None:
        import obstore

        async with self._told(name):
            await obstore.delete_async(self._client(), f"{self._prefix}/{name}".lstrip("/"))

    async def _try(self, request: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Ask again where the server or the network failed."""
        for pause in PAUSES:
            try:
                return await request()
            except NotFoundError:
                raise
            except FetchError:
                await asyncio.sleep(pause)
        return await request()

    def _client(self) -> S3Store:
        client = self._store.client()
        return cast("S3Store", client)

    @asynccontextmanager
    async def _told(self, name: str) -> AsyncIterator[None]:
        """What obstore raises, in our words and without its text."""
        failure: CryodataError | None = None
        try:
            yield
        except CryodataError as error:
            failure = error
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told in our words
            failure = explain(error)
            error.__traceback__ = None  # obstore keeps its last error, and with it our frames
        if failure is not None:
            raise failure.locate(url=f"{self.url}/{name.removeprefix(self._prefix).lstrip('/')}")
