"""The process that reads with xarray and h5netcdf: a `Job` comes in, an `Answer` goes out.

It is a process of its own so that it can be ended when it takes too long: a thread that waits in
the HDF5 library cannot.
"""

from __future__ import annotations

import posixpath
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from itertools import groupby
from typing import Any

from cryodata.bench.digests import digest
from cryodata.bench.job import Answer, Job

__all__ = ["main", "read"]


class _Count:
    """Ranges that a file of fsspec had fetched for its cache."""

    def __init__(self) -> None:
        self.requests = 0
        self.nbytes = 0
        self.known = True

    def watch(self, file: Any) -> None:
        """Count from now on; a file without a cache of fsspec's kind cannot be counted."""
        cache = getattr(file, "cache", None)
        fetcher: Callable[[int, int], bytes] | None = getattr(cache, "fetcher", None)
        if fetcher is None:
            self.known = False
            return

        def counted(start: int, end: int) -> bytes:
            data = fetcher(start, end)
            self.requests += 1
            self.nbytes += len(data)
            return data

        cache.fetcher = counted  # type: ignore[union-attr]  # it has one


def read(job: Job) -> Answer:
    """Open each granule once, and load one group after the other."""
    import fsspec
    import h5netcdf  # noqa: F401 - imported here, so that the clock does not count it
    import xarray as xr

    count = _Count()
    values: dict[str, Any] = {}
    start = time.perf_counter()
    for number, (url, arrays) in enumerate(zip(job.urls, job.arrays, strict=True)):
        with ExitStack() as stack:
            file: Any = url
            if "://" in url:
                opened = fsspec.open(url, "rb", **job.storage_options)
                file = stack.enter_context(opened)
                count.watch(file)
            else:
                count.known = False
            for group, paths in groupby(sorted(arrays), posixpath.dirname):
                names = [posixpath.basename(path) for path in paths]
                with xr.open_dataset(
                    file, engine="h5netcdf", group=group, decode_cf=False
                ) as dataset:
                    for name in names:
                        path = posixpath.join(group, name)
                        values[f"{number}{path}"] = dataset[name].values
    seconds = time.perf_counter() - start
    return Answer(
        seconds=seconds,
        digests={name: digest(value) for name, value in values.items()},
        requests=count.requests if count.known else None,
        nbytes=count.nbytes if count.known else None,
    )


def main() -> None:
    """Read the job that stands in the input."""
    try:
        answer = read(Job.from_json(sys.stdin.read()))
    except ImportError as error:
        answer = Answer(problem=f"not installed: {error.name}")
    except Exception as error:  # noqa: BLE001 - whatever it is, it belongs in the row
        answer = Answer(problem=f"failed: {type(error).__name__}")
    sys.stdout.write("\n" + answer.to_json() + "\n")


if __name__ == "__main__":
    main()
