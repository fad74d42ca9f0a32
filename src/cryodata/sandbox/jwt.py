"""JSON Web Tokens, signed with HMAC-SHA256 (RFC 7519 and 7515)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

__all__ = ["read", "sign", "verified"]

_HEADER = {"typ": "JWT", "alg": "HS256"}


def sign(claims: dict[str, Any], key: bytes) -> str:
    """A token that says `claims`."""
    said = ".".join(_pack(json.dumps(part).encode()) for part in (_HEADER, claims))
    return f"{said}.{_signature(said, key)}"


def read(token: str) -> dict[str, Any] | None:
    """What a token says, whoever signed it; None where it is none."""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        header, claims = (json.loads(_unpack(part)) for part in parts[:2])
    except ValueError:
        return None
    return claims if isinstance(header, dict) and isinstance(claims, dict) else None


def verified(token: str, key: bytes) -> dict[str, Any] | None:
    """What a token says; None where this key did not sign it. Its life is not judged."""
    said, _, signature = token.rpartition(".")
    good = hmac.compare_digest(_signature(said, key).encode(), signature.encode())
    return read(token) if good else None


def _signature(said: str, key: bytes) -> str:
    return _pack(hmac.digest(key, said.encode(), hashlib.sha256))


def _pack(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _unpack(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
