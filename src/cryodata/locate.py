"""What a user points at, as granules: names of products, results, paths, URLs, files."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryodata.earthdata.catalogue.track_names import Tracks
from cryodata.earthdata.granule import Granule
from cryodata.earthdata.granules import Granules
from cryodata.earthdata.identity.login import active_system
from cryodata.errors import (
    ConfigurationError,
    MissingDependencyError,
    NotFoundError,
    NothingFoundError,
    SelectionError,
)
from cryodata.granule.referenced import Referenced
from cryodata.products import find, parse_name, read_name, recognise
from cryodata.references.references import References, is_references, open_references
from cryodata.region.region import Region
from cryodata.timespan import TimeSpan

__all__ = ["Wish", "granules_of", "one_granule"]

WILD = frozenset("*?[")
_SHORT_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]+([_-][A-Za-z0-9]+)*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Which granules are wanted; what is None is all the same.

    Attributes
    ----------
    region, time : optional
    cycle, rgt : int or sequence of int, optional
    version : str or int
        Of the product.
    product : str
        Short name; chooses among the granules of references.
    """

    region: Region | None = None
    time: TimeSpan | None = None
    cycle: int | Sequence[int] | None = None
    rgt: int | Sequence[int] | None = None
    version: str | int = "latest"
    product: str = ""


def granules_of(what: Any, wish: Wish, storage_options: Mapping[str, Any] | None) -> list[Any]:
    """The granules that `what` stands for, at least one: each a path, URL, file or Granule.

    Parameters
    ----------
    what : str, path-like, open fsspec file, Granule, Granules, References, or a list of these
        A str without slash and dot that is no file is the short name of a product. Paths
        and object-store URLs may hold the wildcards ``*``, ``?``, ``[...]`` and ``**``;
        the names of ``http(s)://`` may not, since ``?`` means something there.
    wish : Wish
        Which granules of the product; of others, which cycles and tracks.
    storage_options : mapping, optional
        For listing an object store.

    Raises
    ------
    ConfigurationError
        If a list is empty.
    NotFoundError
        If nothing matches the wildcards.
    NothingFoundError, UnknownProductError
        If the catalogue has nothing.
    SelectionError
        If none is of the cycles and tracks wanted, or names do not tell.
    """
    if isinstance(what, str) and _is_product(what):
        from cryodata.catalogue import search

        return list(
            search(
                what,
                region=wish.region,
                time=wish.time,
                cycle=wish.cycle,
                rgt=wish.rgt,
                version=wish.version,
            )
        )
    if is_references(what):
        return _of_references(what, wish, storage_options)
    found = _once(_listed(what, storage_options))
    if not found:
        raise ConfigurationError("The list of granules is empty", fix="Name a granule.")
    tracks = Tracks.of(rgt=wish.rgt, cycle=wish.cycle)
    kept = [granule for granule in found if _fits(granule, tracks, wish.version)]
    if not kept:
        raise NothingFoundError(
            f"none of {len(found)} granules is of the cycle, rgt and version asked for",
            fix="Leave cycle=, rgt= or version= out.",
        )
    return kept


def _of_references(
    what: Any, wish: Wish, storage_options: Mapping[str, Any] | None
) -> list[Referenced]:
    """The granules of references that may have what is wanted."""
    references = (
        what
        if isinstance(what, References)
        else open_references(what, storage_options=storage_options)
    )
    chosen = references.select(
        region=wish.region,
        time=wish.time,
        cycle=wish.cycle,
        rgt=wish.rgt,
        version="all" if wish.version == "latest" else wish.version,  # none is left out unasked
        product=wish.product or None,
    )
    if not len(chosen):
        raise NothingFoundError(
            f"none of the {len(references)} granules of the references is of the region, time, "
            "cycle, rgt and version asked for",
            url=references.url,
            fix="Leave some of them out.",
        )
    return chosen.granules()


