"""Plots of what was measured, as SVG that says which results it shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("svg")
import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from benchmarks.results import rows_of
from benchmarks.scaling import Step
from benchmarks.session import Row
from benchmarks.workloads import WORKLOADS

__all__ = ["draw"]

OURS, OTHERS, UNKNOWN = "#1b6ca8", "#9aa5ad", "#e3e6e8"
"""cryodata, others, and those that were given up: of these a lower bound is shown."""


def draw(content: Mapping[str, Any], folder: Path, digest: str) -> None:
    """One plot for each job and place, and one for each axis of scaling.

    Parameters
    ----------
    content : mapping
        The results.
    folder : Path
        Gets ``bench-<place>-<workload>.svg`` and ``bench-scaling-<axis>.svg``.
    digest : str
        Written into each plot.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context({"svg.hashsalt": "cryodata", "font.size": 9}):
        for (place, name), mine in groupby(rows_of(content), lambda r: (r.place, r.workload)):
            _save(_bars(list(mine)), folder / f"bench-{place}-{name}.svg", digest)
        steps = [Step(**fields) for fields in content.get("scaling", ())]
        for axis in dict.fromkeys(step.axis for step in steps):
            figure = _lines([step for step in steps if step.axis == axis])
            _save(figure, folder / f"bench-scaling-{axis}.svg", digest)


def _bars(rows: Sequence[Row]) -> Figure:
    """Seconds, fastest first, on an axis of powers of ten."""
    shown = [row for row in rows if (row.runs and row.verdict == "equal") or _ended(row)]
    shown.sort(key=_seconds, reverse=True)
    figure, axes = plt.subplots(figsize=(7, 0.6 + 0.24 * len(shown)), layout="constrained")
    colours = [
        UNKNOWN if row.gave_up else OURS if row.peer.startswith("cryodata") else OTHERS
        for row in shown
    ]
    bars = axes.barh([row.title for row in shown], [_seconds(row) for row in shown], color=colours)
    labels = [f"{'> ' if row.gave_up else ''}{_seconds(row):.2g}" for row in shown]
    axes.bar_label(bars, labels, padding=3)
    axes.set_xscale("log")
    axes.margins(x=0.15)
    axes.set_xlabel("s")
    where = rows[0].place.replace("_", " ")
    figure.suptitle(
        f"{WORKLOADS[rows[0].workload].title}: {where}", x=0.01, ha="left", fontsize="medium"
    )
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def _ended(row: Row) -> bool:
    """It takes longer than shown."""
    return bool(row.gave_up) and not row.kept


def _seconds(row: Row) -> float:
    return row.gave_up * row.scale if row.gave_up else row.seconds


def _lines(steps: Sequence[Step]) -> Figure:
    """Seconds by count, one line for each reader."""
    figure, axes = plt.subplots(figsize=(5, 3), layout="constrained")
    for title in dict.fromkeys(step.title for step in steps):
        mine = [step for step in steps if step.title == title and step.seconds]
        colour = OURS if title.startswith("cryodata") else None
        style = "--" if "kept" in title else "-"
        counts, seconds = [step.count for step in mine], [step.seconds for step in mine]
        axes.plot(counts, seconds, style, marker="o", color=colour, label=title)
    axes.set_yscale("log")
    axes.set_xticks(sorted({step.count for step in steps}))
    axes.set_xlabel(steps[0].axis)
    axes.set_ylabel("s")
    figure.suptitle(WORKLOADS[steps[0].workload].title, x=0.01, ha="left", fontsize="medium")
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def _save(figure: Figure, path: Path, digest: str) -> None:
    figure.savefig(path, metadata={"Date": None, "Description": f"results {digest}"})
    plt.close(figure)
    text = path.read_text("utf-8")  # matplotlib leaves blanks at ends of lines
    path.write_text("\n".join(line.rstrip() for line in text.splitlines()) + "\n", "utf-8")
