"""One measured read: a process, and what the wire saw of it."""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.child import TOO_SLOW, Cost, Job
from cryodata.sandbox import PROFILES, Sky, Summary

__all__ = ["FailedError", "Run", "run_once"]

START = 60.0
"""Time a process has for imports and practice, s."""
NO_WIRE = Summary(
    requests=0, nbytes=0, depth=0, seconds=0.0, in_flight=0, ttfb_p50=0.0, ttfb_p99=0.0
)
ENOUGH = 100
"""Requests whose median latency is close to that of the profile, if the wire keeps up."""


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


class FailedError(Exception):
    """A reader ended without a result; the text is what it said last."""


def run_once(job: Job, sky: Sky, *, profile: str, cache: str) -> Run:
    """Measure one read; the wire's latencies begin anew.

    Parameters
    ----------
    job : Job
        What is read.
    sky : Sky
        Where it is read from.
    profile : str
        Distance of `sky`.
    cache : str
        Folder in which the reader may keep what it learns.

    Raises
    ------
    FailedError
        If the reader fails.
    TimeoutError
        If it takes longer than the job's patience.
    """
    sky.reset()
    wire_cpu = sky.cpu_seconds()
    environment = {**os.environ, "CRYODATA_CACHE": cache, "AWS_EC2_METADATA_DISABLED": "true"}
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.child", job.to_json()]
    try:
        done = subprocess.run(
            command,
            env=environment,
            cwd=Path(__file__).parent.parent,
            capture_output=True,
            text=True,
            timeout=START + job.patience,
            check=False,
        )
    except subprocess.TimeoutExpired:
        done = None
    if done is None or done.returncode == TOO_SLOW:
        raise TimeoutError(f"{job.peer} takes longer than {job.patience:.0f} s")
    lines = done.stdout.splitlines() if done.returncode == 0 else []
    if not lines:
        raise FailedError(_last_error(done.stderr) or f"ended with code {done.returncode}")
    _settle(sky)
    wire = sky.log.summary() if len(sky.log) else NO_WIRE
    return Run(
        cost=Cost(**json.loads(lines[-1])),
        wire=wire,
        wire_cpu=sky.cpu_seconds() - wire_cpu,
        late=_is_late(wire, profile),
    )


def _is_late(wire: Summary, profile: str) -> bool:
    """The median of enough first bytes came a tenth later than asked of the wire."""
    model = PROFILES[profile].first_byte
    asked = model.median if model else math.inf
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
