"""Signed links: leave to read one object for a while, for whoever holds the link."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from urllib.parse import parse_qsl, quote, urlencode

from cryodata.sandbox.earthdata.realm import Realm
from cryodata.sandbox.http import Request
from cryodata.sandbox.s3server import Method

__all__ = ["Links"]

_S3 = ".s3.us-west-2.amazonaws.com"


class Links:
    """Makes links as CloudFront signs them, and tells good ones from bad ones."""

    def __init__(self, realm: Realm) -> None:
        self._realm = realm
        self._key = secrets.token_bytes(32)
        self._pair = "K" + secrets.token_hex(7).upper()
        self._prefix = f"/s3-{secrets.token_hex(16)}/"

    def make(self, method: Method, bucket: str, key: str, user: str) -> str:
        """A link to an object, for one method, good for `Rules.link_life` from now."""
        path = f"{self._prefix}{bucket}{_S3}/{key}"
        expires = str(int(self._realm.now() + self._realm.rules.link_life))
        fields = {
            "A-userid": user,
            "Expires": expires,
            "Signature": self._sign(method, path, user, expires),
            "Key-Pair-Id": self._pair,
        }
        return f"{self._realm.names.cdn}{quote(path)}?{urlencode(fields)}"

    def object_of(self, request: Request) -> tuple[Method, str, str] | None:
        """Method, bucket and key a link is for; None where it is over or never was good."""
        fields = dict(parse_qsl(request.query))
        user, expires = fields.get("A-userid", ""), fields.get("Expires", "")
        signature = self._sign(request.method, request.path, user, expires)
        if not hmac.compare_digest(signature.encode(), fields.get("Signature", "").encode()):
            return None
        if fields.get("Key-Pair-Id") != self._pair or int(expires) <= self._realm.now():
            return None
        bucket, _, key = request.path.removeprefix(self._prefix).partition(f"{_S3}/")
        return ("HEAD" if request.method == "HEAD" else "GET"), bucket, key

    def _sign(self, *said: str) -> str:
        return hmac.new(self._key, "\n".join(said).encode(), hashlib.sha256).hexdigest()
