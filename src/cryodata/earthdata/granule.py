"""One granule as the catalogue describes it: where it is, what it covers, which version."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from cryodata.products import GranuleName, parse_name

__all__ = ["Granule", "Ring"]

Ring = tuple[tuple[float, float], ...]
"""Longitude and latitude of the corners of a polygon, degrees, closed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Granule:
    """One granule of a catalogue; prints, pickles and compares.

    Attributes
    ----------
    name : str
        Of the data file, ``ATL06_20200312233336_11800602_006_01.h5``.
    https, s3 : str
        Where the data file is, outside and inside the region; empty where the catalogue
        does not say.
    dmrpp : str
        Its DMR++ sidecar over https; empty where there is none.
    endpoint : str
        URL that gives keys for it, where its own record names one; else empty.
    size : int
        Bytes; 0 where the catalogue does not say.
    start, end : numpy.datetime64 or None
        First and last instant of the data, UTC.
    footprint : tuple of rings
        Outlines, longitude first, degrees; empty where the catalogue has none.
    product, version : str
        Short name and version of the collection: ``ATL06``, ``006``.
    concept_id, collection_id : str
        Of granule and collection in CMR.
    revision : int
        Of the record in CMR; 0 where unknown.
    """

    name: str
    https: str = ""
    s3: str = ""
    dmrpp: str = ""
    endpoint: str = ""
    size: int = 0
    start: np.datetime64 | None = None
    end: np.datetime64 | None = None
    footprint: tuple[Ring, ...] = field(default=(), repr=False)
    product: str = ""
    version: str = ""
    concept_id: str = ""
    collection_id: str = ""
    revision: int = 0

    @property
    def parsed(self) -> GranuleName | None:
        """What the name says: start, rgt, cycle, region, release, revision."""
        return parse_name(self.name)

    def __str__(self) -> str:
        return self.name
