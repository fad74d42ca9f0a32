"""The whole sandbox behind one `with`: objects, their URLs, the way to them, and what it saw."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from cryodata.errors import ConfigurationError
from cryodata.sandbox.faults import Fault
from cryodata.sandbox.log import RequestLog
from cryodata.sandbox.profiles import Profile
from cryodata.sandbox.s3_access import PRIVATE, PUBLIC, Keys
from cryodata.sandbox.s3server import REGION, S3Server
from cryodata.sandbox.wire import Wire
from cryodata.sandbox.wire_process import WireProcess

if TYPE_CHECKING:
    from cryodata.sandbox.earthdata import Earth, Names

__all__ = ["Sky", "cloud"]


class Sky:
    """A small cloud, as `cloud` makes it.

    Objects are put past the wire: only reading is delayed, broken and logged.

    Attributes
    ----------
    url : str
        Endpoint, ``http://127.0.0.1:port``.
    log : RequestLog
        What has come over the wire.
    """

    def __init__(
        self,
        wire: Wire | WireProcess,
        profile: str | Profile,
        *,
        server: S3Server | None = None,
        folder: Path | None = None,
        earth: Earth | None = None,
    ) -> None:
        self.url = wire.url
        self.log: RequestLog = wire.log
        self._wire = wire
        self._profile = profile
        self._server = server
        self._folder = folder
        self._earth = earth

    @property
    def earthdata(self) -> Earth:
        """NASA Earthdata over this cloud.

        Raises
        ------
        ConfigurationError
            If the cloud was made without.
        """
        if self._earth is None:
            raise ConfigurationError(
                "there is no Earthdata over this cloud", fix="cloud(earthdata=True)"
            )
        return self._earth

    def put(
        self, what: bytes | str | os.PathLike[str], key: str = "", *, private: bool = False
    ) -> str:
        """Make an object, or replace it.

        Parameters
        ----------
        what : bytes or path
            Contents. Without S3 server a file is linked, not copied.
        key : str
            Its name; empty takes the name of the file.
        private : bool
            Put it in the bucket that needs keys.

        Returns
        -------
        str
            Its URL, ``s3://public/...``.
        """
        if not isinstance(what, bytes):
            what = Path(what).resolve(strict=True)
            key = key or what.name
        bucket = PRIVATE if private else PUBLIC
        if self._server is not None:
            import obstore

            obstore.put(self._server.store(bucket), key, what)
        else:
            self._place(what, bucket, key)
        return f"s3://{bucket}/{key}"

    def _place(self, what: bytes | Path, bucket: str, key: str) -> None:
        """Put a file where the wire serves files from, in one step."""
        if self._folder is None or bucket == PRIVATE:
            raise ConfigurationError(
                "there is no private bucket without an S3 server", fix='cloud(server="s3")'
            )
        target = self._folder / bucket / key
        target.parent.mkdir(parents=True, exist_ok=True)
        fresh = target.with_name(f".{target.name}.new")
        if isinstance(what, bytes):
            fresh.write_bytes(what)
        else:
            fresh.symlink_to(what)
        fresh.replace(target)

    def delete(self, key: str, *, private: bool = False) -> None:
        """Remove an object."""
        bucket = PRIVATE if private else PUBLIC
        if self._server is not None:
            import obstore

            obstore.delete(self._server.store(bucket), key)
        elif self._folder is not None:
            (self._folder / bucket / key).unlink()

    def https(self, key: str) -> str:
        """URL of a public object without S3: plain HTTP, as this is loopback."""
        return f"{self.url}/{PUBLIC}/{key.removeprefix(f's3://{PUBLIC}/')}"

    @property
    def storage_options(self) -> dict[str, Any]:
        """How s3fs reads the public bucket, anonymously."""
        return {"anon": True, "client_kwargs": self._client_kwargs()}

    def private_options(self, keys: Keys | None = None) -> dict[str, Any]:
        """How s3fs reads the private bucket.

        Parameters
        ----------
        keys : Keys, optional
            What to sign with; new session keys if None.
        """
        keys = keys or self.session_keys()
        return {
            "key": keys.key,
            "secret": keys.secret,
            "token": keys.token or None,
            "client_kwargs": self._client_kwargs(),
        }

    def owner_options(self) -> dict[str, Any]:
        """As `storage_options`, with the keys of who owns the buckets and may write to them."""
        if self._server is None:
            raise ConfigurationError(
                "there are no keys without an S3 server", fix='cloud(server="s3")'
            )
        return self.private_options(self._server.admin)

    def session_keys(self) -> Keys:
        """New session keys that may read both buckets, as `S3Server.session_keys`."""
        if self._server is None:
            raise ConfigurationError(
                "there are no keys without an S3 server", fix='cloud(server="s3")'
            )
        return self._server.session_keys()

    @property
    def server_address(self) -> str | None:
        """``host:port`` of the S3 server behind the wire, None without one."""
        return self._server.address if self._server is not None else None

    def _client_kwargs(self) -> dict[str, str]:
        return {"endpoint_url": self.url, "region_name": REGION}

    def profile(self, what: str | Profile) -> None:
        """Move the cloud: change latency and bandwidth, and begin the latencies anew."""
        self._wire.profile(what)
        if self._earth is not None:
            self._earth.profile(what)

    def fault(self, fault: Fault, **rule: Any) -> int:
        """Put a fault in force, see `Wire.fault`; returns a number to ask `fired` for."""
        return self._wire.fault(fault, **rule)

    def fired(self, number: int) -> int:
        """How many requests a fault has struck."""
        return self._wire.fired(number)

    def cpu_seconds(self) -> float:
        """Processor time the wire has used, s; only where it is a process of its own."""
        if isinstance(self._wire, Wire):
            raise ConfigurationError("the wire is in this process", fix="cloud(process=True)")
        return self._wire.cpu_seconds()

    def reset(self) -> None:
        """Back to how it was at first, but for the objects: no faults, no log, its profile."""
        self._wire.clear_faults()
        self._wire.profile(self._profile)
        self.log.clear()
        if self._earth is not None:
            self._earth.reset()


@contextmanager
def cloud(
    profile: str | Profile = "in_region",
    *,
    seed: int = 0,
    server: Literal["s3", "static"] = "s3",
    process: bool = False,
    session: str = "1h",
    readers: Sequence[str] = (),
    earthdata: bool | Names = False,
) -> Iterator[Sky]:
    """A small cloud on loopback, there as long as the ``with`` block lasts.

    Parameters
    ----------
    profile : str or Profile
        How far away it seems: ``in_region``, ``slow``, ``out_of_region``, ``tail``,
        ``none``.
    seed : int
        Makes latencies and the chance of faults repeatable.
    server : {"s3", "static"}
        A real S3 server, which checks signatures; or a folder, which costs a tenth of the
        processor time: for measurements.
    process : bool
        Have the wire in a process of its own: for measurements. Faults of kind ``call``
        need it in this one.
    session, readers
        Life of session keys and the networks they work from, see `S3Server`.
    earthdata : bool or Names
        Have NASA Earthdata over the S3 server, as `Sky.earthdata`; session keys then work
        from inside its region alone. With `Names` its hosts call each other by these.

    Examples
    --------
    >>> with cloud("in_region") as sky:  # doctest: +SKIP
    ...     url = sky.put("granule.h5")
    ...     ds = cryodata.open(url, storage_options=sky.storage_options)
    ...     print(sky.log.summary())

    Raises
    ------
    MissingDependencyError
        If the extra ``sandbox`` is not installed.
    """
    if earthdata and server != "s3":
        raise ConfigurationError(
            "Earthdata needs an S3 server below it", fix='cloud(server="s3", earthdata=True)'
        )
    make: Callable[..., Wire | WireProcess] = WireProcess if process else Wire
    with ExitStack() as stack:
        if earthdata:
            from cryodata.sandbox.earthdata import INSIDE, PROTECTED, Earth

            readers = readers or [f"{INSIDE}/32"]
            s3 = S3Server(session=session, readers=readers, buckets=[PROTECTED])
            wire = make(upstream=stack.enter_context(s3).address, profile=profile, seed=seed)
            stack.enter_context(wire)
            names = None if earthdata is True else earthdata
            earth = Earth(s3, wire, names=names, profile=profile, seed=seed)
            yield Sky(wire, profile, server=s3, earth=stack.enter_context(earth))
        elif server == "s3":
            s3 = stack.enter_context(S3Server(session=session, readers=readers))
            wire = make(upstream=s3.address, profile=profile, seed=seed)
            stack.enter_context(wire)
            yield Sky(wire, profile, server=s3)
        else:
            folder = Path(tempfile.mkdtemp(prefix="cryodata-sky-"))
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
            (folder / PUBLIC).mkdir()
            wire = make(root=folder, profile=profile, seed=seed)
            stack.enter_context(wire)
            yield Sky(wire, profile, folder=folder)
