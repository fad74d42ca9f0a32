"""One read, measured. Runs in a process of its own; prints a `Cost` as JSON."""

from __future__ import annotations

import json
import os
import re
import resource
import sys
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from threading import Timer
from typing import Any

from benchmarks.check import verdict
from benchmarks.peers import load_peer
from benchmarks.place import Place, Target
from benchmarks.workload import Workload
from benchmarks.workloads import WORKLOADS
from cryodata.keep.keeping import flush

__all__ = ["TOO_SLOW", "Cost", "Job", "forget_peak", "main", "peak", "processor"]

TOO_SLOW = 75
"""Exit code of a process whose patience is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What one process is to do.

    Attributes
    ----------
    peer, workload : str
        Names.
    target : Target
        The granules on the wire that is measured.
    practice : Target
        Small granules of the same layout on another wire: read once before the clock
        starts, so that neither imports nor first calls are counted.
    expected : str
        File that `check.expected_values` or `check.expected_rows` wrote.
    patience : float
        The process ends itself, with code `TOO_SLOW`, where the read takes more seconds.
    variables : tuple of str
        In place of those of the workload; empty keeps them.
    cores : int
        Processors it may use; 0 for all.
    """

    peer: str
    workload: str
    target: Target
    practice: Target
    expected: str
    patience: float = 600.0
    variables: tuple[str, ...] = ()
    cores: int = 0

    @property
    def asked(self) -> Workload:
        """The workload, with the variables that are asked for."""
        workload = WORKLOADS[self.workload]
        return replace(workload, variables=self.variables) if self.variables else workload

    def to_json(self) -> str:
        """As one argument of a command line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Job:
        """The inverse of `to_json`."""
        fields: dict[str, Any] = json.loads(text)
        fields["variables"] = tuple(fields["variables"])
        target, practice = _target(fields.pop("target")), _target(fields.pop("practice"))
        return cls(**fields, target=target, practice=practice)


def _target(fields: dict[str, Any]) -> Target:
    box = fields["box"]
    return Target(
        tuple(Place(**place) for place in fields["places"]), None if box is None else tuple(box)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What the read cost the client.

    Attributes
    ----------
    seconds : float
        From the call to arrays in memory.
    cpu : float
        Processor seconds of all threads in that time.
    memory : int
        Most memory held in that time above what the process held before, bytes; the
        arrays themselves are part of it.
    verdict : str
        ``equal`` or ``WRONG: ...``, compared with h5py.
    """

    seconds: float
    cpu: float
    memory: int
    verdict: str


def processor() -> float:
    """Processor seconds of all threads so far."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def peak() -> int:
    """Most resident memory since `forget_peak`, bytes; since the start where that failed."""
    try:
        status = Path("/proc/self/status").read_text("ascii")
    except OSError:
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    (kilobytes,) = re.findall(r"VmHWM:\s+(\d+) kB", status)
    return int(kilobytes) * 1024


def forget_peak() -> None:
    """From now on `peak` counts anew."""
    try:
        Path("/proc/self/clear_refs").write_text("5", "ascii")
    except OSError:
        return  # not Linux, or not allowed: the peak then includes what came before


def measure(job: Job) -> Cost:
    """Practise, read, check."""
    if job.cores:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: job.cores])
    workload = job.asked
    peer = load_peer(job.peer, workload)
    peer.read(job.practice, workload)
    watch = Timer(job.patience, os._exit, [TOO_SLOW])
    watch.daemon = True
    watch.start()
    forget_peak()
    before, cpu, start = peak(), processor(), time.perf_counter()
    arrays = peer.read(job.target, workload)
    seconds, cpu, memory = time.perf_counter() - start, processor() - cpu, peak() - before
    watch.cancel()
    return Cost(
        seconds=seconds,
        cpu=cpu,
        memory=memory,
        verdict=verdict(arrays, Path(job.expected)),
    )


def main() -> None:
    """Do the job given as JSON in the first argument."""
    cost = measure(Job.from_json(sys.argv[1]))
    sys.stdout.write(json.dumps(asdict(cost)) + "\n")
    sys.stdout.flush()
    flush()  # what was learnt, for who reads the same next
    os._exit(0)  # a reader whose threads do not end must not hold up the measurement


if __name__ == "__main__":
    main()
