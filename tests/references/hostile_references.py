"""References that nobody should follow, each tried in this process, without a network.

``python -m tests.references.hostile_references FOLDER`` writes ``outcomes.json``: what came of
each, and how many connections reached the servers that they point to. It is started by
`test_hostile`, in a network namespace of its own whose loopback is all there is.
"""

from __future__ import annotations

import fcntl
import json
import socket
import struct
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import cryodata as cd
from cryodata.errors import CryodataError
from cryodata.formats import encode_apart
from cryodata.granule import GranuleFile
from cryodata.layout import Chunked, ChunkTable
from cryodata.options import Options
from cryodata.references.catalogue import Row, encode_rows, rows_to_table, stamped
from cryodata.references.references import References
from tests.references.hostile_forms import form_cases
from tests.references.stores import tiny_granules

__all__ = ["main"]

H_LI = "/gt1l/land_ice_segments/h_li"
NO_CACHE = Options(cache=None)
ALLOWED_BUCKET = "s3://allowed"

Attempt = Callable[[], Any]


def raise_loopback() -> None:
    """Bring up ``lo``, which is down in a new namespace."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = struct.pack("16sH14s", b"lo", 0x1 | 0x40, b"")
        fcntl.ioctl(control.fileno(), 0x8914, request)


class Listener:
    """A server that counts who comes."""

    def __init__(self) -> None:
        self.visits = 0
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            connection, _ = self._socket.accept()
            self.visits += 1
            connection.close()


class Cases:
    """References of our own form to one granule that is allowed, made wrong in one place each."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port
        (self.granule,) = tiny_granules(folder / "allowed", 1)
        self.secret = folder / "secret" / self.granule.name
        self.secret.parent.mkdir()
        self.secret.write_bytes(self.granule.read_bytes())
        self.index = GranuleFile(self.granule, options=NO_CACHE).walk()
        self.number = 0

    def store(self) -> References:
        """Sound references, anew for each case."""
        self.number += 1
        return cd.references.build(self.granule, self.folder / f"refs{self.number}")

    def with_row(self, change: Callable[[Row], Row]) -> Attempt:
        """One row of the catalogue says something else."""

        def attempt() -> Any:
            refs = self.store()
            row = change(refs[0])
            self.replace_catalogue(refs, encode_rows(stamped(rows_to_table([row]), "1")))
            return self.read(refs)

        return attempt

    def with_catalogue(self, data: Callable[[bytes], bytes]) -> Attempt:
        """The catalogue is another file."""

        def attempt() -> Any:
            refs = self.store()
            (path,) = (Path(refs.url) / "granules").iterdir()
            path.write_bytes(data(path.read_bytes()))
            return self.read(refs)

        return attempt

    def with_index(self, change: Callable[[Any], Any]) -> Attempt:
        """The index lies, and its names and checksums are right."""

        def attempt() -> Any:
            refs = self.store()
            index, alike = refs.shelf.put(encode_apart(change(self.index)))
            row = replace(refs[0], index=index, alike=alike)
            self.replace_catalogue(refs, encode_rows(stamped(rows_to_table([row]), "1")))
            return self.read(refs)

        return attempt

    def with_index_file(self, change: Callable[[bytes], bytes], folder: str) -> Attempt:
        """A file of the index is another one, under the name of its content or not."""

        def attempt() -> Any:
            refs = self.store()
            (path,) = (Path(refs.url) / folder).iterdir()
            path.write_bytes(change(path.read_bytes()))
            return self.read(refs)

        return attempt

    def replace_catalogue(self, refs: References, data: bytes) -> None:
        (path,) = (Path(refs.url) / "granules").iterdir()
        path.write_bytes(data)

    def read(self, refs: References) -> Any:
        """As a colleague would, who allows one folder and one bucket."""
        opened = cd.references.open(refs.url, allow=[self.granule.parent, ALLOWED_BUCKET])
        with cd.open(opened, variables=["h_li"], options=NO_CACHE) as ds:
            return ds["h_li"].values

    def urls(self) -> dict[str, str]:
        """Places that no references may lead to."""
        port, secret, name = self.port, self.secret, self.granule.name
        allowed = self.granule.parent
        return {
            "a local file": str(secret),
            "a local file as a URL": f"file://{secret}",
            "a local file of another host": f"file://127.0.0.1{secret}",
            "a path that winds": f"{allowed}/../secret/{name}",
            "a relative path": f"secret/{name}",
            "a home folder": f"~/{name}",
            "passwords": "/etc/passwd",
            "memory of this process": "/proc/self/mem",
            "a local server": f"http://127.0.0.1:{port}/{name}",
            "a local server, safely": f"https://127.0.0.1:{port}/{name}",
            "a local server by name": f"http://localhost:{port}/{name}",
            "a local server, short": f"http://127.1:{port}/{name}",
            "a local server, hexadecimal": f"http://0x7f000001:{port}/{name}",
            "a local server, one number": f"http://2130706433:{port}/{name}",
            "a local server, version 6": f"http://[::1]:{port}/{name}",
            "a local server, mapped": f"http://[::ffff:127.0.0.1]:{port}/{name}",
            "any address": f"http://0.0.0.0:{port}/{name}",
            "keys of the machine": "http://169.254.169.254/latest/meta-data/iam/",
            "keys of the container": "http://169.254.170.2/v2/credentials",
            "another bucket": f"s3://private/{name}",
            "a bucket of a like name": f"s3://allowed-not/{name}",
            "a bucket with a user": f"s3://allowed@private/{name}",
            "a winding key": f"s3://allowed/../private/{name}",
            "a coded winding key": f"s3://allowed/%2e%2e/private/{name}",
            "another S3": f"s3a://private/{name}",
            "a host with a user": f"https://allowed@127.0.0.1:{port}/{name}",
            "a host with a password": f"https://user:word@127.0.0.1:{port}/{name}",
            "NASA's name in front": f"https://data.nsidc.earthdatacloud.nasa.gov.evil/{name}",
            "NASA's name as a user": f"https://data.nsidc.earthdatacloud.nasa.gov@127.0.0.1:{port}/x",
            "NASA's name in a path": f"https://evil.example/data.nsidc.earthdatacloud.nasa.gov/{name}",
            "a backslash": f"https://evil.example\\@127.0.0.1:{port}/{name}",
            "a chain": f"simplecache::http://127.0.0.1:{port}/{name}",
            "an archive": f"zip://{name}::{secret}",
            "FTP": f"ftp://127.0.0.1:{port}/{name}",
            "a file system of this process": f"memory://{name}",
            "another cloud": f"gs://bucket/{name}",
            "a line break": f"http://127.0.0.1:{port}/x\r\nHost: evil",
            "a zero": f"{allowed}/{name}\0.txt",
            "no place": "",
            "an endless place": "s3://allowed/" + "a" * 100_000,
            "a template": "{{u}}" + name,
            "a script": "javascript:alert(1)",
        }

    def all(self) -> Iterator[tuple[str, Attempt]]:
        """Name, and what to try."""
        for name, url in self.urls().items():
            yield f"url: {name}", self.with_row(partial(moved, url=url))
        port = self.port
        for field in ("s3", "https"):
            url = f"http://127.0.0.1:{port}/x.h5" if field == "https" else "s3://private/x.h5"
            yield f"{field} only", self.with_row(_described(field, url))
        yield (
            "keys from elsewhere",
            self.with_row(
                partial(
                    described,
                    https=f"http://127.0.0.1:{port}/x.h5",
                    endpoint=f"http://127.0.0.1:{port}/s3credentials",
                )
            ),
        )
        for name in ("../../secret/x", "/etc/passwd", "..", "a\0b", "é" * 40):
            yield f"index: {name!r}", self.with_row(partial(named, index=name))
            yield f"alike: {name!r}", self.with_row(partial(named, alike=name))
        for name, cut in CUTS.items():
            yield f"catalogue: {name}", self.with_catalogue(cut)
            yield f"index: {name}", self.with_index_file(cut, "indexes")
        for name, change in LIES.items():
            yield f"index: {name}", self.with_index(change)
        forms = self.folder / "forms"
        forms.mkdir()
        yield from form_cases(forms, self.granule, H_LI, self.urls())


