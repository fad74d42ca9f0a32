"""How bytes come out of a file system of fsspec: three ways, by what can be checked.

============  ==========================  ================================================
file system   version                     range
============  ==========================  ================================================
s3fs          ``If-Match`` on every GET   status, Content-Range, length, size, ETag of
                                          every reply
HTTP          ``If-Match`` on every GET   the same
any other     ``info`` at most one        length only; a file system that returns other
              second old                  bytes of the right length is believed
============  ==========================  ================================================

The first two go past ``cat_file``, which accepts a shifted range and reads the whole
object where a server ignores the range.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Mapping
from typing import Any, Protocol, TypeVar

from cryodata.errors import FetchError, ThrottledError
from cryodata.store.fsspec_errors import retry_after
from cryodata.store.replies import by_status, changed, checked, content_range, past_the_end, s3_code
from cryodata.types import Block

__all__ = ["Reader", "reader_for"]

T = TypeVar("T")

_ERROR_READ = 4096
_INFO_LASTS = 1.0
_TAGS = ("ETag", "etag", "e_tag", "md5Hash", "md5", "content_md5", "Content-MD5", "checksum")
_TIMES = (
    "mtime",
    "LastModified",
    "last_modified",
    "Last-Modified",
    "modified",
    "updated",
    "created",
)


class Reader(Protocol):
    """One object of one file system."""

    async def read(self, start: int, stop: int, etag: str) -> Block:
        """As `Store.get`; errors of the file system pass through.

        A negative `start` counts from the end, up to which it reads.
        """
        ...


def reader_for(fs: Any, path: str, silence: float) -> Reader:
    """The reader that checks most for this file system.

    Parameters
    ----------
    fs : fsspec.AbstractFileSystem
        Usable in this process.
    path : str
        Of the object, as `fs` calls it.
    silence : float
        Seconds without a byte after which a connection of ours is given up.
    """
    names = {cls.__name__ for cls in type(fs).__mro__}
    if "S3FileSystem" in names:
        return _S3Reader(fs, path)
    if "HTTPFileSystem" in names:
        return _HttpReader(fs, path, silence)
    return _AnyReader(fs, path)


async def _on(fs: Any, coroutine: Coroutine[Any, Any, T]) -> T:
    """Await a coroutine on the loop that the connections of `fs` belong to.

    Its error comes over as a value. Raised there after nobody waits for it any more, as of
    a hedge that lost, asyncio would log it, with the request and all its headers.
    """

    async def outcome() -> T | _Failed:
        try:
            return await coroutine
        except Exception as error:  # noqa: BLE001 - raised again below
            return _Failed(error)

    found = await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(outcome(), fs.loop))
    if isinstance(found, _Failed):
        raise found.error
    return found


class _Failed:
    """An error on its way from loop to loop; prints nothing of it."""

    __slots__ = ("error",)

    def __init__(self, error: Exception) -> None:
        self.error = error


def _located(start: int, stop: int, size: int) -> tuple[int, int]:
    """A range that may count from the end, as one that does not."""
    return (max(0, size + start), size) if start < 0 else (start, stop)


def _conditions(start: int, stop: int, etag: str) -> dict[str, str]:
    found = {"Range": f"bytes={start}-{stop - 1}" if start >= 0 else f"bytes={start}"}
    if etag and not etag.startswith("W/"):  # a weak tag never matches (RFC 9110, 13.1.1)
        found["If-Match"] = etag
    return found


class _S3Reader:
    def __init__(self, fs: Any, path: str) -> None:
        self._fs = fs
        self._bucket, self._key, self._version = fs.split_path(path)

    async def read(self, start: int, stop: int, etag: str) -> Block:
        return await _on(self._fs, self._read(start, stop, etag))

    async def _read(self, start: int, stop: int, etag: str) -> Block:
        wishes = {
            "Bucket": self._bucket,
            "Key": self._key,
            **({"VersionId": self._version} if self._version else {}),
            **self._fs.req_kw,
            **{name.replace("-", ""): v for name, v in _conditions(start, stop, etag).items()},
        }
        # Past `_call_s3`, which would try five times itself: retries are counted above.
        await self._fs.set_session()
        client = await self._fs.get_s3(self._bucket)
        ask = client.get_object
        reply = await ask(**self._fs._get_s3_method_kwargs(ask, **wishes))
        body = reply["Body"]
        try:
            if "ContentRange" not in reply:
                raise by_status(200)
            first, last, size = content_range(reply["ContentRange"])
            data = memoryview(await body.read())
        finally:
            body.close()
        asked = _located(start, stop, size)
        return checked(data, (first, last), size, reply.get("ETag", ""), *asked, etag)


class _HttpReader:
    def __init__(self, fs: Any, path: str, silence: float) -> None:
        self._fs = fs
        self._path = path
        self._silence = silence

    async def read(self, start: int, stop: int, etag: str) -> Block:
        return await _on(self._fs, self._read(start, stop, etag))

    async def _read(self, start: int, stop: int, etag: str) -> Block:
        import aiohttp

        wishes = dict(self._fs.kwargs)
        wishes["headers"] = {
            **wishes.get("headers", {}),
            **_conditions(start, stop, etag),
            "Accept-Encoding": "identity",
        }
        wishes.setdefault(
            "timeout",
            aiohttp.ClientTimeout(sock_connect=self._silence, sock_read=self._silence),
        )
        session = await self._fs.set_session()
        async with session.get(self._fs.encode_url(self._path), **wishes) as reply:
            if reply.status == 416:
                return past_the_end(start, etag)
            if reply.status != 206:
                # Never read a whole object to throw it away.
                said = await reply.content.read(_ERROR_READ) if reply.status >= 400 else b""
                reply.close()
                raise _refusal(reply.status, said.decode("latin-1"), reply.headers)
            first, last, size = content_range(reply.headers.get("Content-Range", ""))
            data = memoryview(await reply.read())
            found = reply.headers.get("ETag", "")
        return checked(data, (first, last), size, found, *_located(start, stop, size), etag)


def _refusal(status: int, said: str, headers: Mapping[str, str]) -> Exception:
    error = by_status(status, s3_code(said))
    if isinstance(error, ThrottledError):
        error.retry_after = retry_after(headers.get("Retry-After"))
    return error


class _AnyReader:
    """Through ``info`` and ``cat_file``, which every file system has."""

    def __init__(self, fs: Any, path: str) -> None:
        self._fs = fs
        self._path = path
        self._known: tuple[int, str] = (0, "")
        self._asked = float("-inf")

    async def read(self, start: int, stop: int, etag: str) -> Block:
        size, found = await self._version()
        if etag and found != etag:
            raise changed()
        start, stop = _located(start, stop, size)
        if start >= size:
            return past_the_end(start, etag)
        stop = min(stop, size)
        data = memoryview(await self._call("cat_file", start=start, end=stop))
        return checked(data, (start, start + len(data)), size, found, start, stop, etag)

    async def _version(self) -> tuple[int, str]:
        """Size and entity tag, not older than a second."""
        now = time.monotonic()
        if now - self._asked > _INFO_LASTS:
            self._fs.invalidate_cache(self._fs._parent(self._path))
            info = await self._call("info")
            if info.get("size") is None:
                raise FetchError("the file system does not know how large the object is")
            self._known = int(info["size"]), _tag(info)
            self._asked = now
        return self._known

    async def _call(self, name: str, **keywords: Any) -> Any:
        """A method of the file system: on its loop, or in a thread where it has none."""
        if self._fs.async_impl:
            return await _on(self._fs, getattr(self._fs, f"_{name}")(self._path, **keywords))
        return await asyncio.to_thread(getattr(self._fs, name), self._path, **keywords)


def _tag(info: Mapping[str, Any]) -> str:
    """An entity tag: the file system's own, or made of size and time of last change."""
    for name in _TAGS:
        if info.get(name):
            return f'"{str(info[name]).strip(chr(34))}"'
    for name in _TIMES:
        if info.get(name):
            return f'"{int(info["size"]):x}-{info[name]}"'
    return ""
