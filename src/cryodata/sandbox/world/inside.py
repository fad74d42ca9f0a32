"""A world from inside: the process that plays all of Earthdata and runs programs before it."""

from __future__ import annotations

import os
import pickle
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from cryodata.sandbox.earthdata import PROTECTED, Names
from cryodata.sandbox.earthdata.imds import ADDRESS, ImdsOrigin
from cryodata.sandbox.earthdata.status import StatusOrigin
from cryodata.sandbox.faults import Fault
from cryodata.sandbox.front import Front
from cryodata.sandbox.log import RequestLog
from cryodata.sandbox.s3server import ANYWHERE, DOMAIN
from cryodata.sandbox.sky import cloud
from cryodata.sandbox.wire import Wire
from cryodata.sandbox.world.network import (
    add_address,
    loopback_up,
    name_hosts,
    remove_address,
    trust,
)
from cryodata.sandbox.world.outcome import Host, Outcome, Program

__all__: list[str] = []

STATUS = "status.earthdata.nasa.gov"
KEPT = ("PATH", "LANG", "LC_ALL", "PYTHONPATH", "VIRTUAL_ENV")
"""What a program gets of the environment here."""


class _Inside:
    """All that is in a world, from `start` on."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._program: subprocess.Popen[str] | None = None
        self._over = False
        self._door: ExitStack | None = None

    def start(self, *, session: str) -> Mapping[str, str]:
        """Start everything; returns the user's name and password."""
        enter = self._stack.enter_context
        folder = Path(enter(tempfile.TemporaryDirectory(prefix="cryodata-world-")))
        loopback_up()
        self._sky = enter(cloud("none", session=session, earthdata=Names()))
        self._earth = self._sky.earthdata
        self._imds = enter(Wire(origin=ImdsOrigin()))
        status = enter(Wire(origin=StatusOrigin()))
        s3 = self._sky.url
        routes = {
            **self._earth.routes(),
            **dict.fromkeys((DOMAIN, ANYWHERE), s3),
            **{f"{PROTECTED}.{name}": s3 for name in (DOMAIN, ANYWHERE)},
            STATUS: status.url,
        }
        routes = {name: url for name, url in routes.items() if not name.startswith(".")}
        name_hosts(routes, folder)
        context, self._bundle = trust(routes, folder)
        enter(Front(routes, tls=context, port=443))
        return {"user": self._earth.user, "password": self._earth.password}

    def move(self, *, inside: bool) -> None:
        """Into the region: S3 reads, and there is a metadata service. Or out of it."""
        if inside:
            self._earth.inside()
        else:
            self._earth.outside()
        if inside and self._door is None:
            self._door = self._stack.enter_context(ExitStack())
            add_address(ADDRESS)
            self._door.callback(remove_address)
            self._door.enter_context(Front({ADDRESS: self._imds.url}, host=ADDRESS, port=80))
        elif not inside and self._door is not None:
            self._door.close()
            self._door = None

    def publish(self, path: Path, **variant: Any) -> dict[str, Any]:
        """See `Earth.publish`."""
        return self._earth.publish(path, **variant)

    def fault(self, host: Host, fault: Fault, **rule: Any) -> None:
        """Put a fault in force at a host."""
        self._hosts()[host].fault(fault, **rule)

    def clear_faults(self) -> None:
        """End all faults."""
        for wire in (*self._earth.wires, self._imds, self._sky._wire):
            wire.clear_faults()

    def run(self, program: Program) -> Outcome:
        """Run a program to its end."""
        logs: dict[Host, RequestLog] = {name: host.log for name, host in self._hosts().items()}
        for log in logs.values():
            log.clear()
        with tempfile.TemporaryDirectory(prefix="cryodata-home-") as home:
            process = self._program = subprocess.Popen(
                [program.python, *program.arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                cwd=home,
                env=self._environment(program, Path(home)),
                start_new_session=True,  # so that what it starts can be ended with it
            )
            if self._over:  # said while it was being started
                self.kill()
            try:
                out, err = process.communicate(timeout=program.timeout)
            except subprocess.TimeoutExpired:
                self.kill()
                out, err = process.communicate()
                err += f"\nkilled after {program.timeout} s"
            self.kill()
            self._program = None
        return Outcome(
            returncode=process.returncode,
            stdout=out,
            stderr=err,
            requests={name: tuple(log) for name, log in logs.items()},
        )

    def kill(self) -> None:
        """End the program and all that it has started and left behind."""
        program = self._program
        if program is not None:
            with suppress(ProcessLookupError):
                os.killpg(program.pid, signal.SIGKILL)

    def end(self) -> None:
        """End the program that runs, and any that is being started."""
        self._over = True
        self.kill()

    def token(self, life: float) -> str:
        """A token of the user."""
        return self._earth.token(life=life)

    def _hosts(self) -> dict[Host, Any]:
        earth = self._earth
        return {
            "edl": earth.edl,
            "data": earth.data,
            "cdn": earth.cdn,
            "cmr": earth.cmr,
            "s3": self._sky,
            "imds": self._imds,
        }

    def _environment(self, program: Program, home: Path) -> dict[str, str]:
        """What a program finds: a home, whom to trust, its login, and what was asked for."""
        earth = self._earth
        made = {name: os.environ[name] for name in KEPT if name in os.environ}
        made["HOME"] = str(home)
        for name in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "AWS_CA_BUNDLE"):
            made[name] = str(self._bundle)
        match program.login:
            case "password":
                made["EARTHDATA_USERNAME"] = earth.user
                made["EARTHDATA_PASSWORD"] = earth.password
            case "token":
                made["EARTHDATA_TOKEN"] = earth.token()
            case "netrc":
                host = urlsplit(Names().edl).netloc
                line = f"machine {host} login {earth.user} password {earth.password}\n"
                netrc = home / ".netrc"
                netrc.touch(mode=0o600)
                netrc.write_text(line, "utf-8")
            case "none":
                pass
        return {**made, **program.environment}


def _serve(commands: IO[bytes], answers: IO[bytes]) -> None:
    """Do what comes in until nothing more can come; then end whatever runs."""
    with ExitStack() as stack:
        world = _Inside(stack)
        waiting: queue.SimpleQueue[Any] = queue.SimpleQueue()

        def read() -> None:
            while True:
                try:
                    waiting.put(pickle.load(commands))
                except (EOFError, pickle.UnpicklingError):
                    waiting.put(None)
                    world.end()
                    return

        threading.Thread(target=read, daemon=True).start()
        table: dict[str, Callable[..., Any]] = {
            "start": world.start,
            "move": world.move,
            "publish": world.publish,
            "fault": world.fault,
            "clear_faults": world.clear_faults,
            "run": world.run,
            "token": world.token,
        }
        while (command := waiting.get()) is not None:
            name, args, kwargs = command
            try:
                answer = table[name](*args, **kwargs)
            except Exception as error:  # noqa: BLE001 - raised where the command came from
                answer = error
            pickle.dump(answer, answers)
            answers.flush()


if __name__ == "__main__":
    answering = os.dup(1)
    os.dup2(2, 1)  # whatever else is printed here must not get between the answers
    with os.fdopen(answering, "wb") as answers:
        _serve(sys.stdin.buffer, answers)
