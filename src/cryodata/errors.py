"""Every failure a user can see, grouped by what the user would do next.

::

    CryodataError                     every error: what happened, where, and what to do
    |- ConfigurationError             fix the call (also ValueError)
    |  |- SelectionError              variables, beams or rows that cannot be selected
    |  |- UnknownVariableError        a name the file does not have (also LookupError)
    |  |- ProductError                a product table that is wrong
    |  |- UnknownProductError         a product nobody knows (also LookupError)
    |  |- RegionError                 a region that is none: swapped, impossible
    |  |- NothingFoundError           no granule fits all conditions (also LookupError)
    |  |- BudgetExceededError         it would cost more than the budget: nothing was read
    |  |- UnsafeReferenceError        references point to a place that was not allowed
    |  `- MissingDependencyError      an optional package is not installed (also ImportError)
    |- AuthError                      log in, or ask for access (also PermissionError)
    |  |- NotLoggedInError            Earthdata needs a login, and none was found
    |  |- LoginRejectedError          wrong user, password or token
    |  |  `- TokenExpiredError        the token was good once: expired, or revoked
    |  |- EulaRequiredError           a licence or application is to be approved first
    |  |- CredentialsExpiredError     keys of S3 that are over, and could not be renewed
    |  |- NotInRegionError            direct S3 answers only in its own region
    |  `- ClockSkewError              this machine's clock is too far off
    |- FetchError                     the network or the server (also OSError): try again
    |  |- NotFoundError               no such object (also FileNotFoundError)
    |  |- ThrottledError              the server asked to slow down and kept asking
    |  |- FetchTimeoutError           the deadline passed (also TimeoutError)
    |  |- ServiceError                Earthdata Login, the data host or CMR answers nonsense
    |  |- TruncatedError              fewer bytes than the server promised
    |  `- WrongRangeError             bytes of another range than the one asked for
    |- IntegrityError                 the bytes are not the ones that were indexed
    |  |- GranuleChangedError         the object was replaced: index it again
    |  `- ChunkCorruptError           a chunk fails its checksum or its declared size
    |- FormatError                    the file is not what HDF5 or the product says
    |  |- NotHDF5Error                the file is something else altogether
    |  |- UnsupportedError            valid, but a feature this library does not read
    |  `- LimitExceededError          valid or not, it asks for more than the limits allow
    |- ReaderClosedError              used after close, or in a child of fork
    `- CacheError                     the cache folder is unusable or not ours
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

__all__ = [
    "AuthError",
    "BudgetExceededError",
    "CacheError",
    "ChunkCorruptError",
    "ClockSkewError",
    "ConfigurationError",
    "CredentialsExpiredError",
    "CryodataError",
    "EulaRequiredError",
    "FetchError",
    "FetchTimeoutError",
    "FormatError",
    "GranuleChangedError",
    "IntegrityError",
    "LimitExceededError",
    "LoginRejectedError",
    "MissingDependencyError",
    "NotFoundError",
    "NotHDF5Error",
    "NotInRegionError",
    "NotLoggedInError",
    "NothingFoundError",
    "ProductError",
    "ReaderClosedError",
    "RegionError",
    "SelectionError",
    "ServiceError",
    "ThrottledError",
    "TokenExpiredError",
    "TruncatedError",
    "UnknownProductError",
    "UnknownVariableError",
    "UnsafeReferenceError",
    "UnsupportedError",
    "WrongRangeError",
    "close_names",
]


class CryodataError(Exception):
    """Base of every error of this library.

    Parameters
    ----------
    what : str
        What was got and what was expected, in one line.
    fix : str, optional
        What to do about it, in one line.
    url : str, optional
        The granule, without query string or credentials.
    path : str, optional
        The HDF5 object inside the granule, ``/gt1l/heights/h_ph``.
    start, stop : int, optional
        The bytes concerned, half-open: ``start <= i < stop``.

    Notes
    -----
    Errors pickle with all their fields, because dask ships them between
    processes. None ever holds a header, a query string or a secret.
    """

    def __init__(
        self,
        what: str = "",
        *,
        fix: str = "",
        url: str = "",
        path: str = "",
        start: int | None = None,
        stop: int | None = None,
    ) -> None:
        super().__init__(what)
        self.what = what
        self.fix = fix
        self.url = url
        self.path = path
        self.start = start
        self.stop = stop

    def locate(self, *, url: str = "", path: str = "") -> CryodataError:
        """Fill in where it happened, where the raiser did not know; returns ``self``."""
        self.url = self.url or url
        self.path = self.path or path
        return self

    def __str__(self) -> str:
        where = "".join(
            [
                f" in {self.url}" if self.url else "",
                f" at {self.path}" if self.path else "",
                f" (bytes {self.start}-{self.stop})" if self._bytes_matter() else "",
            ]
        )
        return f"{self.what}{where}" + (f"\n{self.fix}" if self.fix else "")

    def _bytes_matter(self) -> bool:
        """Whether the place in the file says something: not where there is no file to read."""
        whole = isinstance(self, ConfigurationError | AuthError | NotFoundError)
        return self.start is not None and not whole

    def __reduce__(self) -> tuple[Any, ...]:
        fields = {**self.__dict__, "path": self.path}  # ImportError keeps `path` elsewhere
        return (_rebuild, (type(self), fields))


def _rebuild(cls: type[CryodataError], fields: dict[str, Any]) -> CryodataError:
    error = cls(fields.get("what", ""))
    for name, value in fields.items():
        setattr(error, name, value)
    return error


class ConfigurationError(CryodataError, ValueError):
    """A bad argument, option or table: fix the call."""


class SelectionError(ConfigurationError):
    """Variables, beams or rows that cannot be selected."""


class UnknownVariableError(ConfigurationError, LookupError):
    """A variable or group the file does not have."""


class ProductError(ConfigurationError):
    """A product table that is wrong."""


class UnknownProductError(ConfigurationError, LookupError):
    """A product that nobody knows: no table for it, no collection of that name."""


class RegionError(ConfigurationError):
    """A region that is none: latitude and longitude swapped, or no place on Earth."""


class NothingFoundError(ConfigurationError, LookupError):
    """No granule fits all conditions; the message says what fits without each of them."""


class BudgetExceededError(ConfigurationError):
    """It would cost more than the budget; nothing was read."""


class UnsafeReferenceError(ConfigurationError):
    """References that point to a place the caller has not allowed; nothing was asked of it."""


class MissingDependencyError(ConfigurationError, ImportError):  # type: ignore[misc]  # its `path` may be None
    """An optional package is needed and not installed."""


class AuthError(CryodataError, PermissionError):
    """The server refused: log in, or ask for access."""


class NotLoggedInError(AuthError):
    """Earthdata needs a login, and none was found."""


class LoginRejectedError(AuthError):
    """Earthdata Login refuses user, password or token."""


class TokenExpiredError(LoginRejectedError):
    """The token was good once: it expired, or was revoked."""


class EulaRequiredError(AuthError):
    """A licence or an application has to be approved in the user's Earthdata account.

    Attributes
    ----------
    link : str
        Where that is done; empty where the server does not say.
    """

    link: str = ""


class CredentialsExpiredError(AuthError):
    """Keys that are over, or unknown to S3: new ones would cure it."""


class NotInRegionError(AuthError):
    """Direct S3 answers only inside its own region."""


class ClockSkewError(AuthError):
    """The clock of this machine is too far off for signatures and expiry."""


class FetchError(CryodataError, OSError):
    """The network or the server failed, after all retries.

    Attributes
    ----------
    final : bool
        Whoever raised it has tried again already, so that nobody else does.
    """

    final: bool = False


class NotFoundError(FetchError, FileNotFoundError):
    """There is no such object."""


class ThrottledError(FetchError):
    """The server asked to slow down, and kept asking.

    Attributes
    ----------
    retry_after : float
        Seconds the server wants to be left alone; 0 where it does not say.
    """

    retry_after: float = 0.0


class FetchTimeoutError(FetchError, TimeoutError):
    """The deadline of the call passed."""


class ServiceError(FetchError):
    """Earthdata Login, a data host or CMR answers something that makes no sense."""


class TruncatedError(FetchError):
    """Fewer bytes than the server promised."""


class WrongRangeError(FetchError):
    """Bytes of another range than the one asked for."""


class IntegrityError(CryodataError):
    """The bytes are not the ones that were indexed."""


class GranuleChangedError(IntegrityError):
    """The object was replaced since it was indexed."""


class ChunkCorruptError(IntegrityError):
    """A chunk fails its checksum or does not have its declared size."""


class FormatError(CryodataError):
    """The file is not what the HDF5 format or the product table says."""


class NotHDF5Error(FormatError):
    """The file is no HDF5 file at all."""


class UnsupportedError(FormatError):
    """A valid feature that this library does not read."""


class LimitExceededError(FormatError):
    """The file asks for more than the limits allow."""


class ReaderClosedError(CryodataError):
    """Used after it was closed, or in a process that cannot use it."""


class CacheError(CryodataError):
    """The cache folder is unusable or not ours."""


def close_names(name: str, known: Iterable[str], *, most: int = 5) -> str:
    """A sentence naming the known names nearest to `name`, for an error's ``fix``."""
    known = list(known)
    near = difflib.get_close_matches(name, known, n=most, cutoff=0.5)
    if not near:  # the last part alone is often right where the group is wrong
        tail = name.rsplit("/", 1)[-1]
        near = [k for k in known if k.rsplit("/", 1)[-1] == tail][:most]
    if near:
        return f"Did you mean {', '.join(near)}?"
    shown = ", ".join(sorted(known)[:most])
    more = f" and {len(known) - most} more" if len(known) > most else ""
    return f"There are: {shown}{more}." if known else "There is nothing here."
