"""One run of the benchmarks: the wires, the granules, and every reader in turn."""

from __future__ import annotations

import json
import math
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.check import expected_values
from benchmarks.child import Cost, Job
from benchmarks.peers import load_peer
from benchmarks.place import Place
from benchmarks.workload import Workload
from cryodata.sandbox import PROFILES, Profile, Sky, Summary, cloud
from cryodata.sandbox.s3_access import PUBLIC

__all__ = ["PATIENCE", "Row", "Run", "Scene", "run_all"]

ENOUGH = 100
"""Requests whose median latency is close to that of the profile, if the wire keeps up."""
PRACTICE = "practice"
START = 10.0
"""Time a process has for imports and practice, s."""
LONG = 8.0
"""A read that took longer than this many seconds is not repeated."""
PATIENCE = 90.0
"""A read is given up after this many seconds, so that all of it stays bounded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One measured read.

    Attributes
    ----------
    cost : Cost
        What it cost the client.
    wire : Summary
        What the wire saw.
    wire_cpu : float
        Processor time the wire itself used, s.
    late : bool
        The wire was slower than it should be by more than a tenth, so the figures of
        this run say as much about this machine as about the reader.
    """

    cost: Cost
    wire: Summary
    wire_cpu: float
    late: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """All runs of one reader at one job.

    Attributes
    ----------
    workload, peer : str
        Names.
    title : str
        The reader in words, with ``index kept`` where it knew the granule.
    kept : bool
        An earlier process had read the same; its index was there.
    runs : tuple of Run
        Empty where it failed or was given up.
    failure : str
        Why it failed, else empty.
    gave_up : float
        It was ended after this many seconds; 0 where it was not.
    """

    workload: str
    peer: str
    title: str
    kept: bool
    runs: tuple[Run, ...]
    failure: str = ""
    gave_up: float = 0.0

    @property
    def seconds(self) -> float:
        """Median, s."""
        return statistics.median(run.cost.seconds for run in self.runs)

    @property
    def verdict(self) -> str:
        """``equal``, or the first other verdict."""
        verdicts = [run.cost.verdict for run in self.runs]
        return next((v for v in verdicts if v != "equal"), "equal" if verdicts else "failed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What is measured where.

    Attributes
    ----------
    granules : mapping of str to Path
        Product to the granule that is read.
    practice : mapping of str to Path
        Product to a small granule of the same layout.
    profile : str
        Distance of the wire.
    seeds : tuple of int
        One wire and one run each: every reader meets the same latencies.
    patience : float
        A read is given up after this many seconds.
    say : callable
        Told what is measured next.
    """

    granules: dict[str, Path]
    practice: dict[str, Path]
    profile: str = "in_region"
    seeds: tuple[int, ...] = (1, 2, 3)
    patience: float = PATIENCE
    say: Callable[[str], None] = field(default=print)


def run_all(scene: Scene, workloads: Sequence[Workload], peers: Sequence[str]) -> Iterator[Row]:
    """Every reader at every job, cold and, where it keeps one, with its index kept."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="cryodata-bench-")))
        near = stack.enter_context(cloud("none", server="static", process=True))
        skies = [
            stack.enter_context(cloud(scene.profile, seed=seed, server="static", process=True))
            for seed in scene.seeds
        ]
        for path in scene.granules.values():
            for sky in skies:
                sky.put(path)
        for path in scene.practice.values():  # under another key: indexes are kept by URL
            near.put(path, f"{PRACTICE}/{path.name}")
        for workload in workloads:
            expected = folder / f"{workload.name}.npz"
            expected_values(scene.granules[workload.product], workload.paths(), expected)
            for peer in peers:
                for kept in (False, True) if load_peer(peer).keeps_index else (False,):
                    yield _measure(scene, workload, peer, kept, skies, near, expected)


def _measure(
    scene: Scene,
    workload: Workload,
    peer: str,
    kept: bool,
    skies: Sequence[Sky],
    near: Sky,
    expected: Path,
) -> Row:
    title = load_peer(peer).title + (", index kept" if kept else "")
    scene.say(f"{workload.title}: {title}")
    runs: list[Run] = []
    failure, gave_up = "", 0.0
    for sky in skies:
        job = Job(
            peer=peer,
            workload=workload.name,
            place=Place(sky.url, PUBLIC, scene.granules[workload.product].name),
            practice=Place(near.url, PUBLIC, f"{PRACTICE}/{scene.practice[workload.product].name}"),
            expected=str(expected),
        )
        with tempfile.TemporaryDirectory(prefix="cryodata-bench-cache-") as cache:
            try:
                if kept:
                    _run(job, sky, scene, cache)
                runs.append(_run(job, sky, scene, cache))
            except subprocess.TimeoutExpired:
                gave_up = scene.patience
                break
            except _FailedError as error:
                failure = str(error)
                break
        if runs[-1].cost.seconds > LONG:
            break
    return Row(
        workload=workload.name,
        peer=peer,
        title=title,
        kept=kept,
        runs=tuple(runs),
        failure=failure,
        gave_up=gave_up,
    )


class _FailedError(Exception):
    """A reader ended without a result; the text is what it said last."""


def _run(job: Job, sky: Sky, scene: Scene, cache: str) -> Run:
    """One process, one read; the wire's latencies begin anew."""
    sky.reset()
    wire_cpu = sky.cpu_seconds()
    environment = {**os.environ, "CRYODATA_CACHE": cache, "AWS_EC2_METADATA_DISABLED": "true"}
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.child", job.to_json()]
    done = subprocess.run(
        command,
        env=environment,
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
        timeout=scene.patience + START,
        check=False,
    )
    lines = done.stdout.splitlines() if done.returncode == 0 else []
    if not lines:
        raise _FailedError(_last_error(done.stderr) or f"ended with code {done.returncode}")
    _settle(sky)
    wire = sky.log.summary()
    return Run(
        cost=Cost(**json.loads(lines[-1])),
        wire=wire,
        wire_cpu=sky.cpu_seconds() - wire_cpu,
        late=_is_late(wire, PROFILES[scene.profile]),
    )


def _is_late(wire: Summary, profile: Profile) -> bool:
    """The median of enough first bytes came a tenth later than asked of the wire."""
    asked = profile.first_byte.median if profile.first_byte else math.inf
    return wire.requests >= ENOUGH and wire.ttfb_p50 > 1.1 * asked


def _last_error(said: str) -> str:
    """The line of a traceback that names the error."""
    named = [line for line in said.splitlines() if re.match(r"[\w.]+(Error|Exception)\b", line)]
    return (named or said.strip().splitlines() or [""])[-1]


def _settle(sky: Sky) -> None:
    """Wait until replies the reader no longer wanted are over, so that all is in the log."""
    end = time.monotonic() + 5.0
    while time.monotonic() < end and not all(entry.done for entry in sky.log):
        time.sleep(0.05)
