"""Objects in any file system of fsspec, and files that were opened with one."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from cryodata.errors import (
    AuthError,
    ConfigurationError,
    CryodataError,
    MissingDependencyError,
)
from cryodata.options import Network
from cryodata.store.address import shown
from cryodata.store.fsspec_errors import explain, status_of
from cryodata.store.fsspec_private import private_http, private_s3, session_that_stays
from cryodata.store.fsspec_readers import Reader, reader_for
from cryodata.store.replies import past_the_end, placed
from cryodata.types import Block

__all__ = ["FsspecStore"]

_SILENCE_PER_HEDGE = 2.5
_PLAIN = {"anon", "encoded", "endpoint_url", "requester_pays", "use_ssl"}
_PLAIN_CLIENT = {"endpoint_url", "region_name"}
"""Options that go into pickles; of all others only the names do."""


class FsspecStore:
    """One object, through a file system of fsspec.

    What is checked of each reply depends on the file system: see
    `cryodata.store.fsspec_readers`. In a child of fork the file system is made anew.
    Pickles hold the options that are known to be no secrets; where others were given,
    reading after unpickling needs keys of S3 in the environment, or raises `AuthError`.

    Parameters
    ----------
    fs : fsspec.AbstractFileSystem
        Synchronous or asynchronous.
    path : str
        Of the object, as `fs` calls it.
    url : str
        The same to be shown; query string, user and password are cut off.
    network : Network, optional
        Time-outs follow from ``hedge``.
    """

    __slots__ = ("_fs", "_network", "_path", "_pid", "_reader", "_withheld", "origin", "url")

    def __init__(self, fs: Any, path: str, url: str, *, network: Network | None = None) -> None:
        self.url, self.origin = shown(url)
        self._fs, self._path = fs, path
        self._network = network or Network()
        self._withheld: tuple[str, ...] = ()
        self._pid = os.getpid()
        self._reader: Reader | None = None

    @classmethod
    def from_url(
        cls, url: str, storage_options: Mapping[str, Any], *, network: Network | None = None
    ) -> FsspecStore:
        """The store for any URL or chain of URLs that fsspec understands.

        Raises
        ------
        ConfigurationError
            No such scheme, or options it does not take.
        MissingDependencyError
            The package that brings the scheme is not installed.
        """
        from fsspec.core import url_to_fs

        network = network or Network()
        options = dict(storage_options)
        if urlsplit(url).scheme in ("s3", "s3a") and "::" not in url:
            options.setdefault("config_kwargs", _s3_client(network))
        failure: CryodataError
        try:
            fs, path = url_to_fs(url, **options)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told in our words
            failure = _no_file_system(error, urlsplit(url).scheme)
        else:
            return cls(fs, path, url, network=network)
        raise failure.locate(url=shown(url)[0])

    @classmethod
    def private(
        cls, url: str, storage_options: Mapping[str, Any], *, network: Network | None = None
    ) -> FsspecStore:
        """The store for an object of S3 with keys, or for a signed link.

        See `cryodata.store.fsspec_private` for how it keeps them to itself.
        """
        network = network or Network()
        if urlsplit(url).scheme in ("s3", "s3a"):
            options = {"config_kwargs": _s3_client(network), **storage_options}
            return cls(private_s3(options), url, url, network=network)
        return cls(private_http(url), url, url, network=network)

    @classmethod
    def from_file(cls, file: Any, *, network: Network | None = None) -> FsspecStore:
        """The store for an open file of fsspec, s3fs or earthaccess: its file system and path.

        The file itself is neither read nor moved.

        Raises
        ------
        ConfigurationError
            Not a file of fsspec.
        """
        fs, path = getattr(file, "fs", None), getattr(file, "path", None)
        if fs is None or not isinstance(path, str):
            raise ConfigurationError(
                f"a {type(file).__name__} cannot be read by ranges",
                fix="Give a path, a URL, or a file opened with fsspec, s3fs or earthaccess.",
            )
        return cls(fs, path, fs.unstrip_protocol(path), network=network)

    def __repr__(self) -> str:
        return f"FsspecStore({self.url!r})"

    def __copy__(self) -> FsspecStore:
        return self

    def __deepcopy__(self, memo: object) -> FsspecStore:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        plain, withheld = _plain_options(self._fs)
        if "?" in self._path and self.url.startswith("http"):
            withheld.append("query string")
        names = tuple(sorted({*withheld, *self._withheld}))
        path = self._path.partition("?")[0] if self.url.startswith("http") else self._path
        return _rebuild, (type(self._fs), plain, path, self.url, self._network, names)

    async def get(self, start: int, stop: int, *, etag: str = "") -> Block:
        """Bytes ``start <= i < stop``, cut at the end of the object; see `Store.get`."""
        with placed(self.url, start, stop):
            failure: CryodataError
            try:
                return await self._usable().read(start, stop, etag)
            except CryodataError as error:
                failure = error
            except Exception as error:  # noqa: BLE001 - whatever it is, it is told in our words
                if status_of(error)[0] == 416 or "InvalidRange" in status_of(error)[1]:
                    return past_the_end(start, etag)
                failure = explain(error)
            # Without the frames below, where requests lie with all their headers and queries.
            raise failure.with_traceback(None)

    async def tail(self, nbytes: int) -> Block:
        """The last `nbytes` of the object, whatever its size; see `Tailed.tail`."""
        return await self.get(-nbytes, 0)

    def close(self) -> None:
        """Nothing is closed: file systems are shared with the rest of the program."""
        self._reader = None

    def _usable(self) -> Reader:
        """The reader of this process."""
        if self._reader is None or self._pid != os.getpid():
            self._refuse_without_secrets()
            if self._pid != os.getpid() or getattr(self._fs, "asynchronous", False):
                # Its connections belong to the parent's loop, or to one we may not block.
                options = {**self._fs.storage_options, "asynchronous": False}
                if not self._fs.async_impl:
                    del options["asynchronous"]
                self._fs = type(self._fs)(*self._fs.storage_args, **options)
                self._pid = os.getpid()
            silence = _SILENCE_PER_HEDGE * self._network.hedge
            self._reader = reader_for(self._fs, self._path, silence)
        return self._reader

    def _refuse_without_secrets(self) -> None:
        s3 = self.url.startswith("s3:")
        keys = os.environ.get("AWS_ACCESS_KEY_ID") and os.environ.get("AWS_SECRET_ACCESS_KEY")
        if self._withheld and not (s3 and keys):
            raise AuthError(
                f"secrets do not travel in pickles; missing here: {', '.join(self._withheld)}",
                fix="Set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN in the"
                " worker's environment."
                if s3
                else "Open the object in the worker.",
            )


def _rebuild(
    make: type[Any],
    options: dict[str, Any],
    path: str,
    url: str,
    network: Network,
    withheld: tuple[str, ...],
) -> FsspecStore:
    if "S3FileSystem" in {cls.__name__ for cls in make.__mro__}:
        options = {**options, "config_kwargs": _s3_client(network)}
    store = FsspecStore(make(**options), path, url, network=network)
    store._withheld = withheld
    return store


def _s3_client(network: Network) -> dict[str, Any]:
    """Settings of botocore: as many connections as requests; no redirects, and no retries."""
    silence = _SILENCE_PER_HEDGE * network.hedge
    return {
        "max_pool_connections": network.in_flight,
        "connect_timeout": silence,
        "http_session_cls": session_that_stays(),
        "read_timeout": silence,
        "retries": {"max_attempts": 0},
    }


def _plain_options(fs: Any) -> tuple[dict[str, Any], list[str]]:
    """The options of a file system that may travel, and the names of those that may not."""
    plain: dict[str, Any] = {}
    withheld: list[str] = ["positional arguments"] if fs.storage_args else []
    for name, value in fs.storage_options.items():
        if name == "client_kwargs":
            plain[name] = {k: v for k, v in value.items() if k in _PLAIN_CLIENT}
            withheld += [f"client_kwargs[{k!r}]" for k in value if k not in _PLAIN_CLIENT]
        elif name in _PLAIN:
            plain[name] = value
        elif name not in ("asynchronous", "config_kwargs", "loop", "skip_instance_cache"):
            withheld.append(name)
    return plain, withheld


def _no_file_system(error: Exception, scheme: str) -> CryodataError:
    if isinstance(error, ImportError):
        extra = "s3fs" if scheme in ("s3", "s3a", "http", "https") else ""
        return MissingDependencyError(
            f"the package that reads {scheme}:// is not installed",
            fix=f'pip install "cryodata-earth[{extra}]"' if extra else "See fsspec for its name.",
        )
    return ConfigurationError(
        f"fsspec cannot open {scheme}:// with these options ({type(error).__name__})",
        fix="Check the URL and storage_options.",
    )
