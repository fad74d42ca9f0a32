"""What is asked of granules, and the searches of earthaccess that ask it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from cryodata.earthdata.catalogue.cmr import Cmr
from cryodata.earthdata.catalogue.collections import Collection
from cryodata.earthdata.catalogue.track_names import Tracks
from cryodata.errors import SelectionError
from cryodata.region.region import Region
from cryodata.timespan import TimeSpan

__all__ = ["Conditions"]

_NAMES_PER_QUERY = 200
_NAME = re.compile(r"[A-Za-z0-9_.:*?\-]+")  # what earthaccess, which quotes nothing, can carry


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What granules have to fulfil; empty or None asks nothing.

    Attributes
    ----------
    region : Region or None
        They touch it, as far as the catalogue knows their outline.
    time : TimeSpan or None
        They have data in it.
    tracks : Tracks
        They are of these.
    name : tuple of str
        Their name is like one of these, with ``*`` and ``?``.

    Raises
    ------
    SelectionError
        If a name cannot be one, or names and tracks are both given.
    """

    region: Region | None = None
    time: TimeSpan | None = None
    tracks: Tracks = field(default_factory=Tracks)
    name: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in self.name:
            if not _NAME.fullmatch(str(name)):
                raise SelectionError(
                    f"name={name!r} is no name of a granule",
                    fix="Letters, digits, _ . : - and the wildcards * and ? make one.",
                )
        if self.name and self.tracks:
            raise SelectionError(
                "name= and rgt= or cycle= are two ways to say which granules",
                fix='Give one of them: name="ATL06_*_080102??_*" holds both.',
            )

    def queries(self, cmr: Cmr, collections: Sequence[Collection]) -> Iterator[Any]:
        """Searches that together find all that fit; several where there are many names.

        Each lists by start, then by name, so that revisions of a granule follow one another.
        """
        patterns = list(self.name)
        if self.tracks:
            patterns = [
                pattern
                for collection in collections
                for pattern in self.tracks.patterns(collection.product, collection.version)
            ]
        patterns = list(dict.fromkeys(patterns))
        for i in range(0, max(1, len(patterns)), _NAMES_PER_QUERY):
            query = cmr.granules().short_name(collections[0].product)
            query.collection_concept_id([c.concept_id for c in collections])
            query.params["sort_key"] = ["start_date", "producer_granule_id"]
            if patterns:
                query.granule_name(patterns[i : i + _NAMES_PER_QUERY])
            if self.region is not None:
                query.params.update(self.region.cmr_parameters())
            if self.time is not None:
                query.params["temporal"] = [_temporal(self.time)]
            yield query

    def relaxed(self) -> dict[str, Conditions]:
        """What is left of them without each one, by the name of the parameter that asks it."""
        rest: dict[str, Conditions] = {}
        if self.region is not None:
            rest["region"] = replace(self, region=None)
        if self.time is not None:
            rest["time"] = replace(self, time=None)
        if self.name:
            rest["name"] = replace(self, name=())
        words = [w for w in ("rgt", "cycle", "orbit_region") if getattr(self.tracks, w)]
        for word in words:
            rest[word] = replace(self, tracks=replace(self.tracks, **{word: ()}))
        if len(words) > 1:
            rest[" and ".join(words)] = replace(self, tracks=Tracks())
        return rest

    def said(self) -> dict[str, str]:
        """The conditions that ask something, in words."""
        words = {
            "region": f"in {self.region}" if self.region is not None else "",
            "time": f"from {self.time}" if self.time is not None else "",
            "tracks": f"of {self.tracks}" if self.tracks else "",
            "name": f"named {', '.join(self.name[:3])}" if self.name else "",
        }
        return {condition: text for condition, text in words.items() if text}


def _temporal(span: TimeSpan) -> str:
    """A half-open span as the catalogue writes it: both ends included, to the millisecond."""
    ends = (span.start, None if span.stop is None else span.stop - np.timedelta64(1, "ns"))
    return ",".join("" if t is None else f"{t.astype('M8[ms]')}Z" for t in ends)
