"""One granule walked to the end, and its row of the catalogue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from cryodata.earthdata.granule import Granule
from cryodata.earthdata.identity.login import active_system
from cryodata.earthdata.place import place_of
from cryodata.errors import CryodataError, FetchError
from cryodata.formats import FORMAT, Apart, encode_apart, library_version
from cryodata.granule import GranuleFile
from cryodata.index import Index
from cryodata.layout import Chunked, Contiguous
from cryodata.options import Options
from cryodata.products import recognise
from cryodata.references.catalogue import Row
from cryodata.references.footprints import box_in_attributes
from cryodata.timespan import TimeSpan

__all__ = ["Walk", "key_of", "walk_granule"]


@dataclass(frozen=True, slots=True)
class Walk:
    """What a walk gave.

    Attributes
    ----------
    row : Row
        Without the names of its index, which is not written yet.
    index : Apart
        Encoded where it was walked: by many processes that is the half of what is left to do.
    """

    row: Row
    index: Apart


def key_of(what: Any) -> str:
    """What a granule is known by: where it lies, s3 before https; of a file, its path."""
    place = place_of(what, active_system())
    if place is not None:
        return place.s3 or place.https
    if isinstance(what, Granule):
        return what.s3 or what.https
    return GranuleFile(what, options=Options(cache=None)).url


def walk_granule(what: Any, file: GranuleFile) -> Walk:
    """Read all of a granule's structure, as it is now.

    Parameters
    ----------
    what : Granule or anything else that is opened
    file : GranuleFile
        The same, open, and without a cache. It is closed.

    Raises
    ------
    FetchError
        Its server names no version of it: nobody could tell when it changes.
    CryodataError
        It cannot be had, is no HDF5, or holds what cannot be written.
    """
    try:
        index = file.walk()
        if not index.source.etag:
            raise FetchError(
                "The server names no version (ETag), and references could not tell when it changes",
                url=file.url,
                fix="Keep the granule in S3, or on a server that gives ETags.",
            )
        return Walk(_row(what, index), encode_apart(index))
    except CryodataError as error:
        raise error.locate(url=file.url) from error.__cause__
    finally:
        file.close()


def _row(what: Any, index: Index) -> Row:
    granule = what if isinstance(what, Granule) else _made_up(index)
    root = index.groups.get("/")
    attributes = (root.attributes if root else None) or {}
    product = recognise(granule.name, attributes, {})
    if product is not None and not granule.product:
        granule = replace(granule, product=product.short_name)
    if granule.start is None and (span := _span(attributes)):
        granule = replace(granule, start=span[0], end=span[1])
    tables = [a.storage for a in index.arrays.values()]
    return Row(
        key=key_of(what),
        granule=granule,
        source=index.source,
        box=None if granule.footprint else box_in_attributes(attributes),
        index_format=FORMAT,
        library=library_version(),
        arrays=len(index.arrays),
        chunks=sum(len(s.table) for s in tables if isinstance(s, Chunked)),
        nbytes=sum(_stored(s) for s in tables),
    )


def _made_up(index: Index) -> Granule:
    """Of a file that is in no catalogue, only the name is known."""
    return Granule(name=index.source.url.rpartition("/")[2], size=index.source.size)


def _stored(storage: Any) -> int:
    if isinstance(storage, Chunked):
        return int(storage.table.nbytes.sum(dtype=np.int64))
    if isinstance(storage, Contiguous) and storage.offset is not None:
        return storage.nbytes
    return 0


def _span(attributes: Mapping[str, Any]) -> tuple[np.datetime64, np.datetime64] | None:
    """When the data were taken, where the file says it."""
    texts = []
    for name in ("time_coverage_start", "time_coverage_end"):
        value = np.asarray(attributes.get(name, "")).ravel()
        text = value[0] if value.size == 1 else ""
        texts.append(text.decode("latin-1") if isinstance(text, bytes) else str(text))
    try:
        span = TimeSpan.of((texts[0], texts[1]))
    except CryodataError:
        return None
    if span.start is None or span.stop is None or not all(texts):
        return None
    return span.start.astype("M8[us]"), span.stop.astype("M8[us]")
