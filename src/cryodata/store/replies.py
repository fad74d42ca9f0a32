"""What a server's reply means: a status as an error, a range as a checked block.

Nothing here knows the URL, so nothing here can leak it; the stores add it in its
printable form.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from cryodata.errors import (
    AuthError,
    ClockSkewError,
    ConfigurationError,
    CredentialsExpiredError,
    CryodataError,
    FetchError,
    GranuleChangedError,
    NotFoundError,
    ThrottledError,
    TruncatedError,
    WrongRangeError,
)
from cryodata.types import Block, ByteRange

__all__ = [
    "by_status",
    "changed",
    "checked",
    "confirm",
    "content_range",
    "elsewhere",
    "moved",
    "no_keys",
    "past_the_end",
    "placed",
    "s3_code",
]

_RENEW = {"ExpiredToken", "InvalidToken", "TokenRefreshRequired", "InvalidAccessKeyId"}
_ELSEWHERE = {"AuthorizationHeaderMalformed", "PermanentRedirect", "IllegalLocationConstraint"}
_CODE = re.compile(r"<Code>([A-Za-z][A-Za-z0-9.]{0,63})</Code>")
_CONTENT_RANGE = re.compile(r"bytes (\d{1,19})-(\d{1,19})/(\d{1,19})")


def s3_code(text: str) -> str:
    """The ``<Code>`` of S3's error document; empty where `text` holds none."""
    found = _CODE.search(text)
    return found[1] if found else ""


def by_status(status: int, code: str = "") -> CryodataError:
    """The error for a status that is not a success.

    Parameters
    ----------
    status : int
        HTTP status.
    code : str
        The ``<Code>`` of S3's error document, where there is one.
    """
    shown = f"HTTP {status} {code}".strip()
    if code in _ELSEWHERE or status == 301:
        return elsewhere(shown)
    if 300 <= status < 400:
        return moved(shown)
    if code in _RENEW or code == "RequestTimeTooSkewed" or status in (401, 403):
        return _refused(shown, code)
    if status == 412 or code == "PreconditionFailed":
        return changed()
    if status in (429, 503) or code == "SlowDown":
        return ThrottledError(f"the server asks to slow down ({shown})")
    if status in (404, 410):
        return NotFoundError(
            f"there is no such object ({shown})", fix="Check the URL for typing errors."
        )
    if status == 200:
        return WrongRangeError("the server sends the whole object when asked for a range")
    if status >= 500 or status == 408 or code == "RequestTimeout":
        return FetchError(f"the server failed ({shown})")
    return ConfigurationError(f"the server does not take the request ({shown})")


def elsewhere(shown: str) -> CryodataError:
    """The bucket is not at this endpoint."""
    return ConfigurationError(
        f"the bucket is in another region or behind another endpoint ({shown})",
        fix='Give storage_options={"client_kwargs": {"region_name": ..., "endpoint_url": ...}}.',
    )


def moved(shown: str) -> CryodataError:
    """The server names another address, which is not asked."""
    return AuthError(
        f"the server sends the request to another address, which is not told any keys ({shown})",
        fix="Open it again; if it happens again, tell the data centre.",
    )


def _refused(shown: str, code: str) -> CryodataError:
    what = f"the server refused access ({shown})"
    if code in _RENEW:
        return CredentialsExpiredError(
            what, fix="The keys have expired or are unknown: get new ones."
        )
    if code == "RequestTimeTooSkewed":
        return ClockSkewError(what, fix="The clock of this machine is wrong: set it.")
    if code == "SignatureDoesNotMatch":
        return AuthError(what, fix="The secret does not belong to the key: check both.")
    return AuthError(
        what,
        fix="Ask for access, or give keys. NASA's buckets answer only inside us-west-2;"
        " after cd.login() cryodata finds the way by itself.",
    )


def no_keys() -> CryodataError:
    """No keys for S3 were found anywhere."""
    return AuthError(
        "there are no keys for S3",
        fix='storage_options={"anon": True} for a public bucket; else give key, secret and'
        " token, or set AWS_ACCESS_KEY_ID and its companions.",
    )


def changed() -> CryodataError:
    """The object is not the version that was asked for."""
    return GranuleChangedError(
        "the object is another version than the one indexed", fix="Open it again."
    )


def content_range(header: str) -> tuple[int, int, int]:
    """Start, stop (half-open) and size of the whole object from ``Content-Range``."""
    found = _CONTENT_RANGE.fullmatch(header.strip())
    if not found:
        raise WrongRangeError("the server does not say which bytes it sends")
    first, last, size = (int(number) for number in found.groups())
    return first, last + 1, size


def checked(
    data: memoryview, got: tuple[int, int], size: int, found: str, start: int, stop: int, etag: str
) -> Block:
    """The reply as a block, if it is the one asked for in every respect.

    Parameters
    ----------
    data : memoryview
        The body.
    got : (int, int)
        Range the server says it sends, half-open.
    size : int
        Bytes of the whole object.
    found : str
        Its entity tag; empty where the server gives none.
    start, stop, etag
        As asked for.
    """
    first, last = got
    if etag and found and found != etag:
        raise changed()
    if (first, last) != (start, min(stop, size)):
        raise WrongRangeError(f"the server sent bytes {first}-{last} of {size}")
    if len(data) < last - first:
        raise TruncatedError(f"{len(data)} bytes came of {last - first}")
    if len(data) > last - first:
        raise WrongRangeError(f"{len(data)} bytes came for {last - first}")
    return Block(start, data, size, found)


def past_the_end(start: int, etag: str) -> Block:
    """The reply to a range that begins at or after the end of the object (status 416)."""
    if etag:
        raise GranuleChangedError(
            "the object is shorter than it was when indexed", fix="Open it again."
        )
    if start:
        raise WrongRangeError("the object ends before the range that was asked for")
    return Block(0, memoryview(b""), 0, "")  # only an empty object has no byte 0


def confirm(block: Block, wanted: ByteRange, etag: str, size: int | None) -> None:
    """Refuse any block that is not exactly what was asked for, whoever made it.

    Parameters
    ----------
    block : Block
        From any store.
    wanted : ByteRange
        Half-open; cut at the end of the object where `size` is None.
    etag : str
        Version it must be of; empty takes any.
    size : int or None
        Bytes the whole object must have; None takes any.
    """
    if size is not None and block.size != size:
        raise GranuleChangedError(
            f"the object has {block.size} bytes; it had {size} when it was indexed",
            fix="Open it again.",
        )
    stop = block.start + min(wanted.stop, block.size) - wanted.start
    checked(
        block.data, (block.start, stop), block.size, block.etag, wanted.start, wanted.stop, etag
    )


@contextmanager
def placed(url: str, start: int, stop: int) -> Iterator[None]:
    """Tell every error in this block where it happened."""
    try:
        yield
    except CryodataError as error:
        error.start, error.stop = start, stop
        error.locate(url=url)
        raise
