"""How cost grows with granules, variables and cores: ``python -m benchmarks.scaling``.

cryodata, cold and with its index kept, beside two readers that need no references.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import MappingProxyType

from benchmarks.box import middle_box
from benchmarks.check import expected_rows, expected_values
from benchmarks.child import Job
from benchmarks.granules import make_granules, make_practice
from benchmarks.peers import load_peer
from benchmarks.results import FOLDER, add
from benchmarks.session import PRACTICE, target_of
from benchmarks.trial import FailedError, run_once
from benchmarks.workload import Workload
from benchmarks.workloads import WORKLOADS
from cryodata.sandbox import Sky, cloud

__all__ = ["AXES", "Step", "main", "measure", "scaling_table"]

PEERS = ("cryodata", "h5coro", "pyfive")
VARIABLES = (
    *("h_li", "latitude", "longitude", "atl06_quality_summary"),
    *("h_li_sigma", "sigma_geo_h"),
)
AXES: Mapping[str, tuple[str, tuple[int, ...]]] = MappingProxyType(
    {
        "granules": ("atl06_twenty", (1, 5, 20)),
        "variables": ("atl06_six_beams", (1, 6)),
        "cores": ("atl03_box_paged", (1, 2)),
    }
)
"""What grows, at which job, in which steps."""
HEADINGS = f"{'seconds':>10}{'CPU s':>8}{'requests':>10}{'MB':>9}{'rounds':>8}  result"
PATIENCE = 10.0
"""A read is given up after this many seconds, and no larger one is tried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One read.

    Attributes
    ----------
    axis, workload : str
        What grows, and at which job.
    count : int
        Granules, variables per beam, or cores.
    peer, title : str
        Who read.
    kept : bool
        With what it keeps kept.
    seconds, cpu : float
        Of the clock, and of the processor; 0 where there is no result.
    requests, nbytes, rounds : int
        As the wire saw them.
    verdict : str
        ``equal``, ``given up``, or what was wrong.
    """

    axis: str
    workload: str
    count: int
    peer: str
    title: str
    kept: bool
    seconds: float = 0.0
    cpu: float = 0.0
    requests: int = 0
    nbytes: int = 0
    rounds: int = 0
    verdict: str = ""


def measure(
    granules: Mapping[str, Sequence[Path]],
    practice: Mapping[str, Sequence[Path]],
    *,
    profile: str = "in_region",
    axes: Mapping[str, tuple[str, tuple[int, ...]]] = AXES,
) -> Iterator[Step]:
    """Every reader along every axis, one run of each step."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="cryodata-bench-")))
        near = stack.enter_context(cloud("none", server="static", process=True))
        sky = stack.enter_context(cloud(profile, seed=1, server="static", process=True))
        for axis, (name, counts) in axes.items():
            workload = WORKLOADS[name]
            for path in granules[workload.granules]:
                sky.put(path)
            for path in practice[workload.granules]:
                near.put(path, PRACTICE + path.name)
            over: set[str] = set()
            for count in counts:
                job = _job(axis, workload, count, granules, practice, sky, near, folder)
                for peer in PEERS:
                    if peer not in over:
                        steps = list(_steps(axis, count, replace(job, peer=peer), sky, profile))
                        yield from steps
                        over |= {s.peer for s in steps if s.verdict == "given up"}


def _job(
    axis: str,
    workload: Workload,
    count: int,
    granules: Mapping[str, Sequence[Path]],
    practice: Mapping[str, Sequence[Path]],
    sky: Sky,
    near: Sky,
    folder: Path,
) -> Job:
    """Of any reader; what h5py reads of it is written beside."""
    some = VARIABLES[:count] if axis == "variables" else ()
    asked = replace(workload, variables=some) if some else workload
    paths = granules[workload.granules][: count if axis == "granules" else None]
    expected = folder / f"{axis}-{count}.npz"
    if workload.box:
        expected_rows(paths, asked, middle_box(paths[0], asked), expected)
    else:
        expected_values(paths[0], asked.paths(), expected)
    return Job(
        peer="",
        workload=workload.name,
        target=target_of(sky, paths, asked),
        practice=target_of(near, practice[workload.granules], asked, folder=PRACTICE),
        expected=str(expected),
        patience=PATIENCE,
        variables=some,
        cores=count if axis == "cores" else 0,
    )


def _steps(axis: str, count: int, job: Job, sky: Sky, profile: str) -> Iterator[Step]:
    """Cold, and kept where the reader keeps something."""
    peer = load_peer(job.peer, job.asked)
    with tempfile.TemporaryDirectory(prefix="cryodata-bench-cache-") as cache:
        for kept in (False, True) if peer.keeps else (False,):
            step = Step(
                axis=axis,
                workload=job.workload,
                count=count,
                peer=job.peer,
                title=peer.title + (f", {peer.keeps} kept" if kept else ""),
                kept=kept,
            )
            try:
                run = run_once(job, sky, profile=profile, cache=cache)
            except TimeoutError:
                yield replace(step, verdict="given up")
                return
            except FailedError as error:
                yield replace(step, verdict=f"failed: {error}")
                return
            yield replace(
                step,
                seconds=run.cost.seconds,
                cpu=run.cost.cpu,
                requests=run.wire.requests,
                nbytes=run.wire.nbytes,
                rounds=run.wire.depth,
                verdict=run.cost.verdict,
            )


def scaling_table(steps: Sequence[Step]) -> str:
    """One block per axis: who, how many, and what it cost."""
    lines = []
    for axis in dict.fromkeys(step.axis for step in steps):
        mine = [step for step in steps if step.axis == axis]
        lines += [
            f"{WORKLOADS[mine[0].workload].title}: by number of {axis}",
            f"{'':22}{axis:>10}" + HEADINGS,
        ]
        for step in sorted(mine, key=lambda step: (PEERS.index(step.peer), step.kept, step.count)):
            figures = (
                f"{step.seconds:>10.3f}{step.cpu:>8.2f}{step.requests:>10}"
                f"{step.nbytes / 1e6:>9.1f}{step.rounds:>8}"
                if step.seconds
                else " " * 45
            )
            lines.append(f"{step.title:22}{step.count:>10}{figures}  {step.verdict}")
        lines.append("")
    return "\n".join(lines)


def main() -> None:
    """Measure, print, and add to a file of results."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scaling", description=__doc__)
    parser.add_argument("--into", type=Path, default=FOLDER / "new.json", help="file of results")
    args = parser.parse_args()
    names = {WORKLOADS[name].granules for name, _ in AXES.values()}
    steps = list(measure(make_granules(names), make_practice(names)))
    print(scaling_table(steps))
    add(args.into, "scaling", [asdict(step) for step in steps])
    print(f"added to {os.path.relpath(args.into)}")


if __name__ == "__main__":
    main()
