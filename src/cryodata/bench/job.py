"""What another process is asked to read."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any

__all__ = ["Answer", "Job"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Arrays of granules.

    Attributes
    ----------
    urls : list of str
        Or paths.
    arrays : list of list of str
        Absolute paths, of each granule.
    storage_options : mapping
        It goes through a pipe: neither a command line nor a file sees it.
    """

    urls: list[str]
    arrays: list[list[str]]
    storage_options: dict[str, Any] = field(default_factory=dict, repr=False)

    def to_json(self) -> str:
        """Raises `TypeError` where storage options are no plain values."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Job:
        """The inverse of `to_json`."""
        return cls(**json.loads(text))


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What it read.

    Attributes
    ----------
    seconds : float
    digests : mapping of str to str
        Number of the granule and path of the array to `cryodata.bench.digests.digest`.
    requests, nbytes : int or None
        None where the file system does not tell. Each request waits for the one before.
    problem : str
        Why there are none.
    """

    seconds: float = 0.0
    digests: dict[str, str] = field(default_factory=dict)
    requests: int | None = None
    nbytes: int | None = None
    problem: str = ""

    def to_json(self) -> str:
        """For a pipe."""
        return json.dumps(asdict(self))
