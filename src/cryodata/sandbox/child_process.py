"""A process that does what it is told, by commands through a pipe, and ends with its maker."""

from __future__ import annotations

import pickle
import subprocess
import threading
from collections.abc import Sequence
from typing import Any

from cryodata.errors import ConfigurationError

__all__ = ["ChildProcess"]


class ChildProcess:
    """Another process, told what to do over its standard input; thread-safe.

    A command is a pickled ``(name, args, kwargs)``, and its answer what the function of that
    name returned there, or the exception it raised. When this process dies, however it dies,
    the pipe closes: that tells the other to end.

    Parameters
    ----------
    command : sequence of str
        What to run.
    name : str
        Of what runs there, for errors: ``the wire``.
    patience : float
        Time it has to end by itself, s.
    """

    def __init__(self, command: Sequence[str], *, name: str, patience: float) -> None:
        self._command = list(command)
        self._name = name
        self._patience = patience
        self._turn = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Number of the process; 0 while there is none."""
        return self._process.pid if self._process is not None else 0

    def start(self) -> None:
        """Start it. It may already fail, which the first question shows."""
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for this process alone
        )

    def stop(self) -> None:
        """End it. Nothing happens if it is not running."""
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        try:
            process.wait(self._patience)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()

    def ask(self, command: str, *args: Any, **kwargs: Any) -> Any:
        """Have it do something; its answer.

        Raises
        ------
        ConfigurationError
            It is not running, or has ended.
        Exception
            Whatever the command ended with there.
        """
        process = self._process
        if process is None:
            raise ConfigurationError(f"{self._name} is not running", fix="Use it inside `with`.")
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            with self._turn:
                pickle.dump((command, args, kwargs), process.stdin)
                process.stdin.flush()
                answer = pickle.load(process.stdout)
        except (EOFError, BrokenPipeError):
            raise ConfigurationError(
                f"{self._name} has ended (exit code {process.wait()})"
            ) from None
        if isinstance(answer, Exception):
            raise answer
        return answer
