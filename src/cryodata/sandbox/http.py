"""As much HTTP/1.1 as a wire needs: requests parsed, replies rendered as S3 would."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from email.utils import formatdate
from http import HTTPStatus
from typing import Protocol
from urllib.parse import unquote
from xml.sax.saxutils import escape

__all__ = ["END", "Origin", "Reply", "Request", "bare_reply", "error_reply", "once"]

END = b"\r\n\r\n"
_SECRET = frozenset({"authorization", "x-amz-security-token", "cookie"})
_SECRET_FIELDS = frozenset(
    {
        *("code", "token", "access_token", "signature"),
        *("x-amz-signature", "x-amz-security-token", "x-amz-credential"),
    }
)


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it came.

    Attributes
    ----------
    method, target : str
        Of the request line; `target` is path and query, still percent-encoded.
    headers : dict of str to str
        Names in lower case.
    raw : bytes
        Request line, headers and body, to hand on unchanged (signatures cover them).
    """

    method: str
    target: str
    headers: dict[str, str]
    raw: bytes

    @property
    def path(self) -> str:
        """The path, decoded."""
        return unquote(self.target.partition("?")[0])

    @property
    def query(self) -> str:
        """The query string, still encoded."""
        return self.target.partition("?")[2]

    @property
    def keep_alive(self) -> bool:
        """Whether the client wants to use the connection again."""
        return self.headers.get("connection", "").lower() != "close"

    @property
    def public_headers(self) -> dict[str, str]:
        """Headers fit for a log: the values of secrets are hidden."""
        return {k: "***" if k in _SECRET else v for k, v in self.headers.items()}

    @property
    def public_query(self) -> str:
        """The query string fit for a log: the values of secrets are hidden."""
        return "&".join(_public(pair) for pair in self.query.split("&"))

    @property
    def body(self) -> bytes:
        """What came after the headers."""
        return self.raw.partition(END)[2]

    def without_range(self) -> Request:
        """The same request for the whole object."""
        lines = self.raw.split(b"\r\n")
        kept = [line for line in lines if not line.lower().startswith(b"range:")]
        headers = {k: v for k, v in self.headers.items() if k != "range"}
        return replace(self, headers=headers, raw=b"\r\n".join(kept))

    def with_body(self, body: bytes) -> Request:
        """The same request with its body."""
        return replace(self, raw=self.raw + body) if body else self

    @classmethod
    def parse(cls, head: bytes) -> Request:
        """A request from its head, without the empty line at its end.

        Raises
        ------
        ValueError
            If it is not HTTP.
        """
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, _version = first.split(" ", 2)
        pairs = (line.partition(":") for line in lines)
        headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
        return cls(method, target, headers, head + END)


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply: its head, and its body as it becomes available.

    Attributes
    ----------
    status : int
        HTTP status.
    head : bytes
        Status line and headers, the empty line included.
    length : int or None
        Bytes of body; None where only its end will tell.
    body : async iterator of bytes
        Pieces of any size.
    """

    status: int
    head: bytes
    length: int | None
    body: AsyncIterator[bytes]


class Origin(Protocol):
    """Where replies come from."""

    def answer(self, request: Request) -> AbstractAsyncContextManager[Reply]:
        """Reply to one request; what it holds open is closed when the context ends.

        Raises
        ------
        ConnectionError
            If there is no reply to be had, or, in its body, no more of it.
        """
        ...

    def close(self) -> None:
        """Give connections back; no more requests come."""
        ...


async def once(body: bytes) -> AsyncIterator[bytes]:
    """A body that is there already."""
    if body:
        yield body


def bare_reply(
    status: int,
    headers: dict[str, str],
    body: bytes | AsyncIterator[bytes] = b"",
    *,
    length: int | None = None,
    extra: str = "",
    now: float | None = None,
) -> Reply:
    """A reply with the headers every S3 reply has.

    `length` is announced as Content-Length; it is the size of `body` where that is bytes,
    unless given (HEAD announces a body and sends none). `extra` are header lines as they
    are, each ended by CR LF. `now` is what the server takes for the time, s since 1970;
    None for the time.
    """
    announced = len(body) if isinstance(body, bytes) and length is None else length
    lines = [
        f"HTTP/1.1 {status} {_phrase(status)}",
        f"Content-Length: {announced}",
        f"Date: {formatdate(now, usegmt=True)}",
        "x-amz-request-id: SANDBOX",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    head = ("\r\n".join(lines) + "\r\n" + extra + "\r\n").encode("latin-1")
    if isinstance(body, bytes):
        return Reply(status, head, len(body), once(body))
    return Reply(status, head, announced, body)


def error_reply(
    status: int, code: str, message: str = "", *, method: str = "GET", extra: str = ""
) -> Reply:
    """An S3 error: XML with `code` and `message`, no body where `method` is HEAD."""
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{code}</Code><Message>{escape(message)}</Message>"
        "<RequestId>SANDBOX</RequestId></Error>"
    ).encode()
    body = b"" if method == "HEAD" else text
    headers = {"Content-Type": "application/xml"}
    return bare_reply(status, headers, body, length=len(text), extra=extra)


def _public(pair: str) -> str:
    name, equals, _ = pair.partition("=")
    return f"{name}=***" if equals and unquote(name).lower() in _SECRET_FIELDS else pair


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"
