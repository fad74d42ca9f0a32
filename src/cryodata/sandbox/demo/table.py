"""What each way of reading cost, as lines of text."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["HEADING", "Cost"]

_LINE = "  {:<24}{:>10}{:>11}{:>9}{:>10}   {}"
HEADING = _LINE.format("", "requests", "MB", "rounds", "seconds", "values")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """One read, in figures; as text a line below `HEADING`.

    Attributes
    ----------
    title : str
        Who read.
    requests : int
        Counted by the wire, as are `nbytes` and `rounds`.
    nbytes : int
        Bytes that came over the wire.
    rounds : int
        Longest chain of requests that waited for one another.
    seconds : float
        From the call to values in memory.
    equal : bool
        The values are those of the first reader.
    """

    title: str
    requests: int
    nbytes: int
    rounds: int
    seconds: float
    equal: bool

    def __str__(self) -> str:
        return _LINE.format(
            self.title,
            f"{self.requests:,}",
            f"{self.nbytes / 1e6:,.1f}",
            f"{self.rounds:,}",
            f"{self.seconds:.2f}",
            "equal" if self.equal else "DIFFERENT",
        )
