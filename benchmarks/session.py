"""One run of the benchmarks: the wires, the granules, and every reader in turn."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from benchmarks.box import middle_box
from benchmarks.check import expected_rows, expected_values
from benchmarks.child import Job
from benchmarks.granules import Granules
from benchmarks.peers import load_peer, peers_for
from benchmarks.place import Place, Target
from benchmarks.trial import FailedError, Run, run_once
from benchmarks.workload import Workload
from cryodata.sandbox import Sky, cloud
from cryodata.sandbox.s3_access import PUBLIC

__all__ = ["PATIENCE", "Row", "Scene", "run_all"]

LONG = 8.0
"""A read that took longer than this many seconds is not repeated."""
PATIENCE = 60.0
"""A read is given up after this many seconds, so that all of it stays bounded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """All runs of one reader at one job.

    Attributes
    ----------
    workload, peer : str
        Names.
    title : str
        The reader in words, with ``index kept`` where it knew the granules.
    kept : bool
        An earlier process had read the same; what it kept was there.
    runs : tuple of Run
        Empty where it failed or was given up.
    failure : str
        Why it failed, else empty.
    gave_up : float
        It was ended after this many seconds; 0 where it was not.
    read, of : int
        Granules it read, of how many that the job has. Where it read fewer, `runs` and
        `gave_up` are of those, and `seconds` is scaled to all.
    """

    workload: str
    peer: str
    title: str
    kept: bool
    runs: tuple[Run, ...]
    failure: str = ""
    gave_up: float = 0.0
    read: int = 1
    of: int = 1

    @property
    def scale(self) -> float:
        """How many times more granules the job has than were read."""
        return self.of / self.read

    @property
    def seconds(self) -> float:
        """Median, s, for all granules."""
        return self.scale * statistics.median(run.cost.seconds for run in self.runs)

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
    granules : mapping of str to tuple of Path
        What is read, by the name that `Workload.granules` has for it.
    practice : mapping of str to tuple of Path
        Small granules of the same layouts, likewise.
    profile : str
        Distance of the wire.
    seeds : tuple of int
        One wire and one run each: every reader meets the same latencies.
    patience : float
        A read is given up after this many seconds.
    say : callable
        Told what is measured next.
    """

    granules: Granules
    practice: Granules
    profile: str = "in_region"
    seeds: tuple[int, ...] = (1, 2, 3)
    patience: float = PATIENCE
    say: Callable[[str], None] = field(default=print)


def run_all(scene: Scene, workloads: Sequence[Workload], peers: Sequence[str]) -> Iterator[Row]:
    """Every reader at every job it does, cold and, where it keeps something, with that kept."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="cryodata-bench-")))
        near = stack.enter_context(cloud("none", server="static", process=True))
        skies = [
            stack.enter_context(cloud(scene.profile, seed=seed, server="static", process=True))
            for seed in scene.seeds
        ]
        hopeless: list[tuple[str, Workload]] = []
        for workload in workloads:
            for path in scene.granules[workload.granules]:
                for sky in skies:
                    sky.put(path)
            for path in scene.practice[workload.granules]:
                near.put(path)
            for peer in peers_for(workload):
                if peer not in peers:
                    continue
                expected = _expect(scene, workload, load_peer(peer, workload).most, folder)
                if any(name == peer and workload.includes(less) for name, less in hopeless):
                    yield _given_up(scene, workload, peer)
                    continue
                for kept in (False, True) if load_peer(peer, workload).keeps else (False,):
                    row = _measure(scene, workload, peer, kept, skies, near, expected)
                    yield row
                    if row.gave_up:  # keeping something takes the same read before
                        hopeless.append((peer, workload))
                        break


def _given_up(scene: Scene, workload: Workload, name: str) -> Row:
    """Of a reader that was given up at a part of the same job, and is not tried at all of it."""
    peer = load_peer(name, workload)
    paths = scene.granules[workload.granules]
    return Row(
        workload=workload.name,
        peer=name,
        title=peer.title,
        kept=False,
        runs=(),
        gave_up=scene.patience,
        read=len(_chosen(paths, peer.most)),
        of=len(paths),
    )


def _expect(scene: Scene, workload: Workload, most: int, folder: Path) -> Path:
    """File of what h5py reads of the first granules of a job, made when first asked for."""
    path = folder / f"{workload.name}-{most}.npz"
    if not path.exists():
        paths = _chosen(scene.granules[workload.granules], most)
        if workload.box:
            expected_rows(paths, workload, middle_box(paths[0], workload), path)
        else:
            expected_values(paths[0], workload.paths(), path)
    return path


def _chosen(paths: Sequence[Path], most: int) -> Sequence[Path]:
    """Those a reader is measured on; the first few have each track of the job once."""
    return paths[:most] if most else paths


def _target(sky: Sky, paths: Sequence[Path], workload: Workload) -> Target:
    places = tuple(Place(sky.url, PUBLIC, path.name) for path in paths)
    return Target(places, middle_box(paths[0], workload) if workload.box else None)


def _measure(
    scene: Scene,
    workload: Workload,
    name: str,
    kept: bool,
    skies: Sequence[Sky],
    near: Sky,
    expected: Path,
) -> Row:
    peer = load_peer(name, workload)
    title = peer.title + (f", {peer.keeps} kept" if kept else "")
    scene.say(f"{workload.title}: {title}")
    paths = scene.granules[workload.granules]
    chosen = _chosen(paths, peer.most)
    runs: list[Run] = []
    failure, gave_up = "", 0.0
    for sky in skies:
        job = Job(
            peer=name,
            workload=workload.name,
            target=_target(sky, chosen, workload),
            practice=_target(near, scene.practice[workload.granules], workload),
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
        peer=name,
        title=title,
        kept=kept,
        runs=tuple(runs),
        failure=failure,
        gave_up=gave_up,
        read=len(chosen),
        of=len(paths),
    )
