"""A whole run of the library in a process of its own, and all that can be seen of it, in files.

The process that started it knows every secret, and looks for them in what is left here.
"""

from __future__ import annotations

import copy
import faulthandler
import gc
import io
import itertools
import logging
import os
import pickle
import subprocess
import sys
import threading
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import cloudpickle
import pyarrow.parquet as pq
import xarray as xr

__all__ = ["Traces", "run"]

FAULTS: dict[str, dict[str, Any]] = {
    "denied": {"kind": "status", "status": 403, "code": "AccessDenied"},
    "expired": {"kind": "status", "status": 400, "code": "ExpiredToken"},
    "skewed": {"kind": "status", "status": 403, "code": "RequestTimeTooSkewed"},
    "missing": {"kind": "status", "status": 404, "code": "NoSuchKey"},
    "changed": {"kind": "status", "status": 412, "code": "PreconditionFailed"},
    "failing": {"kind": "status", "status": 500, "code": "InternalError"},
    "busy": {"kind": "status", "status": 503, "code": "SlowDown"},
    "redirect": {"kind": "status", "status": 307, "code": "Moved", "header": "Location: /x\r\n"},
    "reset": {"kind": "reset", "at": 5},
    "cut": {"kind": "truncate", "at": 5},
    "garbage": {"kind": "garbage"},
    "elsewhere": {"kind": "shift"},
    "too much": {"kind": "whole"},
    "silence": {"kind": "hang", "seconds": 5.0},
}
"""What goes wrong on the way to the bytes."""
OF_HOSTS = (("data", "direct"), ("data", "external"), ("edl", "external"))
AT_HOSTS = ("denied", "missing", "garbage")
"""What goes wrong at Earthdata Login and at the data host, on which way."""
USUAL = {
    *("created", "msecs", "relativeCreated", "levelno", "lineno", "pathname", "filename"),
    *("module", "process", "processName", "thread", "threadName", "name", "taskName"),
}
"""Parts of records that say where and when; all others might hold anything."""
VARIABLES = ["h_li", "h_li_sigma", "n_fit_photons"]


class Traces:
    """Files in a folder, named by what they show."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = itertools.count()

    def put(self, kind: str, seen: bytes | str) -> None:
        """Keep something that can be seen."""
        data = seen.encode("utf-8", "backslashreplace") if isinstance(seen, str) else seen
        (self._folder / f"{next(self._numbers):04d} {kind}").write_bytes(data)

    def of(self, name: str, thing: Any) -> None:
        """Keep what can be seen of an object, and of its copies."""
        self.put(f"{name} repr", repr(thing))
        self.put(f"{name} text", f"{thing}\n{thing!s}")
        if hasattr(thing, "_repr_html_"):
            self.put(f"{name} html", str(thing._repr_html_()))
        self.put(f"{name} copies", repr((copy.copy(thing), copy.deepcopy(thing))))
        for protocol in (2, pickle.HIGHEST_PROTOCOL):
            self.put(f"{name} pickle", pickle.dumps(thing, protocol))
        self.put(f"{name} cloudpickle", cloudpickle.dumps(thing))
        self.put(f"{name} pickled again", pickle.dumps(pickle.loads(pickle.dumps(thing))))
        self.put(f"{name} for dask", _for_dask(thing))

    def of_error(self, name: str, error: BaseException) -> None:
        """Keep what an error says, and what hangs on it."""
        self.put(f"{name} text", f"{error!r}\n{error}\n{getattr(error, '__notes__', ())}")
        self.put(f"{name} traceback", "".join(traceback.format_exception(error)))
        self.put(f"{name} fields", repr(vars(error)) + repr(error.args))
        self.put(f"{name} pickle", pickle.dumps(error))
        chain: traceback.TracebackException | None
        chain = traceback.TracebackException.from_exception(error, capture_locals=True)
        while chain is not None:
            ours = [frame for frame in chain.stack if f"{os.sep}cryodata{os.sep}" in frame.filename]
            self.put(f"{name} variables", "".join(f"{f.name}: {f.locals}\n" for f in ours))
            chain = chain.__cause__ or chain.__context__

    @contextmanager
    def failing(self, name: str) -> Iterator[None]:
        """What happens in here has to fail."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - all that can be seen is kept
            self.of_error(f"error {name}", error)
        else:
            raise AssertionError(f"{name} did not fail")


def _for_dask(thing: Any) -> bytes:
    from distributed.protocol.serialize import serialize

    header, frames = serialize(thing)
    return repr(header).encode() + b"".join(map(bytes, frames))


class _Everything(logging.Handler):
    """Keeps what each record says, and all that hangs on it; what is said twice, once."""

    def __init__(self) -> None:
        super().__init__(1)
        self.lines: dict[str, None] = {}

    def emit(self, record: logging.LogRecord) -> None:
        parts = {k: v for k, v in vars(record).items() if k not in USUAL}
        self.lines[f"{record.name} {record.getMessage()} {parts!r}"] = None
        if record.exc_info:
            self.lines["".join(traceback.format_exception(*record.exc_info))] = None


