"""A job done by whoever reads rows ``start <= i < stop`` of an array by its path."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from benchmarks.box import inside, span
from benchmarks.peer import one_after_the_other, side_by_side
from benchmarks.place import Target
from benchmarks.workload import Workload

__all__ = ["Rows", "read_arrays"]

Rows = Callable[[str, slice | None], Any]
"""Path of an array and rows, None for all, to values."""


def read_arrays(
    files: list[Rows], target: Target, workload: Workload, at_once: int
) -> Mapping[str, Any]:
    """All that is wanted, as `Peer.read` returns it; `files` are the granules in order.

    With a box, coordinates are read first, then the run of rows that is wanted. `at_once`
    arrays, or beams of a box, are read side by side.
    """
    if target.box is None:
        (rows,) = files
        paths = workload.paths()
        arrays = side_by_side(lambda path: rows(path, None), paths, at_once)
        return dict(zip(paths, arrays, strict=True))
    tracks = [(rows, group) for rows in files for group in workload.groups()]
    cut = partial(_cut, target=target, workload=workload)
    parts = [part for part in side_by_side(cut, tracks, at_once) if part is not None]
    return one_after_the_other(parts, workload)


def _cut(track: tuple[Rows, str], target: Target, workload: Workload) -> dict[str, Any] | None:
    """The rows of one beam of one granule, None where there are none."""
    assert target.box is not None
    rows, group = track
    known = {
        name: rows(f"{group}/{name}", None) for name in (workload.longitude, workload.latitude)
    }
    chosen = inside(known[workload.longitude], known[workload.latitude], target.box)
    if not chosen.any():
        return None
    run = span(chosen)
    part = {
        name: known[name][run] if name in known else rows(f"{group}/{name}", run)
        for name in workload.variables
    }
    return {name: values[chosen[run]] for name, values in part.items()}
