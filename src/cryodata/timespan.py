"""A span of time, from the words people use for it: ``"2023"``, ``("2023-05", "2023-09")``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryodata.errors import SelectionError
from cryodata.types import AnyArray

__all__ = ["TimeSpan"]

_ISO = re.compile(r"\d{4}(-\d{2}(-\d{2}([T ]\d{2}(:\d{2}(:\d{2}(\.\d{1,9})?)?)?)?)?)?")
_OFFSET = re.compile(r"(.*\d{2}:\d{2}.*?)([+-]\d{2}):?(\d{2})", re.DOTALL)
_FIX = 'Write time="2023-05", or time=("2023-05", "2023-09"); None leaves an end open.'


@dataclass(frozen=True, slots=True)
class TimeSpan:
    """Instants of UTC, half-open: ``start <= t < stop``.

    Attributes
    ----------
    start, stop : numpy.datetime64 or None
        To the nanosecond; None where that end is open.
    """

    start: np.datetime64 | None
    stop: np.datetime64 | None

    @classmethod
    def of(cls, what: Any) -> TimeSpan:
        """The span a user means.

        Parameters
        ----------
        what : str, date, datetime, numpy.datetime64, TimeSpan, slice, or a pair of these
            One of them is that whole year, month, day, second, ...: a pair reaches from
            the beginning of the first to the *end* of the last, so that
            ``("2023-05", "2023-09")`` is five months. None leaves an end open. Without
            offset, times are UTC.

        Raises
        ------
        SelectionError
            No time, or one that ends before it begins.
        """
        if isinstance(what, TimeSpan):
            return what
        if isinstance(what, slice):
            if what.step is not None:
                raise SelectionError(f"a span of time has no step: {what}", fix=_FIX)
            first, last = what.start, what.stop
        elif isinstance(what, Sequence) and not isinstance(what, str):
            if len(what) != 2:
                raise SelectionError(f"time= is one time or a pair, not {len(what)}", fix=_FIX)
            first, last = what
        else:
            first = last = what
        start = None if first is None else _unit(first)[0]
        stop = None if last is None else _unit(last)[1]
        if start is not None and stop is not None and stop <= start:
            raise SelectionError(
                f"the time ends ({last}) before it begins ({first})",
                fix=f"Did you mean time=({str(last)!r}, {str(first)!r})?",
            )
        return cls(start, stop)

    def contains(self, times: AnyArray) -> NDArray[np.bool_]:
        """Which instants are within; NaT never is.

        Parameters
        ----------
        times : array of datetime64
            UTC.

        Returns
        -------
        array of bool
            Of the same shape.
        """
        inside = ~np.isnat(times)
        if self.start is not None:
            inside &= times >= self.start
        if self.stop is not None:
            inside &= times < self.stop
        return np.asarray(inside, bool)

    def __str__(self) -> str:
        ends = ["..." if t is None else _short(t) for t in (self.start, self.stop)]
        return f"{ends[0]} to {ends[1]}"


def _unit(what: Any) -> tuple[np.datetime64, np.datetime64]:
    """Beginning and end, half-open, of the year, day or second that `what` names."""
    try:
        instant = _instant(what)
        unit: Any = np.datetime_data(instant)[0]
        start, stop = (t.astype("M8[ns]") for t in (instant, instant + np.timedelta64(1, unit)))
    except (ValueError, TypeError, OverflowError):
        start = stop = np.datetime64("NaT", "ns")
    # years that nanoseconds cannot count come back as others
    if np.isnat(start) or start.astype("M8[Y]") != instant.astype("M8[Y]"):
        raise SelectionError(f"{what!r} is no time", fix=_FIX)
    return start, stop


def _instant(what: Any) -> np.datetime64:
    """`what` as numpy keeps it, in the unit it was given in."""
    if isinstance(what, np.datetime64):
        return what
    if isinstance(what, datetime):  # pandas.Timestamp is one
        if what.tzinfo is not None:
            what = what.astimezone(UTC).replace(tzinfo=None)
        return np.datetime64(what)
    if isinstance(what, date):
        return np.datetime64(what, "D")
    if isinstance(what, int) and not isinstance(what, bool):  # a year
        what = f"{what:04d}"
    if not isinstance(what, str):
        raise TypeError(what)
    text, shift = what.strip().removesuffix("Z"), np.timedelta64(0, "m")
    if found := _OFFSET.fullmatch(text):
        text, hours, minutes = found.groups()
        shift = np.timedelta64(int(hours) * 60 + int(hours[0] + minutes), "m")
    if not _ISO.fullmatch(text):
        raise ValueError(what)
    return np.datetime64(text.replace(" ", "T")) - shift if shift else np.datetime64(text)


def _short(instant: np.datetime64) -> str:
    """An instant without the zeros at its end."""
    day = instant.astype("M8[D]")
    second = instant.astype("M8[s]")
    return str(day if day == instant else second if second == instant else instant)
