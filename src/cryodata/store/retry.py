"""When a failed request is sent again, and when not."""

from __future__ import annotations

import random
import threading

from cryodata.errors import (
    FetchError,
    NotFoundError,
    ThrottledError,
    TruncatedError,
    WrongRangeError,
)

__all__ = ["RetryBudget", "delay", "tries"]

_FIRST_DELAY = 0.05
_LONGEST_DELAY = 10.0
_WRONG_REPLY_TRIES = 3


def tries(error: FetchError, attempts: int) -> int:
    """How often a request that failed like this is tried in all.

    A server that answers in full and wrongly (another range, too few bytes) rarely
    betters itself, so it gets two more chances; a missing object gets none, and neither
    does what was tried again elsewhere.
    """
    if error.final or isinstance(error, NotFoundError):
        return 1
    if isinstance(error, WrongRangeError | TruncatedError):
        return min(attempts, _WRONG_REPLY_TRIES)
    return attempts


def delay(error: FetchError, failures: int) -> float:
    """Seconds to wait after so many failures: full jitter, and never before ``Retry-After``.

    Notes
    -----
    Full jitter (uniform between zero and an exponential bound) ends a crowd of clients
    retrying in step; see M. Brooker, "Exponential Backoff And Jitter", AWS Architecture
    Blog, 2015.
    """
    bound = min(_LONGEST_DELAY, _FIRST_DELAY * 2.0**failures)
    asked = error.retry_after if isinstance(error, ThrottledError) else 0.0
    return asked + random.uniform(0.0, bound)  # noqa: S311  (spreading load, not secrets)


class RetryBudget:
    """A bucket of tokens that all reads of a process share, so that retries cannot storm.

    Each retry costs tokens, each success gives some back: against a server that fails
    every request a process soon stops repeating itself, however many reads it runs.

    Parameters
    ----------
    tokens : int
        Full bucket.
    cost : int
        Price of a retry.

    Notes
    -----
    The figures are those of the AWS SDKs' standard retry mode: 500 tokens, 5 a retry,
    given back when the retry succeeds, and one token for a success at first try.
    """

    __slots__ = ("_cost", "_full", "_lock", "_tokens")

    def __init__(self, tokens: int = 500, cost: int = 5) -> None:
        self._full = self._tokens = tokens
        self._cost = cost
        self._lock = threading.Lock()

    def spend(self) -> bool:
        """Pay for a retry; False where the bucket does not hold enough."""
        with self._lock:
            if self._tokens < self._cost:
                return False
            self._tokens -= self._cost
            return True

    def refund(self, *, retried: bool) -> None:
        """A request succeeded, at first try or after a retry."""
        with self._lock:
            self._tokens = min(self._full, self._tokens + (self._cost if retried else 1))


PROCESS_BUDGET = RetryBudget()
