"""Retries: which, how often, and how long after."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from cryodata.errors import (
    FetchError,
    FetchTimeoutError,
    NotFoundError,
    ThrottledError,
    TruncatedError,
    WrongRangeError,
)
from cryodata.store.retry import RetryBudget, delay, tries


@dataclass(frozen=True)
class Case:
    """An error, and how often it is tried in all when eight are allowed."""

    error: FetchError
    times: int


CASES = [
    Case(FetchError(), 8),
    Case(ThrottledError(), 8),
    Case(FetchTimeoutError(), 8),
    Case(TruncatedError(), 3),
    Case(WrongRangeError(), 3),
    Case(NotFoundError(), 1),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: type(case.error).__name__)
def test_tries_by_error(case: Case) -> None:
    """A hopeless request would be repeated, or a hopeful one given up."""
    assert tries(case.error, 8) == case.times


def test_what_was_tried_again_elsewhere_is_not() -> None:
    """Retries of retries would keep a user waiting for minutes, and storm a host that is ill."""
    error = ThrottledError()
    error.final = True
    assert tries(error, 8) == 1


def test_no_more_tries_than_allowed() -> None:
    """`attempts=1` would still repeat wrong replies."""
    assert tries(WrongRangeError(), 1) == 1


def test_delays_jitter_below_a_growing_bound() -> None:
    """Clients would come back in step, or wait for minutes."""
    for failures, bound in [(1, 0.1), (3, 0.4), (6, 3.2), (30, 10.0)]:
        waits = [delay(FetchError(), failures) for _ in range(200)]
        assert 0 <= min(waits) < bound / 4
        assert bound * 0.75 < max(waits) <= bound


def test_retry_after_is_honoured() -> None:
    """A server that asked for two seconds of peace would be asked again at once."""
    error = ThrottledError()
    error.retry_after = 2.0
    assert all(2.0 <= delay(error, 1) <= 2.1 for _ in range(50))


def test_the_budget_runs_dry_and_fills_again() -> None:
    """Many reads against a broken server would multiply its load without end."""
    budget = RetryBudget(tokens=20, cost=5)
    assert [budget.spend() for _ in range(5)] == [True] * 4 + [False]
    for _ in range(4):
        budget.refund(retried=False)
    assert not budget.spend()
    budget.refund(retried=False)
    assert budget.spend()
    budget.refund(retried=True)
    assert budget.spend()


def test_the_budget_never_holds_more_than_at_first() -> None:
    """A long good time would save up tokens for a storm."""
    budget = RetryBudget(tokens=10, cost=5)
    for _ in range(1000):
        budget.refund(retried=True)
    assert [budget.spend() for _ in range(3)] == [True, True, False]