def moved(row: Row, url: str) -> Row:
    """The same granule, said to lie elsewhere."""
    return replace(row, key="x", source=replace(row.source, url=url))


def described(row: Row, **said: str) -> Row:
    """The same granule, of which the catalogue says something else."""
    return replace(row, granule=replace(row.granule, **said))  # type: ignore[arg-type]


def _described(field: str, url: str) -> Callable[[Row], Row]:
    return lambda row: described(row, **{field: url})


def named(row: Row, **names: str) -> Row:
    """Other names of its files."""
    return replace(row, **names)  # type: ignore[arg-type]


def bomb(rows: int, text: int) -> bytes:
    """A small file of one long text, many times over."""
    column = pa.array(["x" * text]).dictionary_encode()
    many = pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int32)), column.dictionary)
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"key": many}), sink, compression="zstd")
    return bytes(sink.getvalue())


CUTS: dict[str, Callable[[bytes], bytes]] = {
    "cut": lambda data: data[: len(data) * 2 // 3],
    "of nothing": lambda data: b"",
    "of noise": lambda data: bytes((7 * i) % 251 for i in range(len(data))),
    "with another end": lambda data: data[:-8] + b"\xff\xff\xff\x7fPAR1",
    "a bomb": lambda data: bomb(5_000_000, 100_000),
}


def storage(change: Callable[[ChunkTable], ChunkTable]) -> Callable[[Any], Any]:
    """An index in which the chunks of one variable lie elsewhere."""

    def changed(index: Any) -> Any:
        array = index.arrays[H_LI]
        table = change(array.storage.table)
        arrays = {**index.arrays, H_LI: replace(array, storage=Chunked(table))}
        return replace(index, arrays=arrays)

    return changed


def fields(**changes: Any) -> Callable[[Any], Any]:
    """An index in which one variable is said to be otherwise."""

    def changed(index: Any) -> Any:
        arrays = {**index.arrays, H_LI: replace(index.arrays[H_LI], **changes)}
        return replace(index, arrays=arrays)

    return changed


LIES: dict[str, Callable[[Any], Any]] = {
    "past the end": storage(
        lambda t: ChunkTable(t.numbers, t.offsets + (1 << 40), t.nbytes, t.masks)
    ),
    "before the beginning": storage(
        lambda t: ChunkTable(t.numbers, t.offsets - (1 << 40), t.nbytes, t.masks)
    ),
    "too large a chunk": storage(
        lambda t: ChunkTable(t.numbers, t.offsets, t.nbytes + np.uint32(1 << 31), t.masks)
    ),
    "another place": storage(lambda t: ChunkTable(t.numbers, t.offsets // 2, t.nbytes, t.masks)),
    "chunks that are not": storage(
        lambda t: ChunkTable(t.numbers + 1000, t.offsets, t.nbytes, t.masks)
    ),
    "an endless shape": fields(shape=(1 << 62,), maxshape=(1 << 62,)),
    "an endless chunk": fields(chunk_shape=(1 << 50,)),
    "a negative shape": fields(shape=(-5,), maxshape=(-5,)),
    "too many axes": fields(shape=(1,) * 70, maxshape=(1,) * 70, chunk_shape=(1,) * 70),
    "another granule": lambda index: replace(
        index, source=replace(index.source, url="s3://private/x.h5")
    ),
    "a larger granule": lambda index: replace(index, source=replace(index.source, size=1 << 50)),
}


def outcome(attempt: Attempt, right: Any) -> str:
    """What came of it: the name of the error, or whether the values are those of the granule."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found = attempt()
        except CryodataError as error:
            return type(error).__name__
        except BaseException as error:  # noqa: BLE001 - that is what is looked for
            return f"NOT OURS: {type(error).__name__}: {error}"
    same = np.array_equal(np.asarray(found), right)
    return "the granule itself" if same else "WRONG VALUES"


def main() -> None:
    """Try all."""
    raise_loopback()
    listener = Listener()
    cases = Cases(Path(sys.argv[1]), listener.port)
    with h5py.File(cases.granule) as file:
        right = file[H_LI][:]
    print("BEGIN", file=sys.stderr, flush=True)  # noqa: T201 - tells the trace where to look
    outcomes = {name: outcome(attempt, right) for name, attempt in cases.all()}
    found = {"outcomes": outcomes, "visits": listener.visits}
    (cases.folder / "outcomes.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main()
