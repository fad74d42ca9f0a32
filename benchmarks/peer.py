"""What a reader has to offer to be measured."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, TypeVar

import numpy as np

from benchmarks.place import Target
from benchmarks.workload import Workload

__all__ = ["Peer", "one_after_the_other", "side_by_side"]

SIDE_BY_SIDE = 8
"""Granules that are read at once where nothing else is said; so many earthaccess opens."""

Given = TypeVar("Given")
Made = TypeVar("Made")


class Peer(Protocol):
    """One reader with one set of settings, for one kind of job."""

    @property
    def title(self) -> str:
        """For the report."""
        ...

    @property
    def packages(self) -> tuple[str, ...]:
        """Distributions whose versions the report names."""
        ...

    @property
    def keeps(self) -> str:
        """What it keeps in ``$CRYODATA_CACHE`` for later processes, such as ``index``.

        Where it is not empty the reader is measured twice: with nothing known of the
        granules, and with what an earlier process kept.
        """
        ...

    @property
    def most(self) -> int:
        """It reads no more granules than this; of a job with more, the time is scaled.

        0 for a reader that is measured on all.
        """
        ...

    def read(self, target: Target, workload: Workload) -> Mapping[str, Any]:
        """All that is wanted, in memory.

        A job without a box: arrays by path, as `Workload.paths` has them. A job with one:
        arrays by name of the variable, the rows of all granules and beams after each other.
        """
        ...


def side_by_side(
    work: Callable[[Given], Made], things: Iterable[Given], at_once: int = SIDE_BY_SIDE
) -> list[Made]:
    """What `work` makes of each thing, several at once, in their order."""
    with ThreadPoolExecutor(at_once) as pool:
        return list(pool.map(work, things))


def one_after_the_other(parts: Sequence[Mapping[str, Any]], workload: Workload) -> dict[str, Any]:
    """Rows of several tracks as one array a variable; None where a part is None."""
    joined: dict[str, Any] = {}
    for name in workload.variables:
        arrays = [part[name] for part in parts]
        lost = any(array is None for array in arrays)
        joined[name] = None if lost or not arrays else np.concatenate(arrays)
    return joined
