"""Times of layers, against Python's own calendar."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryodata.errors import FormatError
from cryodata.grids.instants import instant_of, instants

FIRST = datetime(1601, 1, 1, tzinfo=UTC)
UNITS = {"days": 86_400, "hours": 3_600, "minutes": 60, "seconds": 1}


@given(
    unit=st.sampled_from(sorted(UNITS)),
    epoch=st.integers(0, 15_000_000_000),
    then=st.integers(4_000_000_000, 18_000_000_000),
)
def test_instants_are_those_of_the_calendar(unit: str, epoch: int, then: int) -> None:
    """A layer of the wrong day is as wrong as one of the wrong place."""
    begin, end = (FIRST + timedelta(seconds=count) for count in (epoch, then))
    count = (end - begin) / timedelta(seconds=UNITS[unit])
    (found,) = instants(np.array([count]), f"{unit} since {begin:%Y-%m-%d %H:%M:%S}")
    expected = np.datetime64(end.replace(tzinfo=None), "ns")
    error = abs((found - expected) / np.timedelta64(1, "ns"))
    assert error <= np.spacing(abs(count)) * UNITS[unit] * 1e9


@pytest.mark.parametrize(
    "values, units, expected",
    [
        (np.array([153_766], "f4"), "days since 1601-01-01 00:00:00", "2021-12-31"),
        (np.array([0.25]), "days since 2018-01-01", "2018-01-01T06:00"),
        (np.array([0.5]), "seconds since 2000-01-01 11:58:55.816", "2000-01-01T11:58:56.316"),
        (np.array([3], "i4"), "hours since 1970-01-01T00:00:00Z", "1970-01-01T03"),
        (np.array([-1.5]), "d since 2018-1-1", "2017-12-30T12"),
        (np.array([np.nan]), "days since 2018-01-01", "NaT"),
    ],
)
def test_units_of_real_files(values: Any, units: str, expected: str) -> None:
    """G02202 counts from 1601, which nanoseconds of 64 bits cannot reach."""
    np.testing.assert_array_equal(instants(values, units), np.array([expected], "M8[ns]"))


@pytest.mark.parametrize(
    "units, calendar",
    [
        ("days", "standard"),
        ("months since 2018-01-01", "standard"),
        ("days since 2018-01-01", "360_day"),
        ("days since 9999-01-01", "standard"),
    ],
)
def test_units_that_cannot_be_read(units: str, calendar: str) -> None:
    """A month has no length, and a calendar of 360 days no 31st."""
    with pytest.raises(FormatError):
        instants(np.array([1.0]), units, calendar)


def test_dates_as_files_write_them() -> None:
    """ITS_LIVE writes the date without hyphens and the clock with colons."""
    assert instant_of("19841231T01:13:56.940528") == np.datetime64("1984-12-31T01:13:56.940528")
    assert instant_of("2020-02-29") == np.datetime64("2020-02-29")
    assert instant_of("2018-06-16T00:00:00.000Z") == np.datetime64("2018-06-16")
    for wrong in ("", "soon", "20230229", "2023-13-01"):
        with pytest.raises(FormatError):
            instant_of(wrong)
