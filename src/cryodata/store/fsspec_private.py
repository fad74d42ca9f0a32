"""File systems of fsspec that hold secrets of ours: seen by nobody, and gone in time.

fsspec keeps every file system it makes, with all its options, until the program ends. One
made for keys of an hour must not stay there: it lives as long as a store uses it.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import ssl
from collections.abc import Iterator, Mapping
from functools import cache, partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass
from weakref import WeakValueDictionary

from cryodata.errors import MissingDependencyError
from cryodata.store import quiet

__all__ = ["private_http", "private_s3", "session_that_stays"]

_HOPS = 3
"""Redirects in a row."""

_file_systems: WeakValueDictionary[bytes, Any] = WeakValueDictionary()


def _secrets() -> Iterator[str]:
    """Keys of the file systems in use."""
    for fs in list(_file_systems.values()):
        yield from (secret for secret in (fs.token, fs.secret, fs.key) if secret)


_redact = quiet.Redact(_secrets)


def private_s3(options: Mapping[str, Any]) -> Any:
    """The ``s3fs.S3FileSystem`` that all stores with the same options share.

    Parameters
    ----------
    options : mapping
        As s3fs takes them; keys and session token among them.
    """
    name = hashlib.sha256(repr((os.getpid(), sorted(options.items()))).encode()).digest()
    found = _file_systems.get(name)
    if found is None:
        quiet.install(_redact)
        found = _file_systems[name] = _private_class()(**options)
    return found


@cache
def _private_class() -> type:
    from s3fs import S3FileSystem

    class PrivateS3FileSystem(S3FileSystem):  # type: ignore[misc]  # s3fs has no types
        cachable = False

        @staticmethod
        def close_session(loop: asyncio.AbstractEventLoop, s3: Any) -> None:
            """Close the connections, on the loop they belong to.

            The last store may go in the middle of a task of ours. s3fs would close them on
            the loop it finds running there, where nobody wakes the one that has to.
            """
            running = asyncio._get_running_loop()
            if running is None or running is loop or not loop.is_running():
                S3FileSystem.close_session(loop, s3)
            else:
                asyncio.run_coroutine_threadsafe(s3.__aexit__(None, None, None), loop)

    return PrivateS3FileSystem


@cache
def session_that_stays() -> type:
    """What aiobotocore sends requests with, except that it follows no redirect.

    Its own follows them all, and takes the session token along.

    Raises
    ------
    MissingDependencyError
        s3fs, which brings aiobotocore, is not installed.
    """
    try:
        from aiobotocore.httpsession import AIOHTTPSession
    except ImportError as error:
        raise _missing("s3fs") from error

    class Staying(AIOHTTPSession):  # type: ignore[misc]  # aiobotocore has no types
        async def _get_session(self, proxy_url: str | None) -> Any:
            session = await super()._get_session(proxy_url)
            return SimpleNamespace(request=partial(session.request, allow_redirects=False))

    return Staying


def private_http(url: str) -> Any:
    """The ``HTTPFileSystem`` for a signed link: one connection pool for all granules.

    Goes through the proxy that environment or system name for the URL, as `requests` does.

    A link is sent as it is, and to its own host alone. Where that leads on (CloudFront hands
    readers inside the region to S3) the next host is told the range and nothing else.
    obstore would tell it the whole link, as ``Referer``.

    Raises
    ------
    MissingDependencyError
        aiohttp is not installed.
    """
    try:
        from fsspec.implementations.http import HTTPFileSystem
    except ImportError as error:
        raise _missing("aiohttp") from error
    # It holds no secret, so fsspec may keep it.
    client = _proxied if _proxy_of(url) else _client
    return HTTPFileSystem(get_client=client, encoded=True, max_redirects=_HOPS)


async def _client(*, proxy: str | None = None, **options: Any) -> Any:
    import aiohttp

    jar = aiohttp.DummyCookieJar()
    connector = aiohttp.TCPConnector(ssl=_trusted())
    return aiohttp.ClientSession(cookie_jar=jar, connector=connector, proxy=proxy, **options)


async def _proxied(**options: Any) -> Any:
    return await _client(proxy=_proxy_of("https://") or None, **options)


def _proxy_of(url: str) -> str:
    """The proxy for a URL; empty where there is none."""
    parts, proxies = urlsplit(url), getproxies()
    if parts.hostname and proxy_bypass(parts.hostname):
        return ""
    return proxies.get(parts.scheme) or proxies.get("all", "")


def _trusted() -> ssl.SSLContext | bool:
    """Whom to trust: as `requests`, with which the user logs in, or as Python does."""
    bundle = os.environ.get("REQUESTS_CA_BUNDLE", "")
    return ssl.create_default_context(cafile=bundle) if Path(bundle).is_file() else True


def _missing(package: str) -> MissingDependencyError:
    return MissingDependencyError(
        f"{package} is not installed", fix='pip install "cryodata-earth[s3fs]".'
    )
