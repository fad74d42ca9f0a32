"""The wire: a programmable stretch of network between a reader and a local origin."""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Callable
from typing import Self

from cryodata.errors import ConfigurationError
from cryodata.sandbox.connection import Connection
from cryodata.sandbox.faults import Fault, Faults, Rule
from cryodata.sandbox.http import Origin
from cryodata.sandbox.log import Recorder, RequestLog
from cryodata.sandbox.loop_thread import LoopThread
from cryodata.sandbox.profiles import Profile, as_profile
from cryodata.sandbox.s3_origin import S3Origin
from cryodata.sandbox.static_origin import StaticOrigin

__all__ = ["Wire"]

SLICE_SECONDS = 0.004
"""A body is sent in slices of about this much time on its connection."""
SMALLEST_SLICE = 1 << 16
LARGEST_SLICE = 1 << 20


class Wire:
    """An HTTP server on loopback that imitates the way to S3 and back.

    The first byte of a reply leaves when the origin is ready and the latency sampled for
    the request has passed, whichever is later: the origin's own time is hidden. Bodies are
    paced per connection and on a link shared by all connections.

    Runs on a thread of this process, and so shares its interpreter lock with the reader.
    For measurements use `WireProcess`, which has the same interface.

    Parameters
    ----------
    root : path, optional
        Folder to serve, ``<root>/<bucket>/<key>``.
    upstream : str, optional
        ``host:port`` of an S3 server to stand before.
    origin : Origin, optional
        Where else replies come from. One of these three is given.
    name : str
        What this machine is called in `url`: ``127.0.0.1`` or ``localhost``.
    profile : str or Profile
        Distance, see `PROFILES`.
    seed : int
        Makes latencies and the chance of faults repeatable.

    Examples
    --------
    >>> with Wire(root=folder, profile="in_region", seed=1) as wire:  # doctest: +SKIP
    ...     wire.fault(Fault("reset", at=4096), path="granule", times=2)
    ...     read(f"{wire.url}/public/granule.h5")
    ...     print(wire.log.summary())
    """

    def __init__(
        self,
        *,
        root: str | os.PathLike[str] | None = None,
        upstream: str | None = None,
        origin: Origin | None = None,
        name: str = "127.0.0.1",
        profile: str | Profile = "none",
        seed: int = 0,
    ) -> None:
        if (root, upstream, origin).count(None) != 2:
            raise ConfigurationError("a wire needs one of root= or upstream= or origin=")
        self.url = ""
        self.in_flight = 0
        self.connections: set[Connection] = set()
        self.recorder = Recorder()
        self.log = RequestLog(self.recorder.entries, self.recorder.clear)
        self.faults = Faults(seed)
        self._seed = seed
        self._name = name
        self.origin = origin or _origin(root, upstream)
        self._thread = LoopThread(self._serve, "sandbox-wire")
        self.profile(profile)

    def profile(self, what: str | Profile) -> None:
        """Move the cloud: change latency and bandwidth, and begin the latencies anew.

        Two readers compared see the same sequence of latencies if the profile is set
        before each.
        """
        profile = as_profile(what)
        self._link_free = 0.0
        self._rng = random.Random(self._seed)
        rate = min(profile.connection, profile.link)
        self.slice_bytes = int(min(max(rate * SLICE_SECONDS, SMALLEST_SLICE), LARGEST_SLICE))
        self._profile = profile

    def connect_from(self, address: str) -> None:
        """Ask the server behind from another address of loopback, see `S3Origin`.

        Raises
        ------
        ConfigurationError
            If there is no S3 server behind.
        """
        if not isinstance(self.origin, S3Origin):
            raise ConfigurationError("a wire without an S3 server behind", fix="Wire(upstream=)")
        self.origin.source = address

    def fault(
        self,
        fault: Fault,
        *,
        path: str = "",
        method: str = "GET",
        skip: int = 0,
        times: int | None = None,
        prob: float = 1.0,
    ) -> int:
        """Put a fault in force for the requests a `Rule` with these fields matches.

        Returns a number to ask `fired` for.
        """
        rule = Rule(path=path, method=method, skip=skip, times=times, prob=prob)
        return self.faults.add(fault, rule)

    def fired(self, number: int) -> int:
        """How many requests a fault has struck."""
        return self.faults.fired(number)

    def clear_faults(self) -> None:
        """End all faults."""
        self.faults.clear()

    def first_byte(self) -> float:
        """The next time to first byte, s."""
        model = self._profile.first_byte
        return model.sample(self._rng) if model else 0.0

    def pace(self) -> Callable[[int], float]:
        """Begin a body.

        Returns
        -------
        callable
            Takes the size of the next slice, bytes, and says when its last byte arrives, on
            the clock of `time.perf_counter`: as late as the connection makes it, or the
            link that all bodies share.
        """
        profile, arrived = self._profile, time.perf_counter()

        def due(nbytes: int) -> float:
            nonlocal arrived
            arrived += nbytes / profile.connection
            self._link_free = max(self._link_free, time.perf_counter()) + nbytes / profile.link
            return max(arrived, self._link_free)

        return due

    def start(self) -> Self:
        """Listen on a free port of loopback; `url` says which."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Cut all connections and end the thread. Nothing happens if it is not running."""
        self._thread.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exc: object) -> None:
        self.stop()

    async def _serve(self, begun: Callable[[], None], stop: asyncio.Event) -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Connection(self), "127.0.0.1", 0, backlog=1024)
        self.url = f"http://{self._name}:{server.sockets[0].getsockname()[1]}"
        begun()
        await stop.wait()
        server.close()
        for connection in list(self.connections):
            connection.transport.abort()
        self.origin.close()


def _origin(root: str | os.PathLike[str] | None, upstream: str | None) -> Origin:
    return S3Origin(upstream) if upstream is not None else StaticOrigin(root or "")
