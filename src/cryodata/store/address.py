"""A URL as it may be shown: without query string, user and password."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

__all__ = ["shown"]


def shown(url: str) -> tuple[str, str]:
    """A URL without query, user and password; and its origin (scheme, host and port)."""
    chain, _, last = url.rpartition("::")
    parts = urlsplit(last, allow_fragments=False)
    host = parts.netloc.rpartition("@")[2]
    clean = urlunsplit((parts.scheme, host, parts.path, "", ""))
    return f"{chain}::{clean}" if chain else clean, f"{parts.scheme}://{host}"
