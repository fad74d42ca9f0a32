"""What a script learns from the exit code."""

from __future__ import annotations

from cryodata import errors
from cryodata.errors import CryodataError

__all__ = ["EXIT_CODES", "INTERRUPTED", "exit_code"]

INTERRUPTED = 130
"""As shells say it of a program that Ctrl-C ended."""

EXIT_CODES: dict[type[CryodataError], int] = {
    CryodataError: 1,
    errors.ConfigurationError: 2,
    errors.AuthError: 3,
    errors.NotFoundError: 4,
    errors.NothingFoundError: 4,
    errors.FetchError: 5,
    errors.IntegrityError: 6,
    errors.FormatError: 7,
    errors.BudgetExceededError: 8,
    errors.UnsafeReferenceError: 9,
    errors.MissingDependencyError: 10,
    errors.CacheError: 11,
}
"""Of each class, and of all below it that are not listed."""


def exit_code(error: CryodataError) -> int:
    """The code of the nearest class in the table."""
    return next(EXIT_CODES[kind] for kind in type(error).__mro__ if kind in EXIT_CODES)
