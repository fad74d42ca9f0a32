"""The other end of `WireProcess`: the process that runs the wire and obeys."""

from __future__ import annotations

import pickle
import sys
import time
from collections.abc import Callable
from typing import IO, Any

from cryodata.sandbox.wire import Wire

__all__: list[str] = []


def _serve(commands: IO[bytes], answers: IO[bytes]) -> None:
    """Do what comes in until nothing more can come."""
    _, _, arguments = pickle.load(commands)
    with Wire(**arguments) as wire:
        table: dict[str, Callable[..., Any]] = {
            "entries": wire.recorder.entries,
            "clear": wire.log.clear,
            "profile": wire.profile,
            "connect_from": wire.connect_from,
            "fault": wire.fault,
            "fired": wire.fired,
            "clear_faults": wire.clear_faults,
            "cpu_seconds": time.process_time,
        }
        answer: Any = wire.url
        while True:
            pickle.dump(answer, answers)
            answers.flush()
            try:
                command, args, kwargs = pickle.load(commands)
            except EOFError:
                return
            try:
                answer = table[command](*args, **kwargs)
            except Exception as error:  # noqa: BLE001 - raised where the command came from
                answer = error


if __name__ == "__main__":
    _serve(sys.stdin.buffer, sys.stdout.buffer)
