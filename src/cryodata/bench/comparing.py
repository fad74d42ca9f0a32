"""The readers one after the other, and their answers side by side."""

from __future__ import annotations

import importlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from json import loads
from os import PathLike
from pathlib import Path
from typing import Any

from cryodata.bench.comparison import Comparison, Reading
from cryodata.bench.digests import difference, digest
from cryodata.bench.job import Answer, Job
from cryodata.bench.ours import Ours, fetch_whole
from cryodata.errors import CryodataError
from cryodata.locate import Wish, granules_of
from cryodata.options import Options

__all__ = ["compare_readers"]

START = 60.0
"""Seconds that another process has to import xarray, besides its patience."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Task:
    """What is read, and how cryodata gets there."""

    granules: Sequence[Any]
    group: str
    variables: Sequence[str] | None
    storage_options: Mapping[str, Any] | None
    options: Options

    def ours(self) -> Ours:
        """The granules, newly opened."""
        return Ours(self.granules, self.options, self.storage_options)


def compare_readers(
    what: Any,
    *,
    variables: str | Sequence[str] | None,
    group: str,
    download_to: str | PathLike[str] | None,
    patience: float,
    storage_options: Mapping[str, Any] | None,
    options: Options | None,
) -> Comparison:
    """As `cryodata.bench.compare`."""
    importlib.import_module("cryodata.store.obstore_engine")  # so that no clock counts it
    with tempfile.TemporaryDirectory(prefix="cryodata-bench-") as folder:
        task = _Task(
            granules=granules_of(what, Wish(), storage_options),
            group=group,
            variables=[variables] if isinstance(variables, str) else variables,
            storage_options=storage_options,
            options=replace(options or Options(), cache=Path(folder)),
        )
        cold, first, nbytes = _by_us(task, "cryodata")
        kept, again, _ = _by_us(task, "cryodata, index kept")
        readings = [cold, _judged(kept, first, again)]
        job = Job(
            urls=[file.url for file in task.ours().files],
            arrays=[
                [name.removeprefix(str(number)) for name in first if _number(name) == number]
                for number in range(len(task.granules))
            ],
            storage_options=dict(storage_options or {}),
        )
        readings.append(_by_xarray(job, patience, first))
        local = all("://" not in url for url in job.urls)
        if local:
            readings.append(_by_h5py("h5py", job, [Path(url) for url in job.urls], first))
        elif download_to is not None:
            readings.append(_by_copies(task, job, Path(download_to), first))
    return Comparison(
        granules=tuple(job.urls), arrays=len(first), nbytes=nbytes, readings=tuple(readings)
    )


def _number(name: str) -> int:
    """Of the granule, of ``0/gt1l/heights/h_ph``."""
    return int(name.partition("/")[0])


def _judged(reading: Reading, expected: Mapping[str, str], got: Mapping[str, str]) -> Reading:
    problem = difference(expected, got)
    return replace(reading, agrees=not problem, problem=problem)


def _by_us(task: _Task, title: str) -> tuple[Reading, dict[str, str], int]:
    """A reading, the digests of its arrays, and their bytes in memory."""
    start = time.perf_counter()
    ours = task.ours()
    try:
        read = ours.read(task.group, task.variables)
        seconds, receipt = time.perf_counter() - start, ours.receipt
        local = all(file.is_local for file in ours.files)
    finally:
        ours.close()
    digests = {
        f"{number}{path}": digest(values)
        for number, arrays in enumerate(read)
        for path, values in arrays.items()
    }
    reading = Reading(
        reader=title,
        seconds=seconds,
        requests=None if local else receipt.requests,
        nbytes=None if local else receipt.nbytes,
        rounds=None if local else receipt.rounds,
        agrees=True,
    )
    return reading, digests, sum(values.nbytes for arrays in read for values in arrays.values())


def _by_xarray(job: Job, patience: float, expected: Mapping[str, str]) -> Reading:
    title = "xarray + h5netcdf, as it comes"
    try:
        done = subprocess.run(
            [sys.executable, "-m", "cryodata.bench.with_xarray"],
            input=job.to_json(),
            capture_output=True,
            text=True,
            timeout=patience + START,
            check=False,
        )
    except TypeError:
        return Reading(reader=title, problem="not tried: storage options that no text can hold")
    except subprocess.TimeoutExpired:
        return Reading(reader=title, problem=f"given up after {patience:.0f} s")
    if done.returncode:
        return Reading(reader=title, problem=f"failed: ended with code {done.returncode}")
    answer = Answer(**loads(done.stdout.splitlines()[-1]))
    if answer.problem:
        return Reading(reader=title, problem=answer.problem)
    reading = Reading(
        reader=title,
        seconds=answer.seconds,
        requests=answer.requests,
        nbytes=answer.nbytes,
        rounds=answer.requests,  # each waits for the one before
    )
    return _judged(reading, expected, answer.digests)


def _by_copies(task: _Task, job: Job, folder: Path, expected: Mapping[str, str]) -> Reading:
    """Whole granules first; the time for both is the time of this reader."""
    title = "download, then h5py"
    folder.mkdir(parents=True, exist_ok=True)
    ours = task.ours()
    copies = [folder / f".cryodata-bench-{number}.h5" for number in range(len(ours.files))]
    start = time.perf_counter()
    try:
        for file, copy in zip(ours.files, copies, strict=True):
            fetch_whole(file, copy)
        fetched = time.perf_counter() - start
        receipt = ours.receipt
        reading = _by_h5py(title, job, copies, expected)
    except (CryodataError, OSError) as error:
        return Reading(reader=title, problem=f"failed: {type(error).__name__}")
    finally:
        ours.close()
        for copy in copies:
            with suppress(OSError):
                copy.unlink()
    if reading.seconds is None:
        return reading
    return replace(
        reading,
        seconds=fetched + reading.seconds,
        requests=receipt.requests,
        nbytes=receipt.nbytes,
        rounds=receipt.rounds,
    )


def _by_h5py(title: str, job: Job, paths: Sequence[Path], expected: Mapping[str, str]) -> Reading:
    try:
        import h5py
    except ImportError:
        return Reading(reader=title, problem="not installed: h5py")
    start = time.perf_counter()
    values: dict[str, Any] = {}
    try:
        for number, (path, arrays) in enumerate(zip(paths, job.arrays, strict=True)):
            with h5py.File(path) as file:
                values |= {f"{number}{array}": file[array][()] for array in arrays}
    except (OSError, KeyError) as error:
        return Reading(reader=title, problem=f"failed: {type(error).__name__}")
    seconds = time.perf_counter() - start
    digests = {name: digest(value) for name, value in values.items()}
    return _judged(Reading(reader=title, seconds=seconds), expected, digests)
