"""Small files under one folder, here or in a bucket: written whole, never changed.

Unlike `Store`, which reads ranges of one object, this is for what the library itself writes.
"""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike, fspath
from typing import Any, Protocol
from urllib.parse import urlsplit
from urllib.request import url2pathname

from cryodata.errors import ConfigurationError
from cryodata.options import Options
from cryodata.store.bucket_folder import BucketFolder
from cryodata.store.local_folder import LocalFolder
from cryodata.store.whole import Entry

__all__ = ["Entry", "Folder", "open_folder"]


class Folder(Protocol):
    """Files by names with slashes, ``granules/0001.parquet``.

    All methods raise `AuthError` where the user may not, and `FetchError` where the disk or
    the server fails.

    Attributes
    ----------
    url : str
        Absolute path or ``s3://bucket/prefix``, without a slash at the end.
    """

    url: str

    def entries(self, below: str) -> Mapping[str, Entry]:
        """The finished files right below a folder, by their last name; none if it is missing."""
        ...

    def read(self, name: str) -> bytes:
        """All of a file; `NotFoundError` where there is none."""
        ...

    def write(self, name: str, data: bytes) -> None:
        """A file that others see whole or not at all, in place of what is there."""
        ...

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        ...


def open_folder(
    where: str | PathLike[str],
    *,
    storage_options: Mapping[str, Any] | None = None,
    options: Options | None = None,
) -> Folder:
    """The folder at a path or ``s3://bucket/prefix``; it need not exist yet.

    Raises
    ------
    ConfigurationError
        A place of another kind, or storage options for a path.
    """
    name = fspath(where)
    if name.startswith("s3://"):
        return BucketFolder(name, storage_options, (options or Options()).network)
    if "://" in name and not name.startswith("file://"):
        raise ConfigurationError(
            f"{name.partition('?')[0]} is neither a folder of this machine nor a prefix in S3",
            fix="Name a path, or s3://bucket/prefix.",
        )
    if storage_options:
        raise ConfigurationError("a local path takes no storage_options", fix="Leave them out.")
    return LocalFolder(url2pathname(urlsplit(name).path) if "://" in name else name)