def _fits(granule: Any, tracks: Tracks, version: str | int) -> bool:
    """Whether a granule's name says that it is of wanted tracks and of the version.

    Raises
    ------
    SelectionError
        Its name does not tell.
    """
    any_version = version in {"latest", "all"}
    if not tracks and any_version:
        return True
    text = granule.name if isinstance(granule, Granule) else str(granule)
    name = parse_name(text)
    if name is None and not tracks and (release := _release_of_grid(text)):
        return release.lstrip("0") == str(version).lstrip("0")
    if name is None:
        raise SelectionError(
            "cycle=, rgt= and version= choose granules by their names, and this is none",
            url=text.partition("?")[0],
            fix="Leave them out, or give granules under the names of their producer.",
        )
    right_version = any_version or name.release == str(version).zfill(3)
    return right_version and tracks.holds(Granule(name=text))


def _release_of_grid(text: str) -> str:
    """What the name of a gridded file says of its release; empty where it says nothing."""
    product = recognise(text, {}, {})
    name = read_name(product, text) if product is not None else None
    return name.release if name is not None else ""


def one_granule(what: Any, storage_options: Mapping[str, Any] | None) -> Any:
    """The one granule that `what` stands for, as `granules_of`.

    Raises
    ------
    ConfigurationError
        If it stands for several; and as `granules_of`.
    """
    found = granules_of(what, Wish(), storage_options)
    if len(found) > 1:
        raise ConfigurationError(
            f"{len(found)} granules, from {found[0]} to {found[-1]}; this reads one at a time",
            fix="Name one of them.",
        )
    return found[0]


def _listed(what: Any, storage_options: Mapping[str, Any] | None) -> list[Any]:
    if isinstance(what, Granule | Granules) or _is_record(what):
        return list(Granules.of(what))
    if isinstance(what, Sequence) and not isinstance(what, str | bytes):
        return [one for item in what for one in _listed(item, storage_options)]
    if isinstance(what, str | os.PathLike) and _is_wild(os.fspath(what)):
        found = _matches(os.fspath(what), storage_options)
        if not found:
            raise NotFoundError(
                f"Nothing matches {os.fspath(what)!r}", fix="Check the folder and the wildcards."
            )
        return list(found)
    return [what]


def _once(found: list[Any]) -> list[Any]:
    """What is there twice, as where two searches overlap, once."""
    named = (Granule, Referenced, str, Path)
    return list({one if isinstance(one, named) else id(one): one for one in found}.values())


def _is_record(what: Any) -> bool:
    """Whether something is a granule of CMR, also in the hands of earthaccess."""
    return isinstance(what, Mapping)


def _is_product(name: str) -> bool:
    if not _SHORT_NAME.fullmatch(name) or Path(name).is_file():
        return False
    return find(name) is not None or not Path(name).is_dir()  # who has a folder ATL06 may be here


def _is_wild(name: str) -> bool:
    if not WILD.intersection(name) or name.startswith(("http://", "https://")):
        return False
    return "://" in name or not Path(name).exists()


def _matches(pattern: str, storage_options: Mapping[str, Any] | None) -> list[str]:
    if "://" not in pattern:
        absolute = str(Path(pattern).expanduser())
        return sorted(glob.glob(absolute, recursive=True))  # noqa: PTH207 - takes absolute patterns
    if not storage_options and active_system().endpoint_of(pattern):
        raise ConfigurationError(
            "Buckets of Earthdata are not listed",
            url=pattern,
            fix='cd.search("ATL06", name="ATL06_201907*") finds granules by their names.',
        )
    try:
        import fsspec

        files, path = fsspec.core.url_to_fs(pattern, **(storage_options or {}))
    except ImportError as error:
        raise MissingDependencyError(
            "Wildcards in the name of an object need its fsspec file system to list the store",
            fix='pip install "cryodata-earth[s3fs]"',
        ) from error
    return sorted(files.unstrip_protocol(name) for name in files.glob(path))
