"""References written in the forms of others."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from os import PathLike
from typing import Any

from cryodata.errors import ConfigurationError, CryodataError
from cryodata.formats.kerchunk_out import kerchunk_references
from cryodata.formats.kerchunk_parquet_out import kerchunk_parquet
from cryodata.formats.zarr_tree import zarr_tree
from cryodata.granule import GranuleFile
from cryodata.locate import Wish, granules_of
from cryodata.options import Options
from cryodata.store.folder import Folder, open_folder

__all__ = ["FORMS", "Refused", "export_references"]

FORMS = ("kerchunk", "kerchunk-parquet", "icechunk")
Refused = dict[str, dict[str, CryodataError]]


def export_references(
    granules: Any,
    where: str | PathLike[str],
    *,
    form: str,
    on_unsupported: str,
    storage_options: Mapping[str, Any] | None,
    folder_options: Mapping[str, Any] | None,
    options: Options | None,
) -> Refused:
    """See `cryodata.references.export`."""
    if form not in FORMS:
        raise ConfigurationError(
            f"there is no form {form!r}", fix=f"There are: {', '.join(FORMS)}."
        )
    if on_unsupported not in {"raise", "skip"}:
        raise ConfigurationError(
            f"on_unsupported={on_unsupported!r}", fix='It is "raise" or "skip".'
        )
    found = granules_of(granules, Wish(version="all"), storage_options)
    with _opened(found, storage_options, options) as files:
        if form == "icechunk":
            from cryodata.references.icechunk_out import write_icechunk

            written = write_icechunk(
                files,
                where,
                on_unsupported=on_unsupported,
                storage_options=storage_options,
                folder_options=folder_options,
            )
            return _by_granule(written.refused, [_name(file) for file in files])
        folder = open_folder(where, storage_options=folder_options, options=options)
        write = _WRITERS[form]
        refused: Refused = {}
        for file in files:
            document, lost = _references(file)
            name = _name(file)
            if lost and on_unsupported == "raise":
                raise next(iter(lost.values()))
            if lost:
                refused[name] = lost
            write(folder, name, document)
        return refused


def _name(file: GranuleFile) -> str:
    return file.url.rpartition("/")[2]


def _by_granule(refused: Mapping[str, CryodataError], names: Sequence[str]) -> Refused:
    """What is refused by its path in one repository, by granule: one is the root of it."""
    if len(names) == 1:
        return {names[0]: dict(refused)} if refused else {}
    found: Refused = {}
    for path, error in refused.items():
        name, _, below = path.strip("/").partition("/")
        found.setdefault(name, {})[below] = error
    return found


@contextmanager
def _opened(
    granules: Sequence[Any], storage_options: Mapping[str, Any] | None, options: Options | None
) -> Iterator[list[GranuleFile]]:
    files = [GranuleFile(one, storage_options=storage_options, options=options) for one in granules]
    try:
        yield files
    finally:
        for file in files:
            file.close()


def _references(file: GranuleFile) -> tuple[dict[str, Any], dict[str, CryodataError]]:
    """Of kerchunk, to all of a granule; and what they cannot hold."""
    tree = zarr_tree(file.walk(), lambda paths: file.read([(path, None) for path in paths]))
    document, lost = kerchunk_references(tree)
    return document, {**tree.refused, **lost}


def _write_json(folder: Folder, name: str, document: dict[str, Any]) -> None:
    folder.write(f"{name}.json", json.dumps(document).encode())


def _write_parquet(folder: Folder, name: str, document: dict[str, Any]) -> None:
    for path, data in kerchunk_parquet(document).items():
        folder.write(f"{name}.parq/{path}", data)


_WRITERS: Mapping[str, Callable[[Folder, str, dict[str, Any]], None]] = {
    "kerchunk": _write_json,
    "kerchunk-parquet": _write_parquet,
}
