"""Places that references may point to: only those that the caller names.

References come from others. Without a limit they could have this machine read its own files, or
ask services that only it can reach, and give the answers out as data.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from cryodata.errors import ConfigurationError, UnsafeReferenceError

__all__ = ["Allowed", "is_plain"]

LONGEST = 4096
"""Characters of a URL, at most."""
_URL = re.compile(r"(?P<scheme>s3|https?|file)://(?P<host>[A-Za-z0-9.\-\[\]:]*)(?P<path>/.*)?")
_PLAIN = re.compile(r"[!-~]+")
"""Visible ASCII: nothing that one reader takes for something else than another."""
_CODED = re.compile(r"%(?:2e|2f|5c|00)", re.IGNORECASE)
"""Dots and slashes that are only seen after decoding."""


@dataclass(frozen=True, slots=True)
class Allowed:
    """Prefixes of URLs.

    Attributes
    ----------
    places : tuple of (str, str, str)
        Scheme, host with port, and path that ends in a slash.
    """

    places: tuple[tuple[str, str, str], ...]

    @classmethod
    def of(cls, prefixes: str | os.PathLike[str] | Iterable[str | os.PathLike[str]]) -> Self:
        """What a caller names.

        Parameters
        ----------
        prefixes : str, path-like, or several
            ``s3://bucket``, ``s3://bucket/folder``, ``https://host/folder``, or a folder of this
            machine. Everything below one is allowed, and nothing else; ``http://``, ports,
            numeric addresses and folders where they are named.

        Raises
        ------
        ConfigurationError
            One of them is no such prefix.
        """
        several = [prefixes] if isinstance(prefixes, str | os.PathLike) else prefixes
        return cls(tuple(_place(os.fspath(prefix)) for prefix in several))

    def check(self, url: str) -> str:
        """The URL, or the path of the local file, if it lies below an allowed prefix.

        Raises
        ------
        UnsafeReferenceError
            It does not, or it is written in a way that readers disagree about.
        """
        scheme, host, path = _split(url)
        end, linked = url, ""
        if scheme == "file":  # links on the way may lead elsewhere
            end = str(Path(path).resolve())
            linked = "" if end == path else f", a link to {_shown(end)}"
            path = end
        for kind, name, below in self.places:
            if (scheme, host) == (kind, name) and path.startswith(below):
                return path if scheme == "file" else url
        raise UnsafeReferenceError(
            f"References point to {_shown(url)}{linked}, which is not allowed",
            fix=f"If you trust them: allow={_shown(end.rpartition('/')[0])!r}, which "
            "cryodata.references.open takes, and the others that open references.",
        )


def is_plain(url: str) -> bool:
    """Whether something is a URL of S3 or the web that all readers take for the same."""
    try:
        return _split(url)[0] in {"s3", "http", "https"}
    except UnsafeReferenceError:
        return False


def _place(prefix: str) -> tuple[str, str, str]:
    try:
        scheme, host, path = _split(prefix if "://" in prefix else str(Path(prefix).resolve()))
    except UnsafeReferenceError as error:
        raise ConfigurationError(
            f"{_shown(prefix)!r} is no place that can be allowed: {error.what}",
            fix="Name a bucket (s3://bucket), a host (https://host) or a folder.",
        ) from None
    if scheme == "file":
        path = str(Path(path).resolve())
    return scheme, host, path.rstrip("/") + "/"


def _split(url: Any) -> tuple[str, str, str]:
    """Scheme, host with port, and path; raises where readers may disagree about them."""
    if not isinstance(url, str) or len(url) > LONGEST or not url:
        raise UnsafeReferenceError("A reference has no URL, or an endless one")
    local = url.startswith("/") and not url.startswith("//")
    if not local and not _PLAIN.fullmatch(url):
        raise UnsafeReferenceError("A URL in references has blanks or odd characters in it")
    found = _URL.fullmatch(f"file://{url}" if local else url)
    if found is None or "\\" in url or "\0" in url or "::" in url:
        raise UnsafeReferenceError(
            f"References point to {_shown(url)}, which is neither s3://, https:// nor a local path"
        )
    path = found["path"] or "/"
    if not local and ("?" in path or "#" in path):
        raise UnsafeReferenceError(f"References point to {_shown(url)}, with a query behind it")
    if {".", ".."} & set(path.split("/")) or _CODED.search(path) or "//" in path:
        raise UnsafeReferenceError(f"References point to {_shown(url)}, by a winding path")
    scheme, host = found["scheme"], found["host"].lower()
    if (scheme == "file") != (not host):
        raise UnsafeReferenceError(f"References point to {_shown(url)}, which names no host")
    return scheme, host, path


def _shown(url: object) -> str:
    """Short, and without what might be a secret: user, password and query."""
    text = str(url)[:120].partition("?")[0].partition("#")[0]
    scheme, there, rest = text.partition("://")
    host, slash, path = rest.partition("/")
    return ascii(f"{scheme}://{host.rpartition('@')[2]}{slash}{path}" if there else text)[1:-1]
