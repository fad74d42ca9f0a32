"""What the sandbox's catalogue holds: collections, granules, and every revision of them."""

from __future__ import annotations

import copy
import itertools
import os
import threading
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryodata.errors import ConfigurationError
from cryodata.products import parse_name
from cryodata.sandbox.earthdata.corridor import Ring
from cryodata.sandbox.earthdata.extent import extent_of
from cryodata.sandbox.earthdata.records import (
    collection_number,
    collection_umm,
    granule_umm,
    instant,
)
from cryodata.sandbox.earthdata.shapes import shapes_of
from cryodata.sandbox.earthdata.sphere import Shape

__all__ = ["Catalogue", "Entry"]

Record = dict[str, Any]
NSIDC_KEYS = "https://data.nsidc.earthdatacloud.nasa.gov/s3credentials"
FIRST_COLLECTION, FIRST_GRANULE = 4_100_000_001, 4_200_000_001
"""Numbers of concepts that NASA does not have."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One record, with what searches ask of it.

    Attributes
    ----------
    record : dict
        ``{"meta": {...}, "umm": {...}}`` as UMM-JSON has it.
    number : int
        In its concept id.
    shapes : tuple of Shape
        Where it is; empty where the record does not say.
    collection : Entry or None
        What a granule belongs to.
    """

    record: Record = field(repr=False)
    number: int
    shapes: tuple[Shape, ...] = field(default=(), repr=False)
    collection: Entry | None = field(default=None, repr=False)

    @property
    def meta(self) -> Mapping[str, Any]:
        """Of the concept: id, provider, revision."""
        found: Mapping[str, Any] = self.record["meta"]
        return found

    @property
    def umm(self) -> Mapping[str, Any]:
        """The record itself."""
        found: Mapping[str, Any] = self.record["umm"]
        return found


