"""One run of the benchmarks: the wires, the granules, and every reader in turn."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from benchmarks.check import expected_values
from benchmarks.child import Job
from benchmarks.peers import load_peer
from benchmarks.place import Place
from benchmarks.trial import FailedError, Run, run_once
from benchmarks.workload import Workload
from cryodata.sandbox import Sky, cloud
from cryodata.sandbox.s3_access import PUBLIC

__all__ = ["PATIENCE", "Row", "Scene", "run_all"]

LONG = 8.0
"""A read that took longer than this many seconds is not repeated."""
PATIENCE = 90.0
"""A read is given up after this many seconds, so that all of it stays bounded."""


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
        for path in scene.practice.values():
            near.put(path)
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
            practice=Place(near.url, PUBLIC, scene.practice[workload.product].name),
            expected=str(expected),
        )
        with tempfile.TemporaryDirectory(prefix="cryodata-bench-cache-") as cache:
            once = partial(
                run_once, job, sky, profile=scene.profile, cache=cache, patience=scene.patience
            )
            try:
                if kept:
                    once()
                runs.append(once())
            except TimeoutError:
                gave_up = scene.patience
                break
            except FailedError as error:
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
