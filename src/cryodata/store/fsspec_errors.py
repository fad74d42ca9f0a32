"""What s3fs, aiohttp and other fsspec file systems raise, in the words of `cryodata.errors`."""

from __future__ import annotations

from cryodata.errors import (
    AuthError,
    ConfigurationError,
    CryodataError,
    FetchError,
    FetchTimeoutError,
    MissingDependencyError,
    NotFoundError,
    ThrottledError,
)
from cryodata.store.replies import by_status, no_keys

__all__ = ["explain", "retry_after", "status_of"]


def status_of(error: BaseException) -> tuple[int, str]:
    """HTTP status and S3's code of the reply behind an error; zero and empty without one.

    s3fs raises builtin errors and keeps botocore's ``ClientError`` as their cause.
    """
    for one in (error, error.__cause__):
        response = getattr(one, "response", None)
        if isinstance(response, dict):  # botocore.exceptions.ClientError
            status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            return int(status), str(response.get("Error", {}).get("Code", ""))
        status = getattr(one, "status", None)
        # aiohttp.ClientResponseError; it says 400 of itself where a reply is not HTTP.
        if isinstance(status, int) and status != 400:
            return status, ""
    return 0, ""


def retry_after(value: str | None) -> float:
    """Seconds of a ``Retry-After`` header; 0 where it is absent or a date."""
    return min(60.0, float(value)) if value and value.isdecimal() else 0.0


def explain(error: Exception) -> CryodataError:
    """What happened and what to do. Texts are not passed on: they can hold the whole URL.

    Parameters
    ----------
    error : Exception
        From a file system of fsspec or the client below it.
    """
    status, code = status_of(error)
    if status:
        known = by_status(status, code if code.isalpha() else "")
        if isinstance(known, ThrottledError):
            known.retry_after = _asked_pause(error)
        return known
    name = type(error).__name__
    if isinstance(error, ImportError):
        return MissingDependencyError(
            "this file system needs a package that is not installed",
            fix='pip install "cryodata-earth[s3fs]" for S3 and HTTP; else see fsspec.',
        )
    if isinstance(error, FileNotFoundError):
        return NotFoundError("there is no such object", fix="Check the URL for typing errors.")
    if "Credentials" in name:  # botocore: NoCredentialsError, PartialCredentialsError
        return no_keys()
    if isinstance(error, PermissionError):
        return AuthError("access was refused", fix="Ask for access, or give keys.")
    if isinstance(error, IsADirectoryError):
        return ConfigurationError(
            "this is a folder, and no references are in it",
            fix="Name a file in it, or all of them by folder/*.h5.",
        )
    if isinstance(error, TimeoutError) or "Timeout" in name:  # botocore: ReadTimeoutError
        return FetchTimeoutError("the server does not answer, or stopped in the middle")
    if isinstance(error, ValueError | TypeError) and not isinstance(error, OSError):
        return ConfigurationError(f"the file system does not take this ({name})")
    return FetchError(f"the request failed or broke in the middle ({name})")


def _asked_pause(error: BaseException) -> float:
    for one in (error, error.__cause__):
        response = getattr(one, "response", None)
        if isinstance(response, dict):
            headers = response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
            return retry_after(headers.get("retry-after"))
    return 0.0