class Catalogue:
    """Collections and granules. Safe to add to while it is searched.

    Parameters
    ----------
    provider : str
        Who the records are from, where nobody says otherwise.
    credentials_url : str
        What collections name as the place that gives keys.

    Examples
    --------
    >>> catalogue = Catalogue()
    >>> record = catalogue.add(  # doctest: +SKIP
    ...     path,
    ...     https="https://data.nsidc.earthdatacloud.nasa.gov/bucket/ATL06_....h5",
    ...     s3="s3://bucket/ATL06_....h5",
    ... )
    """

    def __init__(self, *, provider: str = "NSIDC_CPRD", credentials_url: str = NSIDC_KEYS) -> None:
        self._provider = provider
        self.credentials_url = credentials_url
        self._lock = threading.Lock()
        self._collections: dict[str, Entry] = {}
        self._granules: dict[tuple[str, str], Entry] = {}  # by collection and name
        self._collection_numbers = itertools.count(FIRST_COLLECTION)
        self._granule_numbers = itertools.count(FIRST_GRANULE)

    @property
    def collections(self) -> tuple[Entry, ...]:
        """All collections, in the order they came."""
        with self._lock:
            return tuple(self._collections.values())

    @property
    def granules(self) -> tuple[Entry, ...]:
        """All granules, in the order they came."""
        with self._lock:
            return tuple(self._granules.values())

    def add(
        self,
        path: str | os.PathLike[str],
        *,
        https: str = "",
        s3: str = "",
        credentials_url: str = "",
        dmrpp: bool = False,
        product: str | None = None,
        version: str | None = None,
        provider: str | None = None,
        rings: Sequence[Ring] | None = None,
        leave_out: Collection[str] = (),
    ) -> Record:
        """Publish the granule in a file.

        Parameters
        ----------
        path : path
            An HDF5 file. Place, time and orbit are read from it, size and checksum taken.
        https, s3 : str
            Where the file can be had; empty leaves the link out.
        credentials_url : str
            URL that gives keys, where the record itself is to name one. ATL06's records do
            not.
        dmrpp : bool
            Whether there is a sidecar ``.dmrpp`` beside the file.
        product, version : str, optional
            Collection it belongs to, made if there is none; taken from the name if None.
        provider : str, optional
            Whose record it is.
        rings : sequence of rings, optional
            Outlines to publish in place of the file's own.
        leave_out : collection of str
            Fields of UMM-G the record is to lack, as some do: ``SpatialExtent``,
            ``TemporalExtent``, ``RelatedUrls``, and ``Size`` for size and checksum.

        Returns
        -------
        dict
            The record, as UMM-JSON has it. The same name again makes its next revision.
        """
        path = Path(path)
        name = parse_name(path.name)
        short_name = product or (name.product if name else "")
        release = version or (name.release if name else "")
        if not short_name or not release:
            raise ConfigurationError(
                f"{path.name} does not say what product it is of",
                fix="Give product= and version=.",
            )
        bucket = urlsplit(s3)
        prefix = f"{bucket.netloc}{bucket.path}".rpartition("/")[0]
        collection = self._collection(short_name, release, provider, prefix)
        extent = extent_of(path)
        umm = granule_umm(
            path,
            extent,
            entry_title=collection.umm["EntryTitle"],
            orbit=extent.orbit or (name.orbit if name else 0),
            https=https,
            s3=s3,
            credentials_url=credentials_url,
            dmrpp=dmrpp,
            rings=rings,
            leave_out=leave_out,
        )
        return self._publish(umm, collection)

    def add_record(
        self, umm: Record, *, product: str, version: str, provider: str | None = None
    ) -> Record:
        """Publish a UMM-G record as it is; see `add` for the rest."""
        collection = self._collection(product, version, provider, "")
        return self._publish(copy.deepcopy(umm), collection)

    def add_collection(
        self,
        short_name: str,
        version: str,
        *,
        provider: str | None = None,
        bucket_prefix: str = "",
        cloud: bool = True,
    ) -> Record:
        """Publish a collection without granules; `add` makes those it needs.

        Parameters
        ----------
        short_name, version : str
            ``ATL06``, ``006``.
        provider : str, optional
            Whose it is.
        bucket_prefix : str
            Where its granules are, ``nsidc-cumulus-prod-protected/ATLAS/ATL06/006``.
        cloud : bool
            Whether its granules can be read from S3 at all.
        """
        with self._lock:
            entry = self._new_collection(
                short_name, version, provider or self._provider, bucket_prefix, cloud=cloud
            )
        return copy.deepcopy(entry.record)

    def remove(self, granule_ur: str) -> None:
        """Take a granule out, as is done with those superseded."""
        with self._lock:
            kept = {key: entry for key, entry in self._granules.items() if key[1] != granule_ur}
            self._granules = kept

    def _collection(
        self, short_name: str, version: str, provider: str | None, prefix: str
    ) -> Entry:
        provider = provider or self._provider
        with self._lock:
            for entry in self._collections.values():
                said = entry.umm["ShortName"], entry.umm["Version"], entry.meta["provider-id"]
                if said == (short_name, version, provider):
                    return entry
            return self._new_collection(short_name, version, provider, prefix, cloud=bool(prefix))

    def _new_collection(
        self, short_name: str, version: str, provider: str, prefix: str, *, cloud: bool
    ) -> Entry:
        known = collection_number(short_name, version) if provider == "NSIDC_CPRD" else None
        number = known or next(self._collection_numbers)
        umm = collection_umm(
            short_name,
            version,
            buckets=[prefix] if prefix else [],
            credentials_url=self.credentials_url if cloud else "",
        )
        meta = _meta("collection", f"C{number}-{provider}", umm["EntryTitle"], provider)
        if prefix:
            meta["s3-links"] = [prefix]
        entry = Entry({"meta": meta, "umm": umm}, number, shapes_of(umm))
        self._collections[meta["concept-id"]] = entry
        return entry

    def _publish(self, umm: Record, collection: Entry) -> Record:
        """Put a granule in, or its next revision in the place of the last."""
        provider, owner = collection.meta["provider-id"], collection.meta["concept-id"]
        shapes = shapes_of(umm)
        key = owner, umm["GranuleUR"]
        with self._lock:
            last = self._granules.pop(key, None)  # the revision comes last
            number = last.number if last else next(self._granule_numbers)
            meta = _meta("granule", f"G{number}-{provider}", umm["GranuleUR"], provider)
            meta["collection-concept-id"] = owner
            meta["revision-id"] = last.meta["revision-id"] + 1 if last else 1
            record = {"meta": meta, "umm": umm}
            self._granules[key] = Entry(record, number, shapes, collection)
        return copy.deepcopy(record)


def _meta(kind: str, concept: str, native: str, provider: str) -> Record:
    return {
        "concept-type": kind,
        "concept-id": concept,
        "revision-id": 1,
        "native-id": native,
        "provider-id": provider,
        "format": "application/vnd.nasa.cmr.umm+json",
        "revision-date": instant(datetime.now(UTC)),
    }
