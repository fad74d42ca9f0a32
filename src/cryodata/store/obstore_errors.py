"""obstore's errors in the words of `cryodata.errors`: the one place that knows both.

The messages of obstore hold the whole URL, query string included, and whatever the
server wrote. None of that is passed on: only the status, and the code that S3 gives.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from cryodata.errors import (
    ConfigurationError,
    CryodataError,
    FetchError,
    FetchTimeoutError,
    WrongRangeError,
)
from cryodata.store.replies import by_status, elsewhere, moved, no_keys, s3_code
from cryodata.store.stay import NOWHERE

__all__ = ["CLASSES", "explain", "is_past_the_end"]

Explain = Callable[[str], CryodataError]
"""From the text of an error to what it means."""

_STATUS = re.compile(r"status code: (\d{3})\b")
_METADATA_SERVICE = re.compile(r"169\.254\.(?:169\.254|170\.)|/latest/api/token|/latest/meta-data")


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
    status = _STATUS.search(text)
    return int(status[1]) if status else 0, s3_code(text)


def _assumed(usual: int) -> Explain:
    """An error that stands for a status; the text may name a more exact one."""

    def from_text(text: str) -> CryodataError:
        status, code = _status(text)
        return by_status(status or usual, code)

    return from_text


def _always(cls: type[CryodataError], what: str, fix: str = "") -> Explain:
    """An explanation that needs nothing from the text."""
    return lambda _: cls(what, fix=fix)


def _generic(text: str) -> CryodataError:
    """The catch-all of obstore: only its text tells a reset from a wrong region."""
    status, code = _status(text)
    if _METADATA_SERVICE.search(text):
        return no_keys()
    if status:
        return by_status(status, code)
    if f"{NOWHERE}," in text:  # the address that could not be reached
        return moved("a redirect")
    if "UnexpectedRange" in text or "Received non-partial response" in text:
        return WrongRangeError("the server sends another range than the one asked for")
    if "Received redirect without LOCATION" in text:
        return elsewhere("a redirect without address")
    if "TimedOut" in text or "kind: Timeout" in text:
        return FetchTimeoutError("the server does not answer, or stopped in the middle")
    if "kind: Connect" in text:
        return FetchError("the server cannot be reached", fix="Check host name and network.")
    if "kind: Interrupted" in text:
        return FetchError("the connection broke in the middle of the answer")
    return FetchError("the request failed; what came back is not an answer of S3 or HTTP")


_failed = _always(FetchError, "the request failed inside the client")
_bad_name = _always(
    ConfigurationError,
    "the obstore engine cannot use this name or setting",
    'Check URL and storage_options, or use engine="fsspec".',
)

CLASSES: dict[str, Explain] = {
    "AlreadyExistsError": _failed,
    "BaseError": _generic,
    "FileNotFoundError": _assumed(404),
    "GenericError": _generic,
    "InvalidPathError": _bad_name,
    "JoinError": _failed,
    "NotFoundError": _assumed(404),
    "NotModifiedError": _failed,
    "NotSupportedError": _assumed(200),
    "PermissionDeniedError": _assumed(403),
    "PreconditionError": _assumed(412),
    "TypeError": _bad_name,
    "UnauthenticatedError": _assumed(401),
    "UnknownConfigurationKeyError": _bad_name,
    "ValueError": _bad_name,
}
"""By class name, looked up in the order of inheritance."""
