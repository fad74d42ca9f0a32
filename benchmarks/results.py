"""The file that keeps what was measured, with versions and machine."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

from benchmarks.child import Cost
from benchmarks.peers import all_peers
from benchmarks.session import Row, Scene
from benchmarks.trial import Run
from cryodata.sandbox import PROFILES, Summary

__all__ = ["FOLDER", "add", "amended", "circumstances", "rows_of", "save"]

FOLDER = Path(__file__).parent / "results"


def save(rows: Iterable[Row], scene: Scene, path: Path) -> None:
    """Write all rows to a file; other parts that are in it stay."""
    before = json.loads(path.read_text("utf-8")) if path.exists() else {}
    content = {
        **before,
        **circumstances(),
        "wires": {
            name: profile.first_byte and asdict(profile.first_byte)
            for name, profile in PROFILES.items()
        },
        "seeds": scene.seeds,
        "granules": before.get("granules", {})
        | {name: [path.stat().st_size for path in paths] for name, paths in scene.granules.items()},
        "rows": [asdict(row) for row in rows],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n", "utf-8")


def amended(rows: Sequence[Row], new: Sequence[Row]) -> list[Row]:
    """Rows with others in place of those of the same reader at the same job, or behind them.

    Rows of one job at one place stay together.
    """
    fresh = {_key(row): row for row in new}
    both = [fresh.pop(_key(row), row) for row in rows] + list(fresh.values())
    jobs = list(dict.fromkeys(_key(row)[:2] for row in both))
    return sorted(both, key=lambda row: jobs.index(_key(row)[:2]))


def _key(row: Row) -> tuple[str, str, str, bool]:
    return row.place, row.workload, row.peer, row.kept


def add(path: Path, key: str, value: Any) -> None:
    """Put another part into a file, which need not be there."""
    content = json.loads(path.read_text("utf-8")) if path.exists() else circumstances()
    content[key] = value
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n", "utf-8")


def rows_of(content: Mapping[str, Any]) -> list[Row]:
    """The rows of a file, as they were measured."""
    return [
        Row(**{**fields, "runs": tuple(_run(run) for run in fields["runs"])})
        for fields in content["rows"]
    ]


def _run(fields: Mapping[str, Any]) -> Run:
    return Run(
        **{**fields, "cost": Cost(**fields["cost"]), "wire": Summary(**fields["wire"])},
    )


def circumstances() -> dict[str, Any]:
    """When, with what, and on what."""
    return {
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _commit(),
        "machine": {
            "python": platform.python_version(),
            "system": platform.system(),
            "processor": platform.machine(),
            "cpus": os.cpu_count(),
            "memory": psutil.virtual_memory().total,
        },
        "versions": {
            name: version(name)
            for name in sorted({name for peer in all_peers() for name in peer.packages})
        },
    }


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
