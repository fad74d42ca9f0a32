"""Time without garbage collection, for work whose every object stays."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["nothing_collected"]


@contextmanager
def nothing_collected() -> Iterator[None]:
    """Within the block nobody looks for garbage in cycles.

    What thousands of granules are made of all stays; to go through it again and again would
    take a quarter of the time. Who had collection off keeps it off.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
