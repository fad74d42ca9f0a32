"""Indexes on their way to the disk: written when reading pauses, and once however often they grew.

To write an index takes processor time that the read it was learnt for wants. So what is noted
here waits until nothing more was learnt for a moment, and is written in a thread of its own;
whoever asks for it meanwhile gets it from here. `flush`, and the end of the process, write
what is left.
"""

from __future__ import annotations

import atexit
import os
import threading
import time
from collections.abc import Hashable
from dataclasses import dataclass

from cryodata.index import Index
from cryodata.keep.cache import IndexCache
from cryodata.types import Source

__all__ = ["flush", "forget", "hurry", "note", "waiting"]

QUIET = 1.0
"""Seconds without news before anything is written."""
LONGEST = 30.0
"""Seconds that an index waits at most, however busy the process is."""


@dataclass(slots=True)
class _Waiting:
    cache: IndexCache
    index: Index
    since: float
    hurried: bool = False


class _Keeper:
    """The indexes that wait, and the thread that writes them."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._writing = threading.Lock()
        self._waiting: dict[Hashable, _Waiting] = {}
        self._last = 0.0
        self._thread: threading.Thread | None = None

    def note(self, cache: IndexCache, index: Index) -> None:
        key = _key(cache, index.source.url)
        with self._changed:
            now = time.monotonic()
            before = self._waiting.get(key)
            since = now if before is None else before.since
            self._waiting[key] = _Waiting(cache, index, since)
            self._last = now
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._work, name="cryodata-keeping", daemon=True
                )
                self._thread.start()

    def waiting(self, cache: IndexCache, url: str) -> Index | None:
        found = self._waiting.get(_key(cache, url))
        return None if found is None else found.index

    def forget(self, cache: IndexCache, source: Source) -> None:
        with self._changed:
            found = self._waiting.get(key := _key(cache, source.url))
            if found is not None and found.index.source == source:
                del self._waiting[key]

    def hurry(self, cache: IndexCache, url: str) -> None:
        with self._changed:
            if found := self._waiting.get(_key(cache, url)):
                found.hurried = True
                self._changed.notify()

    def flush(self, cache: IndexCache | None = None, url: str = "") -> None:
        """Write what waits of one granule, or of all."""
        keys = list(self._waiting) if cache is None else [_key(cache, url)]
        for key in keys:
            self._write(key)

    def _write(self, key: Hashable) -> None:
        with self._writing:  # who flushes waits for what is being written just now
            found = self._waiting.get(key)
            if found is None:
                return
            try:
                found.cache.save(found.index)
            finally:
                with self._changed:
                    if self._waiting.get(key) is found:  # else there was news
                        del self._waiting[key]

    def _work(self) -> None:
        """Write what is due, and end when nothing waits."""
        mine = threading.current_thread()
        try:
            while True:
                with self._changed:
                    while not (due := self._due()):
                        if not self._waiting:
                            self._thread = None
                            return
                        self._changed.wait(QUIET / 4)
                self._write(due[0])
        finally:
            with self._changed:
                if self._thread is mine:  # a warning that is an error: the next note starts anew
                    self._thread = None

    def _due(self) -> list[Hashable]:
        now = time.monotonic()
        quiet = now - self._last >= QUIET
        return [
            key
            for key, one in self._waiting.items()
            if quiet or one.hurried or now - one.since >= LONGEST
        ]


def _key(cache: IndexCache, url: str) -> Hashable:
    return cache.folder, cache.origin, cache.limits, url


_keeper = _Keeper()


def note(cache: IndexCache, index: Index) -> None:
    """Write an index soon; another one of the same granule that still waits is forgotten."""
    _keeper.note(cache, index)


def waiting(cache: IndexCache, url: str) -> Index | None:
    """The index of a granule that is not written yet, or None."""
    return _keeper.waiting(cache, url)


def forget(cache: IndexCache, source: Source) -> None:
    """Do not write the index of this version of a granule."""
    _keeper.forget(cache, source)


def hurry(cache: IndexCache, url: str) -> None:
    """Nobody will learn more of this granule: write its index now, in the background."""
    _keeper.hurry(cache, url)


def flush(cache: IndexCache | None = None, url: str = "") -> None:
    """Write the index of one granule, or all that wait, and return when that is done."""
    _keeper.flush(cache, url)


def _forget() -> None:
    """In a child of fork: what waits is the parent's to write, and so is its thread."""
    global _keeper  # noqa: PLW0603 - one per process
    _keeper = _Keeper()


atexit.register(flush)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
