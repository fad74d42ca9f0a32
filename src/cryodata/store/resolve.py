"""What a user names, as a `Store`: the one place that looks at schemes and engines."""

from __future__ import annotations

import re
from collections.abc import Mapping
from os import PathLike, fspath
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from cryodata.errors import ConfigurationError
from cryodata.options import Network, Options
from cryodata.store.base import Store
from cryodata.store.local import LocalStore

__all__ = ["ENGINES", "open_store"]

ENGINES = ("auto", "obstore", "fsspec")
_SCHEME = re.compile(r"^([A-Za-z][A-Za-z0-9+.\-]+)(?:://|::)")
_OBSTORE_SCHEMES = ("s3", "s3a", "http", "https")


def open_store(
    what: Any,
    *,
    storage_options: Mapping[str, Any] | None = None,
    engine: str = "auto",
    options: Options | None = None,
) -> Store:
    """The store that reads `what`. Nothing is asked of any server yet.

    Parameters
    ----------
    what : str, path-like or open fsspec file
        A path, ``file://``, ``s3://``, ``http(s)://``, any other URL that fsspec knows
        (``gs://``, ``memory://``, ``simplecache::s3://``), or a file that was opened
        with fsspec, s3fs or earthaccess.
    storage_options : mapping, optional
        As for s3fs, obstore or the fsspec file system concerned. Not for local paths
        and open files.
    engine : {"auto", "obstore", "fsspec"}
        "auto" takes obstore for S3 and HTTP, and fsspec for what only fsspec knows.
    options : Options, optional
        Its `network` sets the time-outs of the engine.

    Raises
    ------
    ConfigurationError
        Not something that can be read, or not by this engine.
    MissingDependencyError
        The engine, or the fsspec file system of this scheme, is not installed.
    """
    if engine not in ENGINES:
        raise ConfigurationError(
            f"there is no engine {engine!r}", fix=f"There are: {', '.join(ENGINES)}."
        )
    network = options.network if options else Network()
    if not isinstance(what, str | PathLike):
        return _from_file(what, storage_options, network)
    name = fspath(what)
    if not isinstance(name, str) or not name:
        raise ConfigurationError("the name is empty, or made of bytes", fix="Give a str.")
    scheme = _scheme(name)
    if scheme in _OBSTORE_SCHEMES and engine != "fsspec" and "::" not in name:
        from cryodata.store.obstore_engine import ObstoreStore

        return ObstoreStore(name, storage_options=storage_options, network=network)
    if engine == "obstore":
        raise ConfigurationError(
            f"the obstore engine reads {', '.join(s + '://' for s in _OBSTORE_SCHEMES)}",
            fix='Leave engine out, or use engine="fsspec".',
        )
    if scheme in ("", "file") and engine != "fsspec":
        if storage_options:
            raise ConfigurationError("a local path takes no storage_options", fix="Leave them out.")
        return LocalStore(url2pathname(urlsplit(name).path) if scheme else name)
    from cryodata.store.fsspec_engine import FsspecStore

    return FsspecStore.from_url(name, storage_options or {}, network=network)


def _scheme(name: str) -> str:
    found = _SCHEME.match(name)
    return found[1].lower() if found else ""


def _from_file(what: Any, storage_options: Mapping[str, Any] | None, network: Network) -> Store:
    from cryodata.store.fsspec_engine import FsspecStore

    if storage_options:
        raise ConfigurationError(
            "an open file brings its own storage options", fix="Leave storage_options out."
        )
    return FsspecStore.from_file(what, network=network)
