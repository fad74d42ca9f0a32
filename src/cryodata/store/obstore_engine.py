"""Objects in S3 and on web servers, through obstore."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit
from weakref import WeakValueDictionary

from cryodata.errors import (
    AuthError,
    ConfigurationError,
    CryodataError,
    MissingDependencyError,
    ReaderClosedError,
)
from cryodata.options import Network
from cryodata.store.obstore_errors import explain, is_past_the_end
from cryodata.store.replies import checked, past_the_end, placed
from cryodata.store.s3_options import ENVIRONMENT_NAMES, Settings, s3_settings
from cryodata.store.stay import stay_with
from cryodata.types import Block

if TYPE_CHECKING:
    from obstore.store import HTTPStore, S3Store

__all__ = ["ObstoreStore"]

_CONNECT_TIMEOUT = 5.0
_SILENCE_PER_HEDGE = 2.5
"""Silence on a connection ends it after this many times the hedge delay (5 s by default):
by then the hedge has long been sent, and the retry is due."""

_NO_RETRIES = {"max_retries": 0, "retry_timeout": timedelta(0)}

_SECRETS = (*ENVIRONMENT_NAMES, "credential_provider", "default_headers", "client_options")

_users: set[int] = set()
"""This process, once it used obstore, or its parent that did. The Rust threads do not survive a
fork, and a request in a child would wait for them for ever (developmentseed/obstore#441)."""


class ObstoreStore:
    """One object at ``s3://bucket/key`` or ``http(s)://host/path``.

    Pickles hold neither keys nor headers nor the query string of the URL. A store that
    had any asks for them where it is unpickled: keys of S3 in the environment
    (``AWS_ACCESS_KEY_ID``, ``AWS_SECRET_ACCESS_KEY``, ``AWS_SESSION_TOKEN``); the others
    cannot be had there, and reading raises `AuthError`.

    Parameters
    ----------
    url : str
        A query string is sent as it is and shown nowhere.
    storage_options : mapping, optional
        For S3 see `s3_settings`. For web servers ``headers`` (or ``client_kwargs``
        with ``headers``) and ``client_options``.
    network : Network, optional
        Time-outs follow from ``hedge`` and ``timeout``.

    Raises
    ------
    ConfigurationError
        A URL or option that this engine cannot use.
    MissingDependencyError
        obstore is not installed.
    """

    __slots__ = (
        "_client",
        "_network",
        "_path",
        "_query",
        "_settings",
        "_withheld",
        "origin",
        "url",
    )

    def __init__(
        self,
        url: str,
        *,
        storage_options: Mapping[str, Any] | None = None,
        network: Network | None = None,
    ) -> None:
        _require_obstore()
        parts = urlsplit(url, allow_fragments=False)
        options = storage_options or {}
        if parts.username or parts.password:
            raise ConfigurationError(
                "a URL with user or password ends up in logs",
                fix='Pass storage_options={"headers": {"Authorization": ...}} instead.',
            )
        if parts.scheme in ("s3", "s3a"):
            place = url.partition("://")[2]
            self.url, self._query, self._path = f"s3://{place}", "", place.partition("/")[2]
            self._settings = s3_settings(options)
            self.origin = self._settings.get("endpoint", f"s3://{parts.netloc}")
        else:
            self.url = urlunsplit((parts.scheme, parts.netloc, parts.path, "", ""))
            self._query, self._path = parts.query, ""
            self._settings = _http_settings(options)
            self.origin = f"{parts.scheme}://{parts.netloc}"
        if not parts.netloc or not parts.path.strip("/"):
            raise ConfigurationError("the URL names no object", url=self.url)
        self._network = network or Network()
        self._withheld: tuple[str, ...] = ()
        self._client: _Client | None = None

    def __repr__(self) -> str:
        return f"ObstoreStore({self.url!r})"

    def __copy__(self) -> ObstoreStore:
        return self

    def __deepcopy__(self, memo: object) -> ObstoreStore:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        plain = {k: v for k, v in self._settings.items() if k not in _SECRETS}
        withheld = {*self._withheld, *(k for k in self._settings if k in _SECRETS)}
        if self._query:
            withheld.add("query string")
        return _rebuild, (self.url, plain, self._network, tuple(sorted(withheld)))

    async def get(self, start: int, stop: int, *, etag: str = "") -> Block:
        """Bytes ``start <= i < stop``, cut at the end of the object; see `Store.get`."""
        with placed(self.url, start, stop):
            return await self._get(start, stop, etag)

    async def tail(self, nbytes: int) -> Block:
        """The last `nbytes` of the object, whatever its size; see `Tailed.tail`."""
        with placed(self.url, -nbytes, 0):
            return await self._get(-nbytes, 0, "")

    async def _get(self, start: int, stop: int, etag: str) -> Block:
        """As `get`; a negative `start` counts from the end, whose place the reply tells."""
        import obstore

        suffix = {"suffix": -start} if start < 0 else None
        options: dict[str, Any] = {"range": suffix or (start, stop)}
        if etag and not etag.startswith("W/"):  # a weak tag never matches (RFC 9110, 13.1.1)
            options["if_match"] = etag
        failure: CryodataError | None
        try:
            result = await obstore.get_async(self.client(), self._path, options=options)  # type: ignore[arg-type]
            data = memoryview(await result.buffer_async())
            got, meta = result.range, result.meta
        except CryodataError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told in our words
            failure = None if is_past_the_end(error) else explain(error)
            error.__traceback__ = None  # obstore keeps its last error, and with it our frames
        else:
            size, found = meta["size"], meta["e_tag"] or ""
            if suffix:
                start, stop = max(0, size + start), size
            return checked(data, got, size, found, start, stop, etag)
        # Raised out here, so that it does not carry obstore's text (url, query) along.
        if failure is None:
            return past_the_end(start, etag)
        raise failure

    def close(self) -> None:
        """Give the connections back, unless another open store uses them too."""
        self._client = None

    def client(self) -> S3Store | HTTPStore:
        """The client of this process, made at first use."""
        if _users and os.getpid() not in _users:
            raise ReaderClosedError(
                "obstore was used before this process was forked, and cannot be used in it",
                fix='Start workers with the "spawn" or "forkserver" method, or use'
                ' engine="fsspec".',
                url=self.url,
            )
        _users.add(os.getpid())
        if self._client is None:
            self._refuse_without_secrets()
            self._client = _client_for(self.url, self._query, self._settings, self._network)
        return self._client.store

    def _refuse_without_secrets(self) -> None:
        missing = [
            name
            for name in self._withheld
            if not (name in (*ENVIRONMENT_NAMES, "credential_provider") and _environment_has_keys())
        ]
        if missing:
            keys = any(name in (*ENVIRONMENT_NAMES, "credential_provider") for name in missing)
            raise AuthError(
                f"secrets do not travel in pickles; missing here: {', '.join(missing)}",
                fix=f"Set {', '.join(ENVIRONMENT_NAMES.values())} in the worker's environment."
                if keys
                else "Open the URL in the worker.",
                url=self.url,
            )


def _require_obstore() -> None:
    try:
        import obstore  # noqa: F401
    except ImportError as error:
        raise MissingDependencyError(
            "obstore is not installed", fix='pip install "cryodata-earth", or use engine="fsspec".'
        ) from error


def _environment_has_keys() -> bool:
    return all(os.environ.get(name) for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"))


def _rebuild(
    url: str, settings: dict[str, Any], network: Network, withheld: tuple[str, ...]
) -> ObstoreStore:
    store = ObstoreStore(url, network=network)
    store._settings = Settings(settings)
    store.origin = settings.get("endpoint", store.origin)
    store._withheld = withheld
    return store


def _http_settings(options: Mapping[str, Any]) -> Settings:
    """`options` of fsspec's HTTP file system, as far as they concern requests."""
    found = Settings()
    given = dict(options)
    inner = dict(given.pop("client_kwargs", None) or {})
    for place, name in ((given, "headers"), (inner, "headers"), (given, "client_options")):
        if (value := place.pop(name, None)) is not None:
            found["default_headers" if name == "headers" else name] = dict(value)
    unknown = [repr(name) for name in given] + [f"client_kwargs[{name!r}]" for name in inner]
    if unknown:
        raise ConfigurationError(
            f"storage option {', '.join(unknown)} means nothing to the obstore engine",
            fix='Use engine="fsspec", or one of: headers, client_options.',
        )
    return found


class _Client:
    """An obstore client, shared by all stores of one bucket and one set of keys."""

    __slots__ = ("__weakref__", "store")

    def __init__(self, store: S3Store | HTTPStore) -> None:
        self.store = store


_clients: WeakValueDictionary[Any, _Client] = WeakValueDictionary()
"""Weak: when the last store of a bucket is closed, its connections go too."""


def _client_for(url: str, query: str, settings: Settings, network: Network) -> _Client:
    from obstore.store import HTTPStore, S3Store

    own = Settings(settings)
    client_options = {
        **(stay_with(_host(own)) if "access_key_id" in own else {}),
        "allow_http": url.startswith("http:") or str(own.get("endpoint", "")).startswith("http:"),
        "connect_timeout": timedelta(seconds=_CONNECT_TIMEOUT),
        "read_timeout": timedelta(seconds=_SILENCE_PER_HEDGE * network.hedge),
        "timeout": timedelta(seconds=network.timeout),
        **own.pop("client_options", {}),
    }
    # The layer above retries: it knows the deadline, and counts.
    common: dict[str, Any] = {"client_options": client_options, "retry_config": _NO_RETRIES}
    if not url.startswith("s3:"):
        if headers := own.pop("default_headers", None):
            client_options["default_headers"] = headers
        # The URL is the whole address, and the path in it empty: nothing is encoded anew.
        return _Client(HTTPStore(f"{url}?{query}" if query else url, **common))
    bucket = urlsplit(url).netloc
    key = (bucket, repr(sorted(own.items())), repr(sorted(client_options.items())))
    client = _clients.get(key)
    if client is None:
        client = _clients[key] = _Client(S3Store(bucket, **common, **own))
    return client


def _host(settings: Settings) -> str:
    """Where the requests for a bucket go; below it, where the bucket is part of the name."""
    endpoint = urlsplit(settings.get("endpoint", "")).hostname
    return endpoint or f"s3.{settings['region']}.amazonaws.com"
