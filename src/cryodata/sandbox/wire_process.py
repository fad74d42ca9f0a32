"""The wire in a process of its own, so that it does not slow down the reader it measures."""

from __future__ import annotations

import pickle
import subprocess
import sys
import threading
from typing import Any, Self

from cryodata.errors import ConfigurationError
from cryodata.sandbox.faults import Fault
from cryodata.sandbox.log import RequestLog
from cryodata.sandbox.profiles import Profile, as_profile

__all__ = ["WireProcess"]

PATIENCE = 5.0
"""Time the process has to end by itself, s."""


class WireProcess:
    """A `Wire` behind the same interface, in another process.

    It takes the arguments of `Wire` but for `origin`, and offers what `Wire` offers but for
    faults of kind ``call``. Commands go through the process's standard input, which also
    ends it: when this process dies, however it dies, the pipe closes and the wire stops.
    """

    def __init__(self, **arguments: Any) -> None:
        self.url = ""
        self.log = RequestLog(lambda: self._ask("entries"), lambda: self._ask("clear"))
        self._arguments = arguments
        self._turn = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def profile(self, what: str | Profile) -> None:
        """Move the cloud, see `Wire.profile`."""
        self._ask("profile", as_profile(what))

    def connect_from(self, address: str) -> None:
        """Ask the server behind from another address, see `Wire.connect_from`."""
        self._ask("connect_from", address)

    def fault(self, fault: Fault, **rule: Any) -> int:
        """Put a fault in force, see `Wire.fault`.

        Raises
        ------
        ConfigurationError
            If the fault calls a function: that cannot go into another process.
        """
        if fault.call is not None:
            raise ConfigurationError(
                "a fault of kind 'call' on a wire in another process",
                fix="Use a wire in this process: cloud(process=False).",
            )
        return int(self._ask("fault", fault, **rule))

    def fired(self, number: int) -> int:
        """How many requests a fault has struck."""
        return int(self._ask("fired", number))

    def clear_faults(self) -> None:
        """End all faults."""
        self._ask("clear_faults")

    def cpu_seconds(self) -> float:
        """Processor time the wire has used, s."""
        return float(self._ask("cpu_seconds"))

    def start(self) -> Self:
        """Start the process; `url` says where it listens."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "cryodata.sandbox.wire_main"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for the reader alone
        )
        try:
            self.url = self._ask("start", **self._arguments)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """End the process. Nothing happens if it is not running."""
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def _ask(self, command: str, *args: Any, **kwargs: Any) -> Any:
        """Have the process do something; its answer, or its exception."""
        process = self._process
        if process is None:
            raise ConfigurationError("the wire is not running", fix="Use it inside `with`.")
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            with self._turn:
                pickle.dump((command, args, kwargs), process.stdin)
                process.stdin.flush()
                answer = pickle.load(process.stdout)
        except (EOFError, BrokenPipeError):
            raise ConfigurationError(
                f"the wire's process has ended (exit code {process.wait()})"
            ) from None
        if isinstance(answer, Exception):
            raise answer
        return answer
