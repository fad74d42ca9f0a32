"""Hostile references in the forms of others, as whoever opens a colleague's file meets them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import icechunk
import zarr

import cryodata as cd
from cryodata.errors import CryodataError, FetchError, NotFoundError, UnsafeReferenceError
from cryodata.formats.kerchunk_parquet_out import kerchunk_parquet

__all__ = ["form_cases", "hostile_repository"]

Attempt = Callable[[], Any]


def form_cases(
    folder: Path, granule: Path, array: str, urls: Mapping[str, str]
) -> Iterator[tuple[str, Attempt]]:
    """Name, and what to try.

    Parameters
    ----------
    folder : Path
        Where the references are written.
    granule : Path
        Lies in the one folder that is allowed.
    array : str
        Of the granule.
    urls : mapping
        Places that no references may lead to.
    """
    refs = cd.references.build(granule, folder / "refs")
    cd.references.export(refs, folder / "sound", form="kerchunk")
    (sound,) = (folder / "sound").iterdir()
    document = json.loads(sound.read_text())
    where = numbered(folder)
    for name, url in urls.items():
        moved = _moved(document, array, url)
        for form, write in (("kerchunk", _write_json), ("kerchunk Parquet", _write_parquet)):
            place = write(next(where), moved)
            yield f"{form}: {name}", partial(read_kerchunk, place, granule.parent, array)
        if (repository := _repository(next(where), url)) is not None:
            yield f"icechunk: {name}", partial(read_icechunk, repository, granule.parent)
    from tests.references.test_kerchunk_in import EVIL
    from tests.references.test_kerchunk_parquet import HOSTILE

    for name, (text, error) in EVIL.items():
        file = next(where).with_suffix(".json")
        file.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
        yield f"kerchunk: {name}", partial(demand, error, file)
    for name, (files, error, _) in HOSTILE.items():
        place = next(where)
        for part, data in files.items():
            path = place / part
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        place.mkdir(exist_ok=True)
        yield f"kerchunk Parquet: {name}", partial(demand, error, place)


def numbered(folder: Path) -> Iterator[Path]:
    """Names for files and folders."""
    number = 0
    while True:
        number += 1
        yield folder / f"form{number}"


def _moved(document: dict[str, Any], array: str, url: str) -> dict[str, Any]:
    """The same references; the chunks of one array lie elsewhere."""
    below = f"{array.strip('/')}/"
    refs = {
        key: [url, *value[1:]] if key.startswith(below) and isinstance(value, list) else value
        for key, value in document["refs"].items()
    }
    return {**document, "refs": refs}


def _write_json(place: Path, document: dict[str, Any]) -> Path:
    file = place.with_suffix(".json")
    file.write_text(json.dumps(document))
    return file


def _write_parquet(place: Path, document: dict[str, Any]) -> Path:
    place = place.with_suffix(".parq")
    for name, data in kerchunk_parquet(document).items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(data)
    return place


def read_kerchunk(where: Path, allowed: Path, array: str) -> Any:
    """Values, as somebody reads them who allows one folder and one bucket."""
    store = cd.references.open_kerchunk(where, allow=[allowed, "s3://allowed"])
    return zarr.open_group(store, mode="r", zarr_format=2)[array.strip("/")][:]  # type: ignore[index]


def demand(error: type[CryodataError], where: Path) -> Any:
    """Open what has to be refused with this error, or because a part of it is not there."""
    try:
        return cd.references.open_kerchunk(where, allow="s3://bucket/granules")
    except (error, NotFoundError):
        raise
    except CryodataError as other:
        raise AssertionError(f"{type(other).__name__} for {error.__name__}") from other


STORES: Mapping[str, Callable[[], Any]] = {
    "file": lambda: icechunk.local_filesystem_store("/"),
    "http": icechunk.http_store,
    "https": icechunk.http_store,
    "s3": lambda: icechunk.s3_store(region="us-west-2", anonymous=True),
}


def _repository(where: Path, url: str) -> Path | None:
    """A repository whose chunk lies there; None where Icechunk has no words for such a place.

    Nor where it is in the bucket that is allowed: S3 knows no way up, and a key is a key.
    """
    if url.startswith("s3://allowed/"):
        return None
    location = f"file://{url}" if url.startswith("/") else url
    scheme, _, rest = location.partition("://")
    if scheme not in STORES or not rest:
        return None
    prefix = f"{scheme}://{rest.partition('/')[0]}/"
    try:
        hostile_repository(where, location, prefix, STORES[scheme]())
    except (icechunk.IcechunkError, ValueError):
        return None
    return where


def hostile_repository(
    where: Path, location: str, prefix: str, store: Any, nbytes: int = 40
) -> None:
    """A repository whose one chunk lies wherever somebody else wrote."""
    config = icechunk.RepositoryConfig.default()
    config.set_virtual_chunk_container(icechunk.VirtualChunkContainer(prefix, store))
    repository = icechunk.Repository.create(
        icechunk.local_filesystem_storage(str(where)), config=config
    )
    session = repository.writable_session("main")
    zarr.group(session.store).create_array(
        "x", shape=(10,), chunks=(10,), dtype="<i4", compressors=None, filters=None
    )
    now = datetime(2100, 1, 1, tzinfo=UTC)
    session.store.set_virtual_ref(
        "x/c/0", location, offset=0, length=nbytes, checksum=now, validate_container=False
    )
    session.commit("x")


def read_icechunk(where: Path, allowed: Path) -> Any:
    """As `read_kerchunk`. Icechunk alone knows the place: what it cannot have it does not find."""
    store = cd.references.open_icechunk(where, allow=[allowed, "s3://allowed"])
    try:
        return zarr.open_group(store, mode="r")["x"][:]  # type: ignore[index]
    except FetchError as error:
        raise UnsafeReferenceError(error.what) from error
