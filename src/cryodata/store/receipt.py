"""What a read cost, counted and never guessed."""

from __future__ import annotations

import threading
from dataclasses import dataclass, fields

from cryodata.html_card import card, facts
from cryodata.words import count_in_words, size_in_words

__all__ = ["Receipt", "Tally"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """Cost of one or more reads; receipts add up with ``+`` and `sum`.

    Attributes
    ----------
    requests : int
        GETs sent, repeats and hedges among them.
    nbytes : int
        Bytes of complete answers.
    rounds : int
        Round trips that waited for the one before: each fetch of many ranges is one.
    retries : int
        Requests sent again after a failure.
    hedges : int
        Requests sent a second time because the first was late.
    seconds : float
        Time spent waiting for bytes, s. Of reads side by side it is the sum.
    """

    requests: int = 0
    nbytes: int = 0
    rounds: int = 0
    retries: int = 0
    hedges: int = 0
    seconds: float = 0.0

    def __add__(self, other: Receipt) -> Receipt:
        if not isinstance(other, Receipt):
            return NotImplemented
        return Receipt(**{f.name: getattr(self, f.name) + getattr(other, f.name) for f in _FIELDS})

    def __radd__(self, other: int) -> Receipt:
        return self if other == 0 else NotImplemented  # sum() starts from 0

    def __sub__(self, other: Receipt) -> Receipt:
        if not isinstance(other, Receipt):
            return NotImplemented
        return Receipt(**{f.name: getattr(self, f.name) - getattr(other, f.name) for f in _FIELDS})

    def __str__(self) -> str:
        requests = count_in_words(self.requests, "request")
        parts = [
            f"{requests} in {count_in_words(self.rounds, 'round')}",
            size_in_words(self.nbytes),
            f"{self.seconds:.3g} s",
        ]
        text = ", ".join(parts)
        extra = [
            count_in_words(self.retries, "retry", "retries") if self.retries else "",
            count_in_words(self.hedges, "hedge") if self.hedges else "",
        ]
        more = ", ".join(part for part in extra if part)
        return f"{text} ({more})" if more else text

    def _repr_html_(self) -> str:
        again = [
            (count_in_words(self.retries, "retry", "retries") if self.retries else ""),
            (count_in_words(self.hedges, "hedge") if self.hedges else ""),
        ]
        return card(
            "Receipt",
            facts(
                [
                    ("Requests", f"{self.requests:,}"),
                    ("Bytes", size_in_words(self.nbytes)),
                    ("Rounds", f"{self.rounds:,}"),
                    ("Waited", f"{self.seconds:.3g} s"),
                    ("Sent again", ", ".join(part for part in again if part)),
                ]
            ),
        )


_FIELDS = fields(Receipt)


class Tally:
    """Adds up what happens, from any thread; `receipt` is the sum so far."""

    __slots__ = ("_lock", "_sum")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sum = dict.fromkeys((f.name for f in _FIELDS), 0.0)

    def add(
        self,
        *,
        requests: int = 0,
        nbytes: int = 0,
        rounds: int = 0,
        retries: int = 0,
        hedges: int = 0,
        seconds: float = 0.0,
    ) -> None:
        """Count these in."""
        with self._lock:
            total = self._sum
            total["requests"] += requests
            total["nbytes"] += nbytes
            total["rounds"] += rounds
            total["retries"] += retries
            total["hedges"] += hedges
            total["seconds"] += seconds

    @property
    def receipt(self) -> Receipt:
        """The sum so far; take the difference of two to price what lies between."""
        with self._lock:
            total = dict(self._sum)
        seconds = total.pop("seconds")
        return Receipt(**{name: int(value) for name, value in total.items()}, seconds=seconds)
