"""Run a reader on a hostile file where it can do no harm: in a forked child, under limits.

A server process without threads imports what the jobs need, once; each job is a fork of
it, so that it costs milliseconds, cannot take the tests with it, and its memory can be
told from that of the interpreter.
"""

from __future__ import annotations

import os
import pickle
import resource
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

__all__ = ["Bounds", "Outcome", "Sandbox"]

PROJECT = Path(__file__).resolve().parents[2]
PAGE = resource.getpagesize()


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one job may take: `seconds` of wall time, `memory` bytes of address space."""

    seconds: int = 5
    memory: int = 4 << 30


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a job.

    Attributes
    ----------
    value : object
        What it returned; None where it did not.
    error : str
        Class of the exception it raised.
    typed : bool
        The exception is a `CryodataError`.
    what : str
        The exception's text; its traceback where it is not typed.
    signal : str
        What ended the process: ``SIGSEGV``, ...
    hung : bool
        It took longer than it may.
    seconds : float
    memory : int
        Peak resident bytes above those of the interpreter it was forked from.
    """

    value: Any = None
    error: str = ""
    typed: bool = False
    what: str = ""
    signal: str = ""
    hung: bool = False
    seconds: float = 0.0
    memory: int = 0

    @property
    def returned(self) -> bool:
        """It came to its end, and `value` is what it returned."""
        return not (self.error or self.signal or self.hung)


class Sandbox:
    """The server, started on entry and ended on exit."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-c", f"from {__name__} import serve; serve()"],
            cwd=PROJECT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        return self

    def __exit__(self, *exc: object) -> None:
        if self._process is not None:
            self._process.communicate()  # the end of its input ends it

    def run(self, job: Callable[..., Any], *args: Any, bounds: Bounds | None = None) -> Outcome:
        """What becomes of ``job(*args)``, in a process of its own."""
        process = self._process
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        pickle.dump((job, args, bounds or Bounds()), process.stdin)
        process.stdin.flush()
        outcome = pickle.load(process.stdout)
        assert isinstance(outcome, Outcome)
        return outcome


def serve() -> None:
    """Answer requests on stdin until there are no more."""
    requests, replies = sys.stdin.buffer, sys.stdout.buffer
    while True:
        try:
            job, args, bounds = pickle.load(requests)  # imports what the job needs, here
        except EOFError:
            return
        pickle.dump(run_forked(job, args, bounds), replies)
        replies.flush()


def run_forked(job: Callable[..., Any], args: tuple[Any, ...], bounds: Bounds) -> Outcome:
    """Fork, run, and wait for the end, whichever it is."""
    baseline = resident()
    began = time.perf_counter()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        try:
            confine(bounds)
            reply = answer(job, args)
        except BaseException:  # noqa: BLE001 - the child must never return into the server's loop
            reply = pickle.dumps(Outcome(error="unpicklable", what=traceback.format_exc()))
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(reply)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        reply = pipe.read()
    _, status, usage = os.wait4(child, 0)
    seconds = time.perf_counter() - began
    memory = max(0, usage.ru_maxrss * 1024 - baseline)
    if os.WIFSIGNALED(status):
        name = signal.Signals(os.WTERMSIG(status)).name
        hung = name == "SIGALRM"
        ended = Outcome(signal="" if hung else name, hung=hung)
    else:
        ended = pickle.loads(reply)
    return replace(ended, seconds=seconds, memory=memory)


def confine(bounds: Bounds) -> None:
    """Limits of memory and time, no core dump, nothing on the terminal."""
    resource.setrlimit(resource.RLIMIT_AS, (bounds.memory, bounds.memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(bounds.seconds)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)


def answer(job: Callable[..., Any], args: tuple[Any, ...]) -> bytes:
    from cryodata.errors import CryodataError

    try:
        return pickle.dumps(Outcome(value=job(*args)))
    except CryodataError as error:
        return pickle.dumps(Outcome(error=type(error).__name__, typed=True, what=str(error)))
    except BaseException as error:  # noqa: BLE001 - any other class is what the tests look for
        return pickle.dumps(Outcome(error=type(error).__name__, what=traceback.format_exc()))


def resident() -> int:
    """Resident bytes of this process now."""
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * PAGE
