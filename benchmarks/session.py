"""One run of the benchmarks: the wires, the granules, and every reader in turn."""

from __future__ import annotations

import math
import statistics
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.box import middle_box
from benchmarks.check import expected_rows, expected_values
from benchmarks.child import Job
from benchmarks.granules import Granules
from benchmarks.peer import Peer
from benchmarks.peers import load_peer, peers_for
from benchmarks.place import Place, Target
from benchmarks.trial import FailedError, Run, run_once
from benchmarks.workload import Workload
from cryodata.sandbox import Sky, cloud
from cryodata.sandbox.s3_access import PUBLIC

__all__ = [
    "CLEAR",
    "LONG",
    "ONLY_KEPT",
    "PATIENCE",
    "PRACTICE",
    "Row",
    "Scene",
    "run_all",
    "target_of",
]

LONG = 2.5
"""A read that took longer than this many seconds is not repeated."""
CLEAR = 2.0
"""Nor is one that took this many times longer than that of cryodata: its place is clear."""
PATIENCE = 10.0
"""A read is given up after this many seconds, so that all of it stays bounded."""
FAR_LARGER = 5
"""Times the bytes."""
PRACTICE = "practice/"
"""Folder of small granules in the bucket: what is kept of them is not taken for the large."""
ONLY_KEPT = frozenset({"virtualizarr_default"})
"""Differs from another reader in a number that does not tell before references are kept."""
PREPARING = 15.0
"""Seconds for references of a reader that was given up cold, made without distance."""


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
    tried : bool
        False where it was given up at less of the same kind, and so was not tried at it.
    place : str
        ``local``, or the profile of the wire.
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
    tried: bool = True
    place: str = "in_region"
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
    local : bool
        Files of this machine are read, and the wire is not.
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
    local: bool = False
    seeds: tuple[int, ...] = (1, 2, 3)
    patience: float = PATIENCE
    say: Callable[[str], None] = field(default=print)

    @property
    def place(self) -> str:
        """As `Row.place` has it."""
        return "local" if self.local else self.profile


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
                for sky in (*skies, near):
                    sky.put(path)
            for path in scene.practice[workload.granules]:
                near.put(path, PRACTICE + path.name)
            ours: dict[bool, float] = {}
            for name in peers_for(workload, local=scene.local):
                if name not in peers:
                    continue
                if any(name == o and _more(scene, workload, less) for o, less in hopeless):
                    yield _row(scene, workload, name, gave_up=scene.patience, tried=False)
                    continue
                expected = _expect(scene, workload, load_peer(name, workload).most, folder)
                trials = Trials(scene, workload, name, skies, near, expected, ours)
                rows = list(trials.rows())
                yield from rows
                if name == "cryodata":
                    ours |= {row.kept: row.seconds for row in rows if row.runs}
                if not any(row.runs for row in rows) and any(row.gave_up for row in rows):
                    hopeless.append((name, workload))


