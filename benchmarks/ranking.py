"""Where cryodata is not first, and which figures say why."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby

from benchmarks.session import Row
from benchmarks.trial import Run

__all__ = ["not_first"]

NOTICEABLE = 1.1
"""A figure explains something from this factor on."""
FIGURES: tuple[tuple[str, str, Callable[[Run], float]], ...] = (
    ("rounds", ".0f", lambda run: run.wire.depth),
    ("requests", ".0f", lambda run: run.wire.requests),
    ("MB", ".1f", lambda run: run.wire.nbytes / 1e6),
    ("CPU s", ".2f", lambda run: run.cost.cpu),
)


def not_first(rows: Sequence[Row]) -> Iterator[str]:
    """A line for each reader that was faster than cryodata with right answers.

    Cold, cryodata is compared with readers that know nothing of the granules. With its index
    kept, with all: a reader that keeps nothing does the same the second time. The reason is
    what the wire and the processor counted less of for the other; where they counted nothing
    less, that is said.
    """
    for (place, workload), group in groupby(rows, lambda row: (row.place, row.workload)):
        mine = list(group)
        for kept in (False, True):
            own = [r for r in mine if r.peer == "cryodata" and r.kept == kept and r.runs]
            for ours in own:
                yield from _faster(ours, mine, f"{workload} {place} {_mode(kept)}")


def _mode(kept: bool) -> str:
    return "kept" if kept else "cold"


def _faster(ours: Row, rows: Sequence[Row], where: str) -> Iterator[str]:
    for row in rows:
        if row.peer.startswith("cryodata") or row.verdict != "equal":
            continue
        if row.kept and not ours.kept:
            continue
        if row.seconds < ours.seconds:
            yield (
                f"not first: {where}: {row.title} {row.seconds / ours.seconds:.2f}x, "
                f"because {_reasons(row, ours)}{_overlap(row, ours)}"
            )


def _reasons(row: Row, ours: Row) -> str:
    theirs, own = _median(row), _median(ours)
    less = [
        f"{row.scale * of(theirs):{form}} {name} for {ours.scale * of(own):{form}}"
        for name, form, of in FIGURES
        if row.scale * of(theirs) * NOTICEABLE < ours.scale * of(own)
    ]
    return ", ".join(less) or "of time spent waiting: no figure counted is smaller"


def _overlap(row: Row, ours: Row) -> str:
    """That runs of the two overlap, so that the order is not sure."""
    slowest = row.scale * max(run.cost.seconds for run in row.runs)
    fastest = ours.scale * min(run.cost.seconds for run in ours.runs)
    return " (ranges overlap)" if slowest >= fastest else ""


def _median(row: Row) -> Run:
    return sorted(row.runs, key=lambda run: run.cost.seconds)[len(row.runs) // 2]
