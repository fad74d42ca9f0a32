"""What a user points at, as one granule."""

from __future__ import annotations

import glob
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cryodata.errors import ConfigurationError, MissingDependencyError, NotFoundError

__all__ = ["one_granule"]

WILD = frozenset("*?[")


def one_granule(what: Any, storage_options: Mapping[str, Any] | None) -> Any:
    """The one granule that `what` stands for: a path, a URL, or an open file.

    Parameters
    ----------
    what : str, path-like, open fsspec file, or a list of one of these
        Paths and object-store URLs may hold the wildcards ``*``, ``?``, ``[...]`` and
        ``**``; the names of ``http(s)://`` may not, since ``?`` means something there.
    storage_options : mapping, optional
        For listing an object store.

    Raises
    ------
    ConfigurationError
        If it stands for several granules, or for none because a list is empty.
    NotFoundError
        If nothing matches the wildcards.
    """
    if isinstance(what, Sequence) and not isinstance(what, str | bytes):
        found = list(what)
        if not found:
            raise ConfigurationError("The list of granules is empty", fix="Name a granule.")
    elif isinstance(what, str | os.PathLike) and _is_wild(os.fspath(what)):
        found = _matches(os.fspath(what), storage_options)
        if not found:
            raise NotFoundError(
                f"Nothing matches {os.fspath(what)!r}", fix="Check the folder and the wildcards."
            )
    else:
        return what
    if len(found) > 1:
        raise ConfigurationError(
            f"{len(found)} granules, from {found[0]} to {found[-1]}; this reads one at a time",
            fix="Open them one by one: [cryodata.open(one) for one in granules].",
        )
    return one_granule(found[0], storage_options)


def _is_wild(name: str) -> bool:
    if not WILD.intersection(name) or name.startswith(("http://", "https://")):
        return False
    return "://" in name or not Path(name).exists()


def _matches(pattern: str, storage_options: Mapping[str, Any] | None) -> list[str]:
    if "://" not in pattern:
        absolute = str(Path(pattern).expanduser())
        return sorted(glob.glob(absolute, recursive=True))  # noqa: PTH207 - takes absolute patterns
    try:
        import fsspec

        files, path = fsspec.core.url_to_fs(pattern, **(storage_options or {}))
    except ImportError as error:
        raise MissingDependencyError(
            "Wildcards in the name of an object need its fsspec file system to list the store",
            fix='pip install "cryodata-earth[s3fs]"',
        ) from error
    return sorted(files.unstrip_protocol(name) for name in files.glob(path))
