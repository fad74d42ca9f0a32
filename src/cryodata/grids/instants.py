"""Times of layers: numbers in CF units as exact UTC instants, also counted from 1601."""

from __future__ import annotations

import re

import numpy as np

from cryodata.errors import FormatError
from cryodata.types import AnyArray

__all__ = ["instant_of", "instants"]

_UNITS = re.compile(
    r"\s*(days?|d|hours?|hrs?|h|minutes?|mins?|seconds?|secs?|s) since "
    r"(\d{1,4})-(\d{1,2})-(\d{1,2})(?:[T:\s]+(\d[\d:.]*))?\s*(?:Z|UTC)?\s*"
)
_SECONDS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_CALENDARS = {"standard", "gregorian", "proleptic_gregorian"}
_BASIC = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})(?:[T ](\d{2}):?(\d{2}):?(\d{2}(?:\.\d{1,9})?))?Z?")


def instants(values: AnyArray, units: str, calendar: str = "standard") -> AnyArray:
    """Times in CF units as ``datetime64[ns]``, to the nearest nanosecond.

    Parameters
    ----------
    values : (layer,) numbers
        NaN is no time.
    units : str
        ``days since 1601-01-01 00:00:00``.
    calendar : str
        In all of those taken, days have 86,400 s.

    Returns
    -------
    (layer,) datetime64[ns]
        UTC; NaT for no time.

    Raises
    ------
    FormatError
        If units or calendar are others, or an instant lies beyond the years 1678 to 2262
        that nanoseconds can count.
    """
    found = _UNITS.fullmatch(units.replace(".0 ", " "))
    if found is None or calendar.lower() not in _CALENDARS:
        raise FormatError(f"Times in {units!r}, calendar {calendar!r}, cannot be read")
    unit, year, month, day, clock = found.groups()
    date = np.datetime64(f"{int(year):04d}-{int(month):02d}-{int(day):02d}", "us")
    epoch = date + _clock(clock or "0")
    seconds = _SECONDS[unit[0]]
    numbers = np.asarray(values, "f8")
    known = np.isfinite(numbers)
    numbers = np.where(known, numbers, 0.0)
    whole = np.floor(numbers)
    rest = np.rint((numbers - whole) * seconds * 1e9).astype("m8[ns]")
    start = epoch + (whole * seconds).astype("m8[s]")
    years = start.astype("M8[Y]")
    if not ((years > np.datetime64("1677")) & (years < np.datetime64("2262")))[known].all():
        raise FormatError(f"Times in {units!r} lie beyond the years 1678 to 2262")
    times: AnyArray = np.where(
        known, np.where(known, start, np.datetime64(0, "us")).astype("M8[ns]") + rest, _NEVER
    )
    return times


_NEVER = np.datetime64("NaT", "ns")


def instant_of(text: str) -> np.datetime64:
    """A date as files write it, ``19841231T01:13:56.940528`` or ISO 8601, as UTC.

    Raises
    ------
    FormatError
        If it is none.
    """
    found = _BASIC.fullmatch(text.strip())
    if found is None:
        raise FormatError(f"{text!r} is no date")
    year, month, day, hour, minute, second = (part or "00" for part in found.groups())
    try:
        return np.datetime64(f"{year}-{month}-{day}T{hour}:{minute}:{second}", "ns")
    except ValueError as error:
        raise FormatError(f"{text!r} is no date") from error


def _clock(text: str) -> np.timedelta64:
    """``11:58:55.816`` as microseconds."""
    parts = [*text.split(":"), "0", "0"][:3]
    micro = round(float(parts[2]) * 1e6) + 60_000_000 * (60 * int(parts[0]) + int(parts[1]))
    return np.timedelta64(micro, "us")
