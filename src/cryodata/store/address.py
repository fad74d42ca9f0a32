"""URLs as they may be shown, without query string, user and password; and as they are written."""

from __future__ import annotations

from urllib.parse import quote, urlsplit, urlunsplit

__all__ = ["percent_coded", "shown"]


def shown(url: str) -> tuple[str, str]:
    """A URL without query, user and password; and its origin (scheme, host and port)."""
    chain, _, last = url.rpartition("::")
    parts = urlsplit(last, allow_fragments=False)
    host = parts.netloc.rpartition("@")[2]
    clean = urlunsplit((parts.scheme, host, parts.path, "", ""))
    return f"{chain}::{clean}" if chain else clean, f"{parts.scheme}://{host}"


def percent_coded(path: str, plain: str) -> str:
    """A path as URLs hold it: all but letters, digits, ``_.-~`` and what is `plain` is coded."""
    return quote(path, safe=plain)
