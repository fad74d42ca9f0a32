"""How far something is, for whoever watches: a line on a terminal, a bar in a notebook."""

from __future__ import annotations

import importlib
import sys
import time
from typing import Any, Self

__all__ = ["Progress"]

EVERY = 0.2
"""Seconds between two lines."""


class Progress:
    """A bar of tqdm where that is installed, else a line that is written anew.

    Parameters
    ----------
    total : int
    what : str
        What is counted.
    show : bool, optional
        By default where standard error is a terminal, and in notebooks.
    """

    def __init__(self, total: int, what: str, *, show: bool | None = None) -> None:
        if show is None:
            show = sys.stderr.isatty() or "ipykernel" in sys.modules
        self._total, self._what, self._show = total, what, show and total > 0
        self._done = 0
        self._begin = self._last = time.monotonic()
        self._bar: Any = None

    def __enter__(self) -> Self:
        if self._show:
            try:
                tqdm = importlib.import_module("tqdm.auto").tqdm
            except ImportError:
                return self
            self._bar = tqdm(total=self._total, unit=f" {self._what}")
        return self

    def __exit__(self, *exc: object) -> None:
        if self._bar is not None:
            self._bar.close()
        elif self._show:
            self._line()
            sys.stderr.write("\n")

    def step(self) -> None:
        """One more is done."""
        self._done += 1
        now = time.monotonic()
        if self._bar is not None:
            self._bar.update()
        elif self._show and now - self._last > EVERY:
            self._last = now
            self._line()

    def _line(self) -> None:
        seconds = time.monotonic() - self._begin
        rate = self._done / seconds if seconds else 0.0
        sys.stderr.write(f"\r{self._done}/{self._total} {self._what}, {rate:.1f}/s")
        sys.stderr.flush()
