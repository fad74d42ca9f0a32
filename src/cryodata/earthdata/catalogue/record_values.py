"""Single values of a catalogue's record: taken where they make sense, refused where absurd.

Each raises `ServiceError` for what no archive would write; what is not said is empty.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import numpy as np

from cryodata.errors import ServiceError

__all__ = [
    "bytes_of",
    "degrees_of",
    "instant_of",
    "list_of",
    "mapping_of",
    "mappings_of",
    "text_of",
    "whole_of",
]

_MOST_BYTES = 2**50
_UNITS = {"KB": 2**10, "MB": 2**20, "GB": 2**30, "TB": 2**40, "PB": 2**50}
_SAYS_NOTHING = {"", "not provided", "na", "n/a"}


def degrees_of(value: Any, most: float) -> float:
    """A longitude or latitude; raises beyond `most`."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not abs(number) <= most:
        raise ServiceError(f"The catalogue has a footprint with {_said(value)} for degrees")
    return number


def bytes_of(value: Any, unit: str) -> int:
    """A size in words of the catalogue, as bytes; 0 where it says nothing."""
    factor = _UNITS.get(unit.upper(), 0)
    if not factor or _is_silent(value):
        return 0
    try:
        size = float(value) * factor
    except (TypeError, ValueError, OverflowError):
        size = math.nan
    if not 0 <= size <= _MOST_BYTES:
        raise ServiceError(f"The catalogue has a granule of {_said(value)} {unit}")
    return round(size)


def whole_of(value: Any) -> int:
    """A count of the catalogue; 0 where it says nothing."""
    if _is_silent(value):
        return 0
    try:
        number = int(value)
    except (TypeError, ValueError, OverflowError):
        number = -1
    if not 0 <= number <= _MOST_BYTES:
        raise ServiceError(f"The catalogue has {_said(value)} where a count belongs")
    return number


def instant_of(value: Any) -> np.datetime64 | None:
    """An ISO 8601 time as UTC to the microsecond; None where there is none."""
    text = text_of(value)
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
        naive = moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)
    except (ValueError, OverflowError):
        raise ServiceError(f"The catalogue has {text[:40]!r} for a time") from None
    return np.datetime64(naive, "us")


def _is_silent(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not text_of(value))


def _said(value: Any) -> str:
    """A value for an error: short, and not taken apart where it is nested."""
    return repr(str(value)[:40]) if isinstance(value, str | int | float) else _kind(value)


def _kind(value: Any) -> str:
    return f"a {type(value).__name__}"


def text_of(value: Any) -> str:
    """Text of the catalogue, stripped; empty where it says nothing."""
    text = value.strip() if isinstance(value, str) else ""
    return "" if text.lower() in _SAYS_NOTHING else text


def list_of(value: Any) -> list[Any]:
    """A list; empty where it is something else."""
    return list(value) if isinstance(value, list | tuple) else []


def mapping_of(value: Any, what: str) -> Mapping[str, Any]:
    """A mapping; empty where there is none."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise ServiceError(f"The catalogue has {_kind(value)} for {what}")
    return value


def mappings_of(value: Any) -> list[Mapping[str, Any]]:
    """The mappings in a list."""
    return [item for item in list_of(value) if isinstance(item, Mapping)]
