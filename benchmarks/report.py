"""Tables of what was measured, and the file that keeps it."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

from benchmarks.peers import all_peers
from benchmarks.session import Row, Scene
from benchmarks.workload import Workload

__all__ = ["save", "table"]

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
    return f"{workload.title}\n{text}"


def _cells(row: Row, ours: dict[bool, float]) -> tuple[str, ...]:
    if row.gave_up:
        least = row.gave_up * row.scale
        ratios = [f">{least / ours[kept]:.0f}x" for kept in (False, True) if kept in ours]
        result = "given up" + _part(row)
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
        f"{1e3 * middle.wire.ttfb_p50:.0f}/{1e3 * middle.wire.ttfb_p99:.0f} ms",
        row.verdict + (" (wire late)" if middle.late else "") + _part(row),
        " / ".join(ratios) if row.peer != "cryodata" and row.verdict == "equal" else "",
    )


def _part(row: Row) -> str:
    """That the figures are those of fewer granules, scaled."""
    return "" if row.read == row.of else f" ({row.read} of {row.of} read, scaled)"


def save(rows: Iterable[Row], scene: Scene, folder: Path) -> Path:
    """Write everything measured, with versions and machine, to a new file in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    now = datetime.now(UTC)
    content = {
        "when": now.isoformat(timespec="seconds"),
        "commit": _commit(),
        "machine": _machine(),
        "versions": _versions(),
        "profile": scene.profile,
        "seeds": scene.seeds,
        "granules": {
            name: [path.stat().st_size for path in paths] for name, paths in scene.granules.items()
        },
        "rows": [asdict(row) for row in rows],
    }
    path = folder / f"{now:%Y%m%dT%H%M%SZ}.json"
    path.write_text(json.dumps(content, indent=1), "utf-8")
    return path


def _machine() -> dict[str, Any]:
    return {
        "python": platform.python_version(),
        "system": platform.platform(),
        "cpus": os.cpu_count(),
        "memory": psutil.virtual_memory().total,
    }


def _versions() -> dict[str, str]:
    return {name: version(name) for peer in all_peers() for name in peer.packages}


def _commit() -> str:
    """The commit measured; ``-dirty`` where files differ from it, empty outside git."""
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=12"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()
