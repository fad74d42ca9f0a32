"""What came of reading the same in several ways."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from cryodata.words import count_in_words, size_in_words

__all__ = ["Comparison", "Reading"]

_LINE = "{:<34}{:>10}{:>10}{:>11}{:>8}   {}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One way to read, and its cost.

    Attributes
    ----------
    reader : str
        In words.
    seconds : float or None
        From the call to arrays in memory, imports left out; None where there is no result.
    requests, nbytes, rounds : int or None
        Requests for bytes, the bytes of their answers, and how many requests waited for one
        before them. None where nobody counted: of local files, and of file systems that do not
        tell.
    agrees : bool or None
        All arrays are those of the first reader, bit by bit; None where there is no result.
    problem : str
        Why there is no result, or what does not agree; empty where all is well.
    """

    reader: str
    seconds: float | None = None
    requests: int | None = None
    nbytes: int | None = None
    rounds: int | None = None
    agrees: bool | None = None
    problem: str = ""

    def __str__(self) -> str:
        return _LINE.format(
            self.reader,
            "" if self.seconds is None else f"{self.seconds:.3f}",
            "" if self.requests is None else f"{self.requests:,}",
            "" if self.nbytes is None else f"{self.nbytes / 1e6:,.1f}",
            "" if self.rounds is None else f"{self.rounds:,}",
            self.problem or "equal",
        ).rstrip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Several ways to read the same.

    Attributes
    ----------
    granules : tuple of str
        Where they are, without query strings and keys.
    arrays : int
        Of all granules.
    nbytes : int
        In memory.
    readings : tuple of Reading
        That of cryodata, knowing nothing, is the first.
    """

    granules: tuple[str, ...]
    arrays: int
    nbytes: int
    readings: tuple[Reading, ...]

    @property
    def agree(self) -> bool:
        """Whether all readers that had a result had the same."""
        return all(reading.agrees is not False for reading in self.readings)

    def __str__(self) -> str:
        what = (
            f"{count_in_words(self.arrays, 'array')} of "
            f"{count_in_words(len(self.granules), 'granule')}, "
            f"{size_in_words(self.nbytes)} in memory"
        )
        heading = _LINE.format("", "seconds", "requests", "MB", "rounds", "values")
        return "\n".join([what, heading, *map(str, self.readings)])

    def to_json(self) -> str:
        """All figures, as one object of JSON."""
        return json.dumps(asdict(self), indent=1)
