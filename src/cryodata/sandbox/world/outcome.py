"""What is run in a world, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from cryodata.sandbox.log import Entry

__all__ = ["HOSTS", "Host", "Login", "Outcome", "Program"]

Login = Literal["password", "token", "netrc", "none"]
"""How a program finds its user: ``EARTHDATA_USERNAME`` and ``EARTHDATA_PASSWORD``,
``EARTHDATA_TOKEN``, a ``.netrc`` in its home, or not at all."""
Host = Literal["edl", "data", "cdn", "cmr", "s3", "imds"]
HOSTS: tuple[Host, ...] = ("edl", "data", "cdn", "cmr", "s3", "imds")


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What is to be run.

    Attributes
    ----------
    python : str
        The interpreter.
    arguments : tuple of str
        Path of the script, and what it finds in ``sys.argv``.
    login : str
        See `Login`.
    environment : mapping
        More variables.
    timeout : float
        After so many seconds it is killed.
    """

    python: str
    arguments: tuple[str, ...]
    login: Login
    environment: Mapping[str, str]
    timeout: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a program.

    Attributes
    ----------
    returncode : int
        Its exit code; negative where a signal ended it, as the one after the time-out does.
    stdout, stderr : str
        What it wrote.
    requests : mapping of host to tuple of Entry
        What it asked of whom, in the order it came: ``edl``, ``data``, ``cdn``, ``cmr``,
        ``s3``, ``imds``.
    """

    returncode: int
    stdout: str = field(repr=False)
    stderr: str = field(repr=False)
    requests: Mapping[Host, tuple[Entry, ...]] = field(repr=False)

    def check(self) -> str:
        """What it wrote, if it ended well.

        Raises
        ------
        AssertionError
            With what it wrote to its standard error.
        """
        assert self.returncode == 0, f"exit code {self.returncode}:\n{self.stderr[-4000:]}"
        return self.stdout
