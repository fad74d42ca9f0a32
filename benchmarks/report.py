"""Tables of what was measured."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.session import CLEAR, LONG, PATIENCE, Row
from benchmarks.workload import Workload

__all__ = ["EXPLANATION", "table"]


HEADINGS = (
    "",
    "seconds",
    "range",
    "requests",
    "MB",
    "rounds",
    "CPU s",
    "peak MB",
    "first byte",
    "result",
    "",
)

EXPLANATION = f"""\
seconds: median from the call to arrays in memory, and the range of all runs; a reader that
  takes longer than {LONG:g} s, or {CLEAR:g} times as long as cryodata, runs once, and one
  that takes longer than {PATIENCE:g} s is given up
requests, MB, rounds: what the wire saw in the median run; rounds are requests that waited
  for one another
first byte: median and 99th percentile on the wire; "wire late" marks runs in which this machine
  was a tenth slower than the wire was told to be
peak MB: most memory above what the process held before, the arrays included
scaled: read of that many granules only; all figures but peak MB and first byte are multiplied
last column: seconds over those of cryodata, cold / with its index kept
"""


def table(workload: Workload, rows: Sequence[Row]) -> str:
    """One job: a line per reader, and how many times faster cryodata is, cold and kept."""
    ours = {row.kept: row.seconds for row in rows if row.peer == "cryodata" and row.runs}
    lines = [HEADINGS, *(_cells(row, ours) for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(HEADINGS))]
    text = "\n".join(
        "  ".join(
            cell.ljust(width) if i in {0, 9, 10} else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )
    return f"{workload.title}: {_place(rows)}\n{text}"


def _cells(row: Row, ours: dict[bool, float]) -> tuple[str, ...]:
    if row.gave_up and row.kept:  # before it was read, or while it was
        return (row.title, *[""] * 8, "given up, or not made in time", "")
    if row.gave_up:
        least = row.gave_up * row.scale
        ratios = [f">{least / ours[kept]:.0f}x" for kept in (False, True) if kept in ours]
        result = ("given up" if row.tried else "not tried: given up at less") + _part(row)
        return (row.title, f">{least:.0f}", *[""] * 7, result, " / ".join(ratios))
    if not row.runs:
        return (row.title, *[""] * 8, "failed", row.failure[:60])
    seconds = [row.scale * run.cost.seconds for run in row.runs]
    middle = sorted(row.runs, key=lambda run: run.cost.seconds)[len(row.runs) // 2]
    ratios = [f"{row.seconds / ours[kept]:.1f}x" for kept in (False, True) if kept in ours]
    return (
        row.title,
        f"{row.seconds:.3f}",
        f"{min(seconds):.2f}-{max(seconds):.2f}" if len(seconds) > 1 else "once",
        f"{row.scale * middle.wire.requests:.0f}",
        f"{row.scale * middle.wire.nbytes / 1e6:.1f}",
        f"{row.scale * middle.wire.depth:.0f}",
        f"{row.scale * middle.cost.cpu:.2f}",
        f"{middle.cost.memory / 1e6:.0f}",
        f"{1e3 * middle.wire.ttfb_p50:.0f}/{1e3 * middle.wire.ttfb_p99:.0f} ms"
        if middle.wire.requests
        else "",
        row.verdict + (" (wire late)" if middle.late else "") + _part(row),
        " / ".join(ratios) if row.peer != "cryodata" and row.verdict == "equal" else "",
    )


def _place(rows: Sequence[Row]) -> str:
    return rows[0].place.replace("_", " ") if rows else ""


def _part(row: Row) -> str:
    """That the figures are those of fewer granules, scaled."""
    return "" if row.read == row.of else f" ({row.read} of {row.of} read, scaled)"
