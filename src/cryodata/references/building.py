"""References made: granules walked side by side, and committed as they come."""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from dataclasses import replace
from os import PathLike
from typing import Any, Self

from cryodata.errors import ConfigurationError, CryodataError
from cryodata.granule import GranuleFile
from cryodata.locate import Wish, granules_of
from cryodata.no_garbage import nothing_collected
from cryodata.options import Options
from cryodata.provenance import Skipped, all_of
from cryodata.references.catalogue import Row, current, rows_to_table
from cryodata.references.log import Log
from cryodata.references.places import Places
from cryodata.references.progress import Progress
from cryodata.references.references import References
from cryodata.references.shelf import Shelf
from cryodata.references.walking import Walk, key_of, walk_granule
from cryodata.region_input import region_of
from cryodata.store.folder import Folder, open_folder
from cryodata.timespan import TimeSpan

__all__ = ["SIDE_BY_SIDE", "OnError", "Parallel", "add", "build_references", "told", "wish_of"]

SIDE_BY_SIDE = 16
"""Granules walked at once by threads."""
SWEPT = 64
"""Granules after which garbage is collected: to look for it all the time takes a quarter of it."""
SECONDS = 2.0
"""Between commits, at first."""
SLOWER = 0.05
"""And later this part of the time that it took so far: the number of commits stays small."""

Parallel = Any
OnError = str


def build_references(
    granules: Any,
    where: str | PathLike[str],
    *,
    parallel: Parallel = "threads",
    on_error: OnError = "raise",
    region: Any = None,
    time: Any = None,
    version: str | int = "latest",
    storage_options: Mapping[str, Any] | None = None,
    folder_options: Mapping[str, Any] | None = None,
    progress: bool | None = None,
    options: Options | None = None,
) -> References:
    """See `cryodata.references.build`."""
    options = options or Options()
    folder = open_folder(where, storage_options=folder_options, options=options)
    return add(
        granules_of(granules, wish_of(region, time, version), storage_options),
        folder,
        parallel=parallel,
        on_error=on_error,
        storage_options=storage_options,
        progress=progress,
        options=options,
    )


def wish_of(region: Any, time: Any, version: str | int) -> Wish:
    """Which granules of a product are wanted."""
    return Wish(
        region=None if region is None else region_of(region),
        time=None if time is None else TimeSpan.of(time),
        version=version,
    )


def add(
    granules: Sequence[Any],
    folder: Folder,
    *,
    parallel: Parallel,
    on_error: OnError,
    storage_options: Mapping[str, Any] | None,
    progress: bool | None,
    options: Options,
    again: frozenset[str] = frozenset(),
) -> References:
    """Walk granules that are not in the folder yet, and those whose key is in `again`."""
    if on_error not in {"raise", "skip"}:
        raise ConfigurationError(f"on_error={on_error!r}", fix='It is "raise" or "skip".')
    log, shelf = Log(folder), Shelf(folder, options.limits)
    known = set(current(log.read()).column("key").to_pylist()) - again
    wanted = {key_of(one): one for one in granules}
    new = {key: one for key, one in wanted.items() if key not in known}
    fresh = replace(options, cache=None)  # what is there now, not what was there once
    failed: list[Skipped] = []
    places: set[str] = set()

    def opened(what: Any) -> GranuleFile:  # one by one: each holds what its walk has read
        return GranuleFile(what, options=fresh, storage_options=storage_options)

    with (
        nothing_collected(),
        Progress(len(new), "granules", show=progress) as bar,
        _Commits(log) as commits,
    ):
        walks = _walk_all(list(new.values()), opened, parallel)
        for number, (what, outcome) in enumerate(walks, 1):
            if isinstance(outcome, CryodataError):
                failed.append(Skipped(outcome.url or str(what), outcome))
            else:
                index, alike = shelf.put(outcome.index)
                row = replace(outcome.row, index=index, alike=alike)
                commits.add(row)
                places.update(_places(row))
            bar.step()
            if number % SWEPT == 0:  # what a walk leaves behind has few cycles, and not none
                gc.collect(1)
    if failed and on_error == "raise":
        raise told(failed, len(wanted))
    return References(current(log.read()), shelf, Places.of(sorted(places)), tuple(failed))