@dataclass(frozen=True, slots=True)
class Trials:
    """One reader at one job.

    Attributes
    ----------
    ours : mapping of bool to float
        Seconds of cryodata, cold and with its index kept, as far as they are known.
    """

    scene: Scene
    workload: Workload
    name: str
    skies: Sequence[Sky]
    near: Sky
    expected: Path
    ours: Mapping[bool, float]

    def rows(self) -> Iterator[Row]:
        """The cold one, and the one with what it keeps kept where there is such."""
        peer = load_peer(self.name, self.workload)
        runs: dict[bool, list[Run]] = {False: [], True: []}
        ended: dict[bool, dict[str, Any]] = {False: {}, True: {}}
        modes = [False, True] if peer.keeps else [False]
        if self.name in ONLY_KEPT:
            modes = [True]
        with ExitStack() as caches:
            cache = ""
            for sky in self.skies:
                for kept in modes:
                    if ended[kept] or not self._worth(runs[kept], kept):
                        continue
                    self.scene.say(f"{self.workload.title}: {_title(peer, kept)}")
                    if not kept or not cache:
                        cache = caches.enter_context(
                            tempfile.TemporaryDirectory(prefix="cryodata-bench-cache-")
                        )
                    ended[kept] = self._once(sky, kept, cache, runs)
                    if kept and ended[False] and not runs[True]:
                        break  # nothing to be kept
                    if not kept and ended[kept]:
                        cache = ""
        for kept in modes:
            if kept and ended[False].get("failure"):
                continue
            yield _row(
                self.scene,
                self.workload,
                self.name,
                kept=kept,
                runs=tuple(runs[kept]),
                **ended[kept],
            )

    def _worth(self, runs: Sequence[Run], kept: bool) -> bool:
        """Whether another run could change the place of a reader among the others."""
        if not runs:
            return True
        if runs[0].cost.seconds > LONG:
            return False
        peer = load_peer(self.name, self.workload)
        paths = self.scene.granules[self.workload.granules]
        seconds = runs[0].cost.seconds * len(paths) / len(_chosen(paths, peer.most))
        return seconds <= CLEAR * self.ours.get(kept, math.inf)

    def _once(
        self, sky: Sky, kept: bool, cache: str, runs: Mapping[bool, list[Run]]
    ) -> dict[str, Any]:
        """One run more; or how it ended without."""
        once = partial(run_once, cache=cache)
        if kept and not any(runs.values()):  # given up cold: made where there is no distance
            try:
                once(self._job(self.near, PREPARING), self.near, profile="none")
            except TimeoutError:
                return {"failure": f"nothing to be kept after {PREPARING:.0f} s, without distance"}
            except FailedError as error:
                return {"failure": str(error)}
        try:
            job = self._job(sky, self.scene.patience)
            runs[kept].append(once(job, sky, profile=self.scene.profile))
        except TimeoutError:
            return {"gave_up": self.scene.patience}
        except FailedError as error:
            return {"failure": str(error)}
        return {}

    def _job(self, sky: Sky, patience: float) -> Job:
        peer = load_peer(self.name, self.workload)
        chosen = _chosen(self.scene.granules[self.workload.granules], peer.most)
        practice = self.scene.practice[self.workload.granules][: 1 if peer.most else None]
        return Job(
            peer=self.name,
            workload=self.workload.name,
            target=target_of(sky, chosen, self.workload, local=self.scene.local),
            practice=target_of(
                self.near, practice, self.workload, local=self.scene.local, folder=PRACTICE
            ),
            expected=str(self.expected),
            patience=patience,
        )


def _more(scene: Scene, workload: Workload, less: Workload) -> bool:
    """Whether a reader that was given up at `less` need not be tried at `workload`.

    It wants all that the other does, and more; or the like of granules that are far larger.
    """
    if workload.includes(less):
        return True
    size, other = (_bytes(scene, job) for job in (workload, less))
    alike = bool(workload.box) == bool(less.box)
    return alike and size > FAR_LARGER * other


def _bytes(scene: Scene, workload: Workload) -> int:
    return sum(path.stat().st_size for path in scene.granules[workload.granules])


def _title(peer: Peer, kept: bool) -> str:
    return peer.title + (f", {peer.keeps} kept" if kept else "")


def _row(
    scene: Scene,
    workload: Workload,
    name: str,
    *,
    kept: bool = False,
    runs: tuple[Run, ...] = (),
    **ended: Any,
) -> Row:
    """What became of a reader at a job."""
    peer = load_peer(name, workload)
    paths = scene.granules[workload.granules]
    return Row(
        workload=workload.name,
        peer=name,
        title=_title(peer, kept),
        kept=kept,
        runs=runs,
        place=scene.place,
        read=len(_chosen(paths, peer.most)),
        of=len(paths),
        **ended,
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


def target_of(
    sky: Sky, paths: Sequence[Path], workload: Workload, *, local: bool = False, folder: str = ""
) -> Target:
    """Granules where a reader finds them, and the box of the job."""
    places = tuple(
        Place(sky.url, PUBLIC, folder + path.name, str(path) if local else "") for path in paths
    )
    return Target(places, middle_box(paths[0], workload) if workload.box else None)
