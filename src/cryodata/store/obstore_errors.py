"""obstore's errors in the words of `cryodata.errors`: the one place that knows both.

The messages of obstore hold the whole URL, query string included, and whatever the
server wrote. None of that is passed on: only the status, and the code that S3 gives.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from cryodata.errors import (
    AuthError,
    ConfigurationError,
    CryodataError,
    FetchError,
    FetchTimeoutError,
    GranuleChangedError,
    NotFoundError,
    ThrottledError,
    WrongRangeError,
)

__all__ = ["CLASSES", "explain", "is_past_the_end"]

Explain = Callable[[str], CryodataError]
"""From the text of an error to what it means."""

_STATUS = re.compile(r"status code: (\d{3})\b")
_CODE = re.compile(r"<Code>([A-Za-z][A-Za-z0-9.]{0,63})</Code>")
_METADATA_SERVICE = re.compile(r"169\.254\.(?:169\.254|170\.)|/latest/api/token|/latest/meta-data")
_RENEW = {"ExpiredToken", "InvalidToken", "TokenRefreshRequired", "InvalidAccessKeyId"}
_REGION = {"AuthorizationHeaderMalformed", "PermanentRedirect", "IllegalLocationConstraint"}


def is_past_the_end(error: Exception) -> bool:
    """Whether the server said that the range starts at or after the object's end."""
    return _status(str(error))[0] == 416


def explain(error: Exception) -> CryodataError:
    """What happened and what to do, without url and range, which the caller knows.

    Parameters
    ----------
    error : Exception
        Raised by obstore: one of ``obstore.exceptions`` or a builtin.
    """
    for cls in type(error).__mro__:
        if cls.__name__ in CLASSES:
            return CLASSES[cls.__name__](str(error))
    return FetchError(f"the request failed ({type(error).__name__})")


def _status(text: str) -> tuple[int, str]:
    """HTTP status (0 where there was none) and code of S3 (empty where there was none)."""
    status, code = _STATUS.search(text), _CODE.search(text)
    return int(status[1]) if status else 0, code[1] if code else ""


def _shown(status: int, code: str) -> str:
    return f"HTTP {status} {code}".strip() if status else "no status"


def _refused(text: str) -> CryodataError:
    status, code = _status(text)
    what = f"the server refused access ({_shown(status, code)})"
    if code in _RENEW:
        return AuthError(what, fix="The keys have expired or are unknown: get new ones.")
    if code == "RequestTimeTooSkewed":
        return AuthError(what, fix="The clock of this machine is wrong: set it.")
    if code == "SignatureDoesNotMatch":
        return AuthError(what, fix="The secret does not belong to the key: check both.")
    return AuthError(
        what,
        fix="Ask for access or give keys; NASA's buckets answer only inside us-west-2,"
        " elsewhere use the https URL.",
    )


def _always(cls: type[CryodataError], what: str, fix: str = "") -> Explain:
    """An explanation that needs nothing from the text."""
    return lambda _: cls(what, fix=fix)


_missing = _always(
    NotFoundError, "there is no such object", "Check the URL for typing errors (case counts)."
)
_changed = _always(
    GranuleChangedError, "the object is another version than the one indexed", "Open it again."
)
_bad_name = _always(
    ConfigurationError, "the obstore engine cannot address this name", 'Use engine="fsspec".'
)
_bad_setting = _always(
    ConfigurationError, "a setting that obstore does not take", "Check storage_options."
)
_whole = _always(WrongRangeError, "the server sends the whole object when asked for a range")
_failed = _always(FetchError, "the request failed inside the client")


def _generic(text: str) -> CryodataError:
    """The catch-all of obstore: only its text tells a reset from a wrong region."""
    status, code = _status(text)
    if _METADATA_SERVICE.search(text):
        return AuthError(
            "there are no keys for S3",
            fix='storage_options={"anon": True} for a public bucket; else give key, secret and'
            " token, or set AWS_ACCESS_KEY_ID and its companions.",
        )
    if status:
        return _by_status(text, status, code)
    if "UnexpectedRange" in text or "Received non-partial response" in text:
        return WrongRangeError("the server sends another range than the one asked for")
    if "Received redirect without LOCATION" in text:
        return _wrong_region("a redirect without address")
    if "TimedOut" in text or "kind: Timeout" in text:
        return FetchTimeoutError("the server does not answer, or stopped in the middle")
    if "kind: Connect" in text:
        return FetchError("the server cannot be reached", fix="Check host name and network.")
    if "kind: Interrupted" in text:
        return FetchError("the connection broke in the middle of the answer")
    return FetchError("the request failed; what came back is not an answer of S3 or HTTP")


def _by_status(text: str, status: int, code: str) -> CryodataError:
    shown = _shown(status, code)
    if code in _REGION or status == 301:
        return _wrong_region(shown)
    if code in _RENEW or status in (401, 403):
        return _refused(text)
    if status in (429, 503) or code == "SlowDown":
        return ThrottledError(f"the server asks to slow down ({shown})")
    if status in (404, 410):
        return _missing(text)
    if status >= 500 or status == 408 or code == "RequestTimeout":
        return FetchError(f"the server failed ({shown})")
    return ConfigurationError(f"the server does not take the request ({shown})")


def _wrong_region(shown: str) -> CryodataError:
    return ConfigurationError(
        f"the bucket is in another region or behind another endpoint ({shown})",
        fix='Give storage_options={"region": ..., "endpoint": ...}.',
    )


CLASSES: dict[str, Explain] = {
    "AlreadyExistsError": _failed,
    "BaseError": _generic,
    "FileNotFoundError": _missing,
    "GenericError": _generic,
    "InvalidPathError": _bad_name,
    "JoinError": _failed,
    "NotFoundError": _missing,
    "NotModifiedError": _failed,
    "NotSupportedError": _whole,
    "PermissionDeniedError": _refused,
    "PreconditionError": _changed,
    "UnauthenticatedError": _refused,
    "UnknownConfigurationKeyError": _bad_setting,
    "ValueError": _bad_name,
}
"""By class name, the most special first in the order of inheritance."""