def _places(row: Row) -> set[str]:
    """Folders that a granule is read from."""
    urls = (row.source.url, row.granule.s3, row.granule.https)
    return {url.rpartition("/")[0] for url in urls if url}


def told(failed: Sequence[Skipped], granules: int) -> CryodataError:
    """All failures in one error; what was indexed is kept."""
    error = all_of(failed, granules)
    error.fix = error.fix.replace(' on_missing="skip" goes on with the others.', "")
    error.fix += (
        ' The others are in the references; on_error="skip" reports the failed ones in .skipped.'
    )
    return error


class _Commits:
    """Rows on their way to the catalogue: committed now and then, and at the end in any case."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._rows: list[Row] = []
        self._begin = self._last = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._commit()

    def add(self, row: Row) -> None:
        self._rows.append(row)
        now = time.monotonic()
        if now - self._last > max(SECONDS, SLOWER * (now - self._begin)):
            self._commit()

    def _commit(self) -> None:
        rows, self._rows = self._rows, []
        if rows:
            self._log.commit(rows_to_table(rows))
        self._last = time.monotonic()


Outcome = Walk | CryodataError
Opened = Callable[[Any], GranuleFile]


def _walk_all(
    granules: Sequence[Any], opened: Opened, parallel: Parallel
) -> Iterator[tuple[Any, Outcome]]:
    """Each granule with its walk, or with why there is none; in any order."""
    if parallel is None:
        return ((what, _walk(what, opened)) for what in granules)
    if parallel == "threads":
        return _by_threads(granules, opened)
    if isinstance(parallel, Executor):
        return _by_executor(granules, opened, parallel)
    distributed = sys.modules.get("distributed")
    if distributed is not None and isinstance(parallel, distributed.Client):
        return _by_dask(granules, opened, parallel, distributed.as_completed)
    raise ConfigurationError(
        f"parallel={parallel!r}",
        fix='It is "threads", None, an executor, or a dask.distributed.Client.',
    )


def _walk(what: Any, opened: Opened) -> Outcome:
    try:
        return walk_granule(what, opened(what))
    except CryodataError as error:
        return error


def _by_threads(granules: Sequence[Any], opened: Opened) -> Iterator[tuple[Any, Outcome]]:
    pool = ThreadPoolExecutor(SIDE_BY_SIDE, thread_name_prefix="cryodata-walk")
    try:
        yield from _in_turn(granules, lambda what: pool.submit(_walk, what, opened))
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _by_executor(
    granules: Sequence[Any], opened: Opened, executor: Executor
) -> Iterator[tuple[Any, Outcome]]:
    """By whatever runs functions: processes of this machine, or of others."""
    return _in_turn(granules, lambda what: executor.submit(_walk_file, what, opened(what)))


def _in_turn(
    granules: Sequence[Any], submit: Callable[[Any], Future[Outcome]]
) -> Iterator[tuple[Any, Outcome]]:
    """Walks as they end, not many more of them begun than can run."""
    running: dict[Future[Outcome], Any] = {}
    for what in granules:
        running[submit(what)] = what
        if len(running) > 2 * SIDE_BY_SIDE:  # walks that nobody has taken do not pile up
            yield _finished(running)
    while running:
        yield _finished(running)


def _finished(running: dict[Future[Outcome], Any]) -> tuple[Any, Outcome]:
    """The next walk that ends."""
    done, _ = wait(running, return_when=FIRST_COMPLETED)
    future = done.pop()
    return running.pop(future), future.result()


def _by_dask(
    granules: Sequence[Any],
    opened: Opened,
    client: Any,
    as_completed: Callable[[Iterable[Any]], Iterable[Any]],
) -> Iterator[tuple[Any, Outcome]]:
    """By the workers of a cluster. What travels to them holds no key: they have their own."""
    whats = {client.submit(_walk_file, what, opened(what), pure=False): what for what in granules}
    if whats:
        for future in as_completed(list(whats)):
            yield whats.pop(future), future.result()


def _walk_file(what: Any, file: GranuleFile) -> Outcome:
    return _walk(what, lambda _: file)