def run(folder: Path, home: Path, given: dict[str, str], parent: Connection) -> None:
    """Log in, search, open, read, compute, save and fail, on both ways and engines."""
    for name, number in (("stdout", 1), ("stderr", 2)):
        os.dup2(os.open(folder / name, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600), number)
    os.environ.update(HOME=str(home), TMPDIR=str(home), CRYODATA_CACHE=str(home / "cache"))
    os.environ.update(NO_PROXY="127.0.0.1,localhost")
    traces, log = Traces(folder), _Everything()
    logging.captureWarnings(capture=True)
    warnings.simplefilter("always")
    for module in ("s3fs", "aiobotocore.session", "distributed", "requests", "cryodata"):
        __import__(module)
    for logger in (logging.getLogger(), *map(logging.getLogger, logging.root.manager.loggerDict)):
        logger.setLevel(1)
    logging.getLogger().addHandler(log)
    try:
        _Run(traces, home, given, parent).all()
    except BaseException as error:
        traceback.print_exc()
        traces.of_error("unexpected", error)
        raise
    finally:
        traces.put("log", "\n".join(log.lines))


class _Run:
    def __init__(
        self, traces: Traces, home: Path, given: dict[str, str], parent: Connection
    ) -> None:
        import cryodata as cd
        from cryodata.earthdata.system import System

        self.traces, self.home, self.given, self._parent = traces, home, given, parent
        self.system = System.from_environment()
        network = cd.Network(attempts=2, hedge=0.2, timeout=20.0)
        self.options = cd.Options(network=network)
        self.unkept = cd.Options(network=network, cache=None)

    def ask(self, *wish: Any) -> None:
        """Have the parent do something to the sandbox."""
        self._parent.send(wish)
        assert self._parent.recv() == "done"

    def log_in(self) -> Any:
        import cryodata as cd

        return cd.login(token=self.given["token"], system=self.system, quiet=True)

    def all(self) -> None:
        self.refused_logins()
        self.login()
        for way, engine in (("direct", "auto"), ("direct", "fsspec"), ("external", "auto")):
            self.read(way, engine)
            self.fail(way, engine)
        self.fail_at_hosts()
        self.process()
        self.ask("end")

    def refused_logins(self) -> None:
        import cryodata as cd

        wrong: dict[str, Any] = {
            "username": self.given["user"],
            "password": self.given["wrong password"],
        }
        with self.traces.failing("wrong password"):
            cd.login(**wrong, system=self.system)
        with self.traces.failing("wrong token"):
            cd.login(token=self.given["wrong token"], system=self.system)
        with self.traces.failing("nonsense token"):
            cd.login(token=self.given["wrong password"], system=self.system)
        with self.traces.failing("over token"):
            cd.login(token=self.given["over token"], system=self.system)
        (self.home / ".netrc").write_text(
            f"machine {self.system.edl.partition('://')[2]} login {wrong['username']}"
            f" password {wrong['password']}"
        )
        (self.home / ".netrc").chmod(0o600)
        with self.traces.failing("wrong netrc"):
            cd.login("netrc", system=self.system)
        (self.home / ".netrc").unlink()

    def login(self) -> None:
        import cryodata as cd

        user, password = self.given["user"], self.given["password"]
        by_password = cd.login(username=user, password=password, system=self.system)
        self.traces.of("login by password", by_password)
        self.traces.of("account", by_password.account) if _pickles(by_password.account) else None
        self.traces.put("account repr", repr(by_password.account))
        login = cd.login(token=self.given["token"], system=self.system)
        self.traces.of("login", login)
        self.traces.of("system", login.system)
        granules = cd.search("ATL06")
        self.traces.of("granules", granules)
        self.traces.of("granule", granules[0])
        for name in ("kept.geojson", "kept.parquet"):
            granules.save(self.home / name)
        self.traces.put("saved granules as text", (self.home / "kept.geojson").read_bytes())
        self.traces.put("saved granules as table", _table(self.home / "kept.parquet"))
        self.traces.put("geodataframe", granules.to_geodataframe().to_csv())

    def read(self, way: str, engine: str) -> None:
        import cryodata as cd
        from cryodata.granule import GranuleFile

        name, traces = f"{way} {engine}", self.traces
        self.ask("way", way)
        granules = cd.search("ATL06")
        settings: dict[str, Any] = {"engine": engine, "access": way, "beams": "gt1l"}
        dataset = cd.open(granules, variables=VARIABLES, options=self.options, **settings)
        dataset.h_li.load()
        traces.of(f"dataset {name}", dataset)
        traces.put(f"accessor {name}", f"{dataset.cryo!r} {vars(dataset.cryo)!r}")
        traces.of(f"receipt {name}", dataset.cryo.receipt)
        traces.put(f"attributes {name}", repr(dataset.to_dict(data=False)))
        traces.put(f"encoding {name}", repr({n: v.encoding for n, v in dataset.variables.items()}))
        traces.put(f"encoding of dataset {name}", repr(dataset.encoding))
        chunked = cd.open(granules, variables="h_li", chunks={}, options=self.options, **settings)
        chunked.h_li.compute(scheduler="threads")
        graph = chunked.h_li.data.dask
        traces.of(f"dask array {name}", chunked.h_li)
        traces.put(f"dask graph {name}", cloudpickle.dumps(dict(graph)))
        traces.put(f"dask graph repr {name}", repr(dict(graph)))
        traces.put(f"dask graph html {name}", graph._repr_html_())
        saved = self.home / f"{way}-{engine}.nc"
        chunked.to_netcdf(saved, engine="h5netcdf")
        traces.put(f"netcdf {name}", saved.read_bytes())
        unkept = replace(self.unkept, access=way)
        file = GranuleFile(granules[0], engine=engine, options=unkept)
        traces.of(f"granule file {name}", file)
        traces.of(f"store {name}", file._store)
        traces.of(f"fetcher {name}", file._fetcher)
        traces.of(f"access {name}", file._store._access)  # type: ignore[attr-defined]
        traces.put(f"held {name}", repr(getattr(dataset.cryo, "files", ())))
        url = granules[0].https if way == "external" else granules[0].s3
        group = xr.open_dataset(
            url, engine="cryodata", group="gt1l/land_ice_segments", options=unkept
        )
        group.h_li.load()
        traces.of(f"group {name}", group)
        traces.put(f"source {name}", repr(group.encoding))
        tree = cd.open_tree(granules[0], options=unkept)
        html = tree._repr_html_()  # type: ignore[no-untyped-call]  # xarray's
        traces.put(f"tree {name}", repr(tree) + html)

    def fail(self, way: str, engine: str) -> None:
        import cryodata as cd

        granules = cd.search("ATL06")[:1]
        for fault, settings in FAULTS.items():
            dataset = cd.open(
                granules,
                variables="h_li",
                access=way,
                engine=engine,
                options=self.unkept,
            )
            self.ask("fault", "cdn" if way == "external" else "s3", settings)
            with self.traces.failing(f"{fault} {way} {engine}"):
                _ = dataset.h_li.values
            self.ask("fault", "", {})
            self.log_in()  # nobody waits until keys that were refused are asked for again

    def fail_at_hosts(self) -> None:
        import cryodata as cd

        granules = cd.search("ATL06")
        for host, way in OF_HOSTS:
            for fault in AT_HOSTS:
                self.ask("way", way)
                self.ask("fault", host, FAULTS[fault])
                with self.traces.failing(f"{fault} at {host} {way}"):
                    self.log_in()
                    cd.open(granules, access=way, options=self.unkept).h_li.load()
                self.ask("fault", "", {})
        for what in ("unapproved", "approved"):
            self.ask(what)
            self.log_in()
            if what == "unapproved":
                with self.traces.failing("licence"):
                    cd.open(granules, access="external", options=self.unkept).h_li.load()
        self.ask("way", "external")
        cd.open(granules, access="external", options=self.unkept).h_li.load()

    def process(self) -> None:
        """What the process as a whole shows, and what it left on disk."""
        import fsspec

        traces = self.traces
        started = "import os; print(dict(os.environ), os.getppid())"
        child = subprocess.run([sys.executable, "-c", started], capture_output=True, check=True)
        traces.put("environment of a child", child.stdout)
        traces.put("environment", repr(dict(os.environ)))
        traces.put("arguments", Path("/proc/self/cmdline").read_bytes())
        traces.put("threads", repr(threading.enumerate()))
        report = self.home / "stacks"
        with report.open("w") as file:
            faulthandler.dump_traceback(file)
        for cls in ("s3", "https"):
            cache = fsspec.get_filesystem_class(cls)._cache
            kept = [(fs.storage_args, fs.storage_options, fs.dircache) for fs in cache.values()]
            traces.put(f"instances of fsspec {cls}", repr(kept))
        for thing in gc.get_objects():
            if str(type(thing).__module__).startswith("cryodata"):
                traces.put(f"object {type(thing).__name__}", repr(thing))
        for path in sorted(self.home.rglob("*")):
            kind = "cache file" if "cache" in path.parts else "file"
            traces.put(f"{kind} name", str(path))
            if path.is_file():
                traces.put(kind, path.read_bytes())
                if path.suffix == ".parquet" or pq_like(path):
                    traces.put(f"{kind} unpacked", _table(path))


def pq_like(path: Path) -> bool:
    """Whether a file is Parquet, whatever its name."""
    return path.read_bytes()[:4] == b"PAR1"


def _table(path: Path) -> str:
    """A Parquet file unpacked: all values, and what is said of them."""
    table = pq.read_table(path)
    return repr(table.to_pydict()) + repr(table.schema.metadata) + str(table.schema)


def _pickles(thing: Any) -> bool:
    try:
        pickle.dump(thing, io.BytesIO())
    except TypeError:
        return False
    return True
