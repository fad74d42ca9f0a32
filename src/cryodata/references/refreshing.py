"""References brought up to date: what was replaced is walked again, what is gone is retired."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from cryodata.earthdata.granules.revisions import newest
from cryodata.errors import CryodataError, NotFoundError
from cryodata.granule import GranuleFile
from cryodata.options import Options
from cryodata.provenance import Skipped
from cryodata.references.building import SIDE_BY_SIDE, OnError, Parallel, add, told
from cryodata.references.catalogue import Row, rows_to_table
from cryodata.references.log import Log
from cryodata.references.progress import Progress
from cryodata.references.references import References
from cryodata.types import Source

__all__ = ["refresh_references"]


def refresh_references(
    references: References,
    *,
    parallel: Parallel = "threads",
    on_error: OnError = "raise",
    storage_options: Mapping[str, Any] | None = None,
    progress: bool | None = None,
    options: Options | None = None,
) -> References:
    """See `cryodata.references.refresh`."""
    options = replace(options or Options(), cache=None)
    rows = list(references)
    whats = dict(zip([row.key for row in rows], references.granules(), strict=True))
    old = _superseded(rows)
    asked = [row for row in rows if row.key not in old]

    def ask(row: Row) -> Source | CryodataError:
        try:
            return _now(whats[row.key].what, options, storage_options)
        except CryodataError as error:
            return error

    with (
        ThreadPoolExecutor(SIDE_BY_SIDE, thread_name_prefix="cryodata-refresh") as pool,
        Progress(len(asked), "granules", show=progress) as bar,
    ):
        found: dict[str, Source | CryodataError] = {}
        for row, answer in zip(asked, pool.map(ask, asked), strict=True):
            found[row.key] = answer
            bar.step()
    gone = {row.key for row in asked if isinstance(found[row.key], NotFoundError)}
    failed = [
        Skipped(row.source.url, answer)
        for row in asked
        if isinstance(answer := found[row.key], CryodataError) and row.key not in gone
    ]
    changed = [
        row.key
        for row in asked
        if isinstance(answer := found[row.key], Source)
        and (answer.size, answer.etag) != (row.source.size, row.source.etag)
    ]
    retired = [replace(row, retired=True) for row in rows if row.key in gone | old]
    if retired:
        Log(references.folder).commit(rows_to_table(retired))
    result = add(
        [whats[key].what for key in changed],
        references.folder,
        parallel=parallel,
        on_error="skip",
        storage_options=storage_options,
        progress=progress,
        options=options,
        again=frozenset(changed),
    )
    failed += result.skipped
    if failed and on_error == "raise":
        raise told(failed, len(rows))
    return replace(result, allow=references.allow, skipped=tuple(failed))


def _superseded(rows: list[Row]) -> set[str]:
    """Keys of granules of which a newer revision is there, too."""
    by_granule = {id(row.granule): row.key for row in rows}
    granules = [replace(row.granule, revision=number) for number, row in enumerate(rows)]
    kept = {granule.revision for granule in newest(granules)[0]}
    return {by_granule[id(row.granule)] for number, row in enumerate(rows) if number not in kept}


def _now(what: Any, options: Options, storage_options: Mapping[str, Any] | None) -> Source:
    """Which version of a granule is there now; one request for one byte."""
    with GranuleFile(what, options=options, storage_options=storage_options) as file:
        return file.version()
