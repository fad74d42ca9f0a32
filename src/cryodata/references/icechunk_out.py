"""Whole granules as a repository of Icechunk, whose chunks stay where they are."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from os import PathLike
from pathlib import Path
from typing import Any

from cryodata.errors import (
    ConfigurationError,
    CryodataError,
    GranuleChangedError,
    UnsupportedError,
)
from cryodata.formats import zarr_v3
from cryodata.formats.allowed import Allowed
from cryodata.formats.zarr_arrays import ZarrArray
from cryodata.formats.zarr_tree import ZarrTree, zarr_tree
from cryodata.granule import GranuleFile
from cryodata.references.icechunk_places import (
    authority,
    configuration,
    import_icechunk,
    location,
    storage,
    translated,
)
from cryodata.store import loop
from cryodata.types import Source

__all__ = ["Written", "write_icechunk"]

AT_ONCE = 100_000
"""Places of chunks that are handed over together."""
WIDEST = (1 << 32) - 1
"""Chunks along an axis: Icechunk counts them in 32 bits."""


@dataclass(frozen=True, slots=True)
class Written:
    """What became of granules.

    Attributes
    ----------
    snapshot : str
        Its name in the repository.
    refused : mapping of str to CryodataError
        What is not in it: path in the repository, and why.
    """

    snapshot: str
    refused: Mapping[str, CryodataError]


def write_icechunk(
    granules: GranuleFile | Sequence[GranuleFile],
    where: str | PathLike[str],
    *,
    on_unsupported: str = "raise",
    unchecked_ok: bool = False,
    storage_options: Mapping[str, Any] | None = None,
    folder_options: Mapping[str, Any] | None = None,
) -> Written:
    """Make a repository in which granules are read as Zarr.

    Each chunk is a reference that holds the version of its file: Icechunk refuses bytes of
    another. Strings, and what else stands nowhere as Zarr reads it, are copied.

    Parameters
    ----------
    granules : GranuleFile, or several
        One is the root of the repository; several are groups named after their files.
    where : str or path-like
        A folder, or ``s3://bucket/prefix``, that holds nothing yet.
    on_unsupported : {"raise", "skip"}
        What becomes of variables that Zarr cannot hold: the first raises before anything is
        written, or they are left out, and `Written.refused` says why.
    unchecked_ok : bool
        Take granules whose server has no entity tags: that they change, nobody would notice.
    storage_options : mapping, optional
        At which server granules in S3 are, in the words of s3fs. That is written to the
        repository for other readers; keys are not.
    folder_options : mapping, optional
        For `where`, in the same words.

    Returns
    -------
    Written

    Raises
    ------
    UnsupportedError
        Zarr, or Icechunk, cannot hold a variable; or a server has no entity tags.
    ConfigurationError
        There is a repository already, or two granules have one name.
    GranuleChangedError
        A local file is not the one that was walked.
    MissingDependencyError
        icechunk is not installed.

    Notes
    -----
    `read_icechunk` reads it. Others have to allow the places of the granules as they open it::

        repository = icechunk.Repository.open(
            icechunk.local_filesystem_storage(where),
            authorize_virtual_chunk_access={"s3://bucket/folder/": icechunk.s3_credentials(...)},
        )
        xr.open_zarr(repository.readonly_session("main").store, consolidated=False)

    The prefixes are the folders of the granules, ``file:///folder/`` for local ones.
    Local files are told apart by the second in which they were last changed. Attributes that are
    no finite numbers become texts, "NaN" and "Infinity".
    """
    several = [granules] if isinstance(granules, GranuleFile) else list(granules)
    names = _names(several)
    parts = {
        name: _Part.of(one, name, unchecked_ok) for name, one in zip(names, several, strict=True)
    }
    documents, refused = _documents(parts)
    if refused and on_unsupported != "skip":
        raise next(iter(refused.values()))
    icechunk = import_icechunk()
    allow = Allowed.of(sorted({part.folder for part in parts.values()}))
    with translated("/"):
        place = storage(where, folder_options)
        if icechunk.Repository.exists(place):
            raise ConfigurationError(
                "There is a repository already", fix="Name a place where there is none."
            )
        repository = icechunk.Repository.create(
            place,
            config=configuration(allow, storage_options),
            authorize_virtual_chunk_access=authority(allow, storage_options),
        )
        session = repository.writable_session("main")
        loop.run(_write(session.store, documents))
        for part in parts.values():
            for path, array in part.tree.arrays.items():
                if part.below(path) not in refused:
                    _refer(icechunk, session.store, part, part.below(path), array)
        return Written(session.commit(f"{len(several)} granules"), refused)


@dataclass(frozen=True, slots=True)
class _Part:
    """One granule, and how its bytes are called."""

    tree: ZarrTree
    source: Source
    name: str
    location: str
    etag: str | None
    changed: datetime | None

    @classmethod
    def of(cls, granule: GranuleFile, name: str, unchecked_ok: bool) -> _Part:
        index = granule.walk()
        tree = zarr_tree(index, lambda paths: granule.read([(path, None) for path in paths]))
        source = index.source
        etag, changed = None, None
        if granule.is_local:
            changed = _last_changed(granule, source)
        elif source.etag and not source.etag.startswith("W/"):
            etag = source.etag
        elif not unchecked_ok:
            raise UnsupportedError(
                "The server does not say which version of the granule it has",
                fix="unchecked_ok=True writes it without: changes would go unnoticed.",
                url=source.url,
            )
        return cls(tree, source, name, location(source.url), etag, changed)

    @property
    def folder(self) -> str:
        """The place that has to be allowed."""
        if self.source.url.startswith("/"):
            return str(Path(self.source.url).resolve().parent)
        return self.location.rpartition("/")[0]

    def below(self, path: str) -> str:
        """The path in the repository."""
        return "/".join(part for part in (self.name, path) if part)


def _names(granules: Sequence[GranuleFile]) -> list[str]:
    """Of the groups that granules become; empty for the only one."""
    if not granules:
        raise ConfigurationError("There are no granules", fix="Name at least one.")
    if len(granules) == 1:
        return [""]
    names = [granule.url.rpartition("/")[2] for granule in granules]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise ConfigurationError(
            f"Two granules are named {min(twice)!r}", fix="Write them to two repositories."
        )
    return names


def _last_changed(granule: GranuleFile, source: Source) -> datetime:
    """When a local file was changed, in whole seconds upwards: Icechunk knows no parts of them."""
    seconds = math.ceil(Path(source.url).stat().st_mtime)
    if granule.version() != source:
        raise GranuleChangedError(
            "The file changed since it was walked", fix="Open it again.", url=source.url
        )
    return datetime.fromtimestamp(seconds, UTC)


def _documents(
    parts: Mapping[str, _Part],
) -> tuple[dict[str, bytes], dict[str, CryodataError]]:
    """Content by key: metadata, and chunks that are copied; and what is refused."""
    documents: dict[str, bytes] = {}
    if "" not in parts:
        documents["zarr.json"] = _json(zarr_v3.group_metadata({}))
    refused: dict[str, CryodataError] = {}
    for part in parts.values():
        refused |= {part.below(path): error for path, error in part.tree.refused.items()}
        for path, attributes in part.tree.groups.items():
            documents[f"{part.below(path)}/zarr.json".lstrip("/")] = _json(
                zarr_v3.group_metadata(attributes)
            )
        for path, array in part.tree.arrays.items():
            key = part.below(path)
            try:
                metadata = _metadata(array)
            except CryodataError as error:
                refused[key] = error.locate(url=part.source.url, path=f"/{path}")
                continue
            documents[f"{key}/zarr.json"] = _json(metadata)
            for number, data in array.inline.items():
                documents[f"{key}/{zarr_v3.chunk_key(array, number)}"] = data
    return documents, refused


def _metadata(array: ZarrArray) -> dict[str, Any]:
    if any(count > WIDEST for count in array.grid):
        raise UnsupportedError(
            f"Icechunk counts chunks in 32 bits, and the grid is {array.grid}",
            fix="cryodata itself reads it; the other variables are not affected.",
        )
    return zarr_v3.array_metadata(array)


def _json(document: Mapping[str, Any]) -> bytes:
    """Strict JSON, which Icechunk insists on: it has no word for what is not a number."""
    attributes = {
        name: _strict(value)
        for name, value in document["attributes"].items()
        if name != "missing_value" or _strict(value) != "NaN"  # masks nothing; a text would
    }
    return json.dumps({**document, "attributes": attributes}, allow_nan=False).encode("utf-8")


def _strict(value: Any) -> Any:
    """With the words that Zarr has for such numbers, "NaN" and "Infinity"."""
    if isinstance(value, float) and not math.isfinite(value):
        return json.dumps(value)
    if isinstance(value, list):
        return [_strict(one) for one in value]
    if isinstance(value, dict):
        return {name: _strict(one) for name, one in value.items()}
    return value


async def _write(store: Any, documents: Mapping[str, bytes]) -> None:
    from zarr.core.buffer import default_buffer_prototype

    make = default_buffer_prototype().buffer.from_bytes
    for key, data in documents.items():
        await store.set(key, make(data))


def _refer(icechunk: Any, store: Any, part: _Part, path: str, array: ZarrArray) -> None:
    """Tell the repository where the chunks of an array are."""
    for start in range(0, len(array.numbers), AT_ONCE):
        rows = slice(start, start + AT_ONCE)
        specs = [
            icechunk.VirtualChunkSpec(
                list(array.position(number)),
                part.location,
                offset,
                nbytes,
                part.etag,
                part.changed,
            )
            for number, offset, nbytes in zip(
                array.numbers[rows].tolist(),
                array.offsets[rows].tolist(),
                array.nbytes[rows].tolist(),
                strict=True,
            )
        ]
        if store.set_virtual_refs(f"/{path}", specs, validate_containers=True):
            raise UnsupportedError(
                "Icechunk takes its chunks for none of the granule's folder",
                url=part.source.url,
                path=f"/{path}",
            )
