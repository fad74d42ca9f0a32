"""Spans of time in the words people use."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pytest

from cryodata.errors import SelectionError
from cryodata.timespan import TimeSpan


def ns(text: str) -> np.datetime64:
    return np.datetime64(text, "ns")


@pytest.mark.parametrize(
    "what, start, stop",
    [
        ("2023", "2023-01-01", "2024-01-01"),
        (2023, "2023-01-01", "2024-01-01"),
        ("2023-05", "2023-05-01", "2023-06-01"),
        (("2023-05", "2023-09"), "2023-05-01", "2023-10-01"),
        (["2023-05-07", "2023-05-07"], "2023-05-07", "2023-05-08"),
        (slice("2023-05-07T06", None), "2023-05-07T06", None),
        ((None, "2023"), None, "2024-01-01"),
        ("2023-05-07 06:30", "2023-05-07T06:30", "2023-05-07T06:31"),
        ("2023-05-07T06:30:00Z", "2023-05-07T06:30:00", "2023-05-07T06:30:01"),
        ("2023-05-07T06:30+02:00", "2023-05-07T04:30", "2023-05-07T04:31"),
        ("2023-05-07T06:30-0230", "2023-05-07T09:00", "2023-05-07T09:01"),
        (date(2023, 5, 7), "2023-05-07", "2023-05-08"),
        (np.datetime64("2023-05"), "2023-05-01", "2023-06-01"),
        (
            (
                datetime(2023, 5, 7, tzinfo=UTC),
                datetime(2023, 5, 7, 1, tzinfo=timezone(timedelta(hours=1))),
            ),
            "2023-05-07",
            "2023-05-07T00:00:00.000001",
        ),
    ],
)
def test_words_for_time(what: Any, start: str | None, stop: str | None) -> None:
    """A month that ended at its first instant would lose a month of data."""
    span = TimeSpan.of(what)
    assert span.start == (None if start is None else ns(start))
    assert span.stop == (None if stop is None else ns(stop))
    assert TimeSpan.of(span) is span


@pytest.mark.parametrize(
    "what",
    [
        *("May 2023", "2023-13", "20230507", "", "2500", "-2023"),
        *(("2023",), (1, 2, 3), 12.5, True, object(), np.datetime64("NaT", "ns")),
        *(slice("2023", "2024", 2), ("2023-09", "2023-05")),
    ],
)
def test_what_is_no_time(what: Any) -> None:
    """Guessed dates select the wrong data; the error shows how to write them."""
    with pytest.raises(SelectionError) as caught:
        TimeSpan.of(what)
    assert "time" in caught.value.fix


def test_half_open_and_nat() -> None:
    """The first instant of the next month is not in this one, and no time is in none."""
    times = np.array(["2023-04-30T23:59:59.999999999", "2023-05-01", "2023-06-01", "NaT"], "M8[ns]")
    np.testing.assert_array_equal(TimeSpan.of("2023-05").contains(times), [0, 1, 0, 0])
    np.testing.assert_array_equal(TimeSpan(None, None).contains(times), [1, 1, 1, 0])
    assert str(TimeSpan.of(("2023-05", None))) == "2023-05-01 to ..."


def test_spans_within_a_second_print_as_what_they_are() -> None:
    """What is named by them would be taken for the same."""
    first = TimeSpan.of(("2019-01-01T00:00:00.1", "2019-01-01T00:00:00.2"))
    second = TimeSpan.of(("2019-01-01T00:00:00.3", "2019-01-01T00:00:00.4"))
    assert str(first) != str(second)
    assert str(TimeSpan.of("2019-01-01T00:00:01")).startswith("2019-01-01T00:00:01 to")
