"""What turns stored values into the ones a user sees, element by element."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from cryodata.types import AnyArray

__all__ = ["Text", "UtcTime", "as_stored", "epoch_of"]

SECONDS = re.compile(r"seconds? since (\d{4}-\d\d-\d\d)(?:[T ]([\d:.]+))?(?: ?(?:Z|UTC))?")
"""Units that `UtcTime` decodes."""

FARTHEST = 7e9
"""Seconds from an epoch that ``datetime64[ns]`` surely holds."""


def as_stored(values: AnyArray) -> AnyArray:
    """No change."""
    return values


def epoch_of(units: object) -> np.datetime64 | None:
    """The instant, UTC, that units of seconds since an epoch count from; None for others."""
    found = SECONDS.fullmatch(str(units).strip())
    return np.datetime64(f"{found[1]}T{found[2] or '00:00:00'}", "ns") if found else None


@dataclass(frozen=True, slots=True)
class Text:
    """Variable-length strings as text.

    Attributes
    ----------
    encoding : str
        ``ascii`` or ``utf-8``. Bytes that do not fit it become surrogates.
    """

    encoding: str

    def __call__(self, values: AnyArray) -> AnyArray:
        """Decode each element; the shape stays."""
        decoded = np.empty(values.size, object)
        for i, value in enumerate(values.flat):
            decoded[i] = value.decode(self.encoding, "surrogateescape")
        return decoded.reshape(values.shape)


@dataclass(frozen=True, slots=True)
class UtcTime:
    """Seconds since an epoch as UTC instants, exact to the nearest nanosecond.

    Attributes
    ----------
    epoch : numpy.datetime64
        UTC. Leap seconds are not counted, as in all calendars of CF; ICESat-2 needs none,
        since none was inserted between its epoch, 2018-01-01, and the end of 2026.
    fill : float or None
        Stands for no time.
    """

    epoch: np.datetime64
    fill: float | None = None

    def __call__(self, seconds: AnyArray) -> AnyArray:
        """Instants as ``datetime64[ns]``; NaT for no time, and 220 years from the epoch.

        Parameters
        ----------
        seconds : float array
            s since the epoch. A double at 3e8 s resolves 60 ns.
        """
        known = np.abs(seconds) < FARTHEST  # False for NaN
        if self.fill is not None:
            known &= seconds != self.fill
        seconds = np.where(known, seconds, 0.0)
        whole = np.floor(seconds)  # apart, because the product of both would be rounded
        rest = np.rint((seconds - whole) * 1e9)
        nanoseconds = whole.astype(np.int64) * 1_000_000_000 + rest.astype(np.int64)
        times = self.epoch.astype("M8[ns]") + nanoseconds.astype("m8[ns]")
        return np.where(known, times, np.datetime64("NaT", "ns"))
