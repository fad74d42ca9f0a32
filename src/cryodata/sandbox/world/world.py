"""A world from outside: made, told what to run in it, and ended."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Self

from cryodata.errors import ConfigurationError
from cryodata.sandbox.child_process import ChildProcess
from cryodata.sandbox.faults import Fault
from cryodata.sandbox.world.outcome import Host, Login, Outcome, Program

__all__ = ["World", "available", "run_in_world"]

PATIENCE = 30.0
"""Time for a world to end by itself, s."""


@cache
def available() -> str:
    """Why there can be no world here; empty where there can."""
    if sys.platform != "linux":
        return "other systems than Linux have no namespaces"
    for tool in ("unshare", "mount"):
        if shutil.which(tool) is None:
            return f"{tool} of util-linux is not installed"
    for module in ("trustme", "boto3"):
        if find_spec(module) is None:
            return f'{module} is not installed: pip install "cryodata-earth[sandbox]"'
    probe = subprocess.run([*_unshare(), "true"], capture_output=True, text=True, check=False)
    if probe.returncode:
        return f"no namespaces for this user: {probe.stderr.strip().splitlines()[-1]}"
    return ""


class World:
    """NASA Earthdata under its own host names, in namespaces that hold nothing else.

    Needs Linux, and to be root or to be allowed user namespaces: see `available`.

    Parameters
    ----------
    inside : bool
        Whether it lies in the region of the buckets.
    granules : sequence of path
        Published before anything runs.
    session : str
        Life of S3 keys, ``3s`` or ``1h``.

    Attributes
    ----------
    secrets : mapping of str to str
        Name and password of the user: what must not be found where it does not belong.

    Examples
    --------
    >>> with World(granules=[path]) as world:  # doctest: +SKIP
    ...     done = world.run("import earthaccess; earthaccess.login()", login="password")
    ...     print(done.check(), len(done.requests["edl"]))
    """

    def __init__(
        self,
        *,
        inside: bool = True,
        granules: Sequence[str | os.PathLike[str]] = (),
        session: str = "1h",
    ) -> None:
        self.secrets: Mapping[str, str] = {}
        self._inside = inside
        self._granules = [Path(granule).resolve() for granule in granules]
        self._session = session
        self._process = ChildProcess(
            [*_unshare(), sys.executable, "-m", "cryodata.sandbox.world.inside"],
            name="the world",
            patience=PATIENCE,
        )

    def start(self) -> Self:
        """Make the namespaces and start all servers in them.

        Raises
        ------
        ConfigurationError
            If there can be no world here.
        """
        if reason := available():
            raise ConfigurationError("there can be no world of its own here", fix=reason)
        self._process.start()
        try:
            self.secrets = self._process.ask("start", session=self._session)
            self.move(inside=self._inside)
            for granule in self._granules:
                self.publish(granule)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """End the world and all that is in it. Nothing happens if it is not there."""
        self._process.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def run(
        self,
        script: str | Path,
        *arguments: str | os.PathLike[str],
        login: Login = "password",
        python: str = sys.executable,
        env: Mapping[str, str] | None = None,
        timeout: float = 120.0,
    ) -> Outcome:
        """Run a program to its end.

        Parameters
        ----------
        script : str or Path
            A file, or the program itself as a string.
        *arguments : str or path
            What it finds in ``sys.argv``.
        login : {"password", "token", "netrc", "none"}
            How it finds its user. It gets a home of its own, and nothing else of this
            process's environment.
        python : str
            The interpreter.
        env : mapping, optional
            More variables.
        timeout : float
            After so many seconds it is killed.
        """
        with tempfile.TemporaryDirectory(prefix="cryodata-program-") as folder:
            path = script
            if isinstance(script, str):
                path = Path(folder) / "program.py"
                path.write_text(script, "utf-8")
            words = (os.fspath(path), *(os.fspath(argument) for argument in arguments))
            program = Program(
                python=python,
                arguments=words,
                login=login,
                environment=dict(env or {}),
                timeout=timeout,
            )
            outcome: Outcome = self._process.ask("run", program)
        return outcome

    def publish(self, path: str | os.PathLike[str], **variant: Any) -> dict[str, Any]:
        """Publish a granule, see `Earth.publish`; returns its record."""
        record: dict[str, Any] = self._process.ask("publish", Path(path).resolve(), **variant)
        return record

    def token(self, life: float = 3600.0) -> str:
        """A token of the user, good for `life` seconds."""
        token: str = self._process.ask("token", life)
        return token

    def move(self, *, inside: bool) -> None:
        """Move what runs here into the region of the buckets, or out of it."""
        self._process.ask("move", inside=inside)

    def fault(self, host: Host, fault: Fault, **rule: Any) -> None:
        """Put a fault in force at a host, see `Wire.fault`."""
        self._process.ask("fault", host, fault, **rule)

    def clear_faults(self) -> None:
        """End all faults."""
        self._process.ask("clear_faults")


def run_in_world(
    script: str | Path,
    *arguments: str | os.PathLike[str],
    inside: bool = True,
    granules: Sequence[str | os.PathLike[str]] = (),
    session: str = "1h",
    login: Login = "password",
    python: str = sys.executable,
    env: Mapping[str, str] | None = None,
    timeout: float = 120.0,
) -> Outcome:
    """Run one program in a world made for it; see `World` and `World.run`."""
    with World(inside=inside, granules=granules, session=session) as world:
        return world.run(script, *arguments, login=login, python=python, env=env, timeout=timeout)


def _unshare() -> list[str]:
    """The command that runs another in new namespaces of mounts and network."""
    user = [] if os.geteuid() == 0 else ["--map-root-user"]
    return ["unshare", "--mount", "--net", *user, "--"]
