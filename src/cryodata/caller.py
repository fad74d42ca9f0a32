"""Warnings at the line of the user who called, however deep inside they are found."""

from __future__ import annotations

import inspect
import warnings

__all__ = ["warn_caller"]


def warn_caller(text: str) -> None:
    """Warn at the first line on the stack that is not of this package."""
    depth, frame = 1, inspect.currentframe()
    while frame is not None and _is_ours(frame.f_globals.get("__name__", "")):
        depth, frame = depth + 1, frame.f_back
    warnings.warn(text, stacklevel=depth)


def _is_ours(module: str) -> bool:
    return module == "cryodata" or module.startswith("cryodata.")
