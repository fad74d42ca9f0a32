"""The wire in a process of its own, so that it does not slow down the reader it measures."""

from __future__ import annotations

import sys
from typing import Any, Self

from cryodata.errors import ConfigurationError
from cryodata.sandbox.child_process import ChildProcess
from cryodata.sandbox.faults import Fault
from cryodata.sandbox.log import RequestLog
from cryodata.sandbox.profiles import Profile, as_profile

__all__ = ["WireProcess"]

PATIENCE = 5.0
"""Time the process has to end by itself, s."""


class WireProcess:
    """A `Wire` behind the same interface, in another process.

    It takes the arguments of `Wire` but for `origin`, and offers what `Wire` offers but for
    faults of kind ``call``. It stops with this process, however that ends.
    """

    def __init__(self, **arguments: Any) -> None:
        self.url = ""
        self._arguments = arguments
        self._process = ChildProcess(
            [sys.executable, "-m", "cryodata.sandbox.wire_main"], name="the wire", patience=PATIENCE
        )
        ask = self._process.ask
        self.log = RequestLog(lambda: ask("entries"), lambda: ask("clear"))

    def profile(self, what: str | Profile) -> None:
        """Move the cloud, see `Wire.profile`."""
        self._process.ask("profile", as_profile(what))

    def connect_from(self, address: str) -> None:
        """Ask the server behind from another address, see `Wire.connect_from`."""
        self._process.ask("connect_from", address)

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
        return int(self._process.ask("fault", fault, **rule))

    def fired(self, number: int) -> int:
        """How many requests a fault has struck."""
        return int(self._process.ask("fired", number))

    def clear_faults(self) -> None:
        """End all faults."""
        self._process.ask("clear_faults")

    def cpu_seconds(self) -> float:
        """Processor time the wire has used, s."""
        return float(self._process.ask("cpu_seconds"))

    def start(self) -> Self:
        """Start the process; `url` says where it listens."""
        self._process.start()
        try:
            self.url = self._process.ask("start", **self._arguments)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """End the process. Nothing happens if it is not running."""
        self._process.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exc: object) -> None:
        self.stop()
