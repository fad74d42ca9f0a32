"""Repositories of Icechunk, read with leave for the places that the caller names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from os import PathLike
from typing import Any

import xarray as xr
from zarr.abc.store import ByteRequest
from zarr.core.buffer import Buffer, BufferPrototype
from zarr.storage import WrapperStore

from cryodata.errors import ConfigurationError
from cryodata.formats.allowed import Allowed
from cryodata.references.icechunk_places import (
    authority,
    configuration,
    import_icechunk,
    storage,
    translated,
)

__all__ = ["IcechunkView", "open_icechunk", "read_icechunk"]


def read_icechunk(
    where: str | PathLike[str],
    allow: Allowed | str | PathLike[str] | Iterable[str | PathLike[str]],
    group: str = "/",
    **how: Any,
) -> xr.Dataset:
    """A group of a repository, lazily.

    Parameters
    ----------
    where, allow, **how
        As for `open_icechunk`.
    group : str
        Path, ``/gt1l/land_ice_segments``.

    Raises
    ------
    ConfigurationError, UnsafeReferenceError, GranuleChangedError, FetchError
        As of `open_icechunk`; the last three also when values are read.
    """
    store = open_icechunk(where, allow, **how)
    path = group.strip("/") or None
    found: xr.Dataset = xr.open_zarr(store, group=path, consolidated=False, zarr_format=3)
    return found


def open_icechunk(
    where: str | PathLike[str],
    allow: Allowed | str | PathLike[str] | Iterable[str | PathLike[str]],
    *,
    branch: str = "main",
    storage_options: Mapping[str, Any] | None = None,
    folder_options: Mapping[str, Any] | None = None,
) -> IcechunkView:
    """A repository as a store of Zarr version 3 that is not written to.

    Parameters
    ----------
    where : str or path-like
        A folder, or ``s3://bucket/prefix``.
    allow : str, path-like, several, or Allowed
        Places that chunks may lie in, as `Allowed.of` takes them. At which server they are, and
        with which keys they are read, is as said here: what the repository says of it, and of
        other places, does not count.
    branch : str
    storage_options : mapping, optional
        For the places of chunks in S3, in the words of s3fs; those of Earthdata need none.
    folder_options : mapping, optional
        For `where`, in the same words.

    Raises
    ------
    ConfigurationError
        There is no repository.
    UnsafeReferenceError
        While reading: a chunk lies in a place that is not allowed.
    GranuleChangedError
        While reading: a granule was replaced since it was written to the repository.
    FetchError
        Whatever else fails.
    MissingDependencyError
        icechunk is not installed.
    """
    icechunk = import_icechunk()
    places = allow if isinstance(allow, Allowed) else Allowed.of(allow)
    with translated("/"):
        place = storage(where, folder_options)
        if not icechunk.Repository.exists(place):
            raise ConfigurationError("There is no repository", fix="Look for typing errors.")
        repository = icechunk.Repository.open(
            place,
            config=configuration(places, storage_options),
            authorize_virtual_chunk_access=authority(places, storage_options),
        )
        return IcechunkView(repository.readonly_session(branch).store)


class IcechunkView(WrapperStore[Any]):
    """A store of Icechunk whose errors are ours."""

    async def get(
        self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        """The bytes of a key; None where there are none."""
        with translated(f"/{key}"):
            return await super().get(key, prototype, byte_range)

    def __repr__(self) -> str:
        return "<IcechunkView>"

    __str__ = __repr__
