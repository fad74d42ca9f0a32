"""Search for granules: every one that fits is listed, or it is said why not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from cryodata.earthdata.catalogue.cmr import Cmr
from cryodata.earthdata.catalogue.collections import Collection, find_collections
from cryodata.earthdata.catalogue.conditions import Conditions
from cryodata.earthdata.catalogue.listing import granule_of, listed
from cryodata.earthdata.catalogue.track_names import Tracks
from cryodata.earthdata.granules import Granules
from cryodata.earthdata.identity.login import active_system
from cryodata.earthdata.system import System
from cryodata.errors import NothingFoundError, SelectionError
from cryodata.region.region import Region
from cryodata.timespan import TimeSpan

__all__ = ["search_granules"]


def search_granules(
    product: str,
    *,
    region: Region | None = None,
    time: Any = None,
    cycle: Any = None,
    rgt: Any = None,
    orbit_region: Any = None,
    version: str | int = "latest",
    name: str | Sequence[str] | None = None,
    provider: str | None = None,
    limit: int | None = None,
    system: System | None = None,
) -> Granules:
    """Granules of a product; see `cryodata.catalogue.search`, which takes regions of any kind."""
    conditions = Conditions(
        region=region,
        time=None if time is None else TimeSpan.of(time),
        tracks=Tracks.of(rgt=rgt, cycle=cycle, orbit_region=orbit_region),
        name=(name,) if isinstance(name, str) else tuple(name or ()),
    )
    _check_limit(limit)
    cmr = Cmr(system or active_system())
    try:
        collections = find_collections(cmr, product, version=version, provider=provider)
        queries = conditions.queries(cmr, collections)
        found, hits = listed(cmr, queries, collections, tracks=conditions.tracks, limit=limit)
        if not found:
            others = _other_versions(cmr, collections, provider)
            raise _nothing(cmr, collections, conditions, others)
    finally:
        cmr.close()
    latest = Granules(tuple(found), hits=hits).latest()
    return latest if limit is None else replace(latest, items=latest.items[:limit])


def _check_limit(limit: object) -> None:
    if limit is not None and (type(limit) is not int or limit < 1):
        raise SelectionError(f"limit={limit!r} is no number of granules", fix="Write limit=10.")


def _other_versions(
    cmr: Cmr, collections: Sequence[Collection], provider: str | None
) -> list[list[Collection]]:
    """The collections of the product's other versions, newest version first."""
    every = find_collections(cmr, collections[0].product, version="all", provider=provider)
    versions = dict.fromkeys(collection.version for collection in every)
    same = [[c for c in every if c.version == version] for version in versions]
    return [others for others in same if others[0].version != collections[0].version]


def _count(cmr: Cmr, collections: Sequence[Collection], conditions: Conditions) -> int:
    """How many granules the catalogue counts."""
    return sum(cmr.count(query) for query in conditions.queries(cmr, collections))


def _nothing(
    cmr: Cmr,
    collections: Sequence[Collection],
    conditions: Conditions,
    others: Sequence[Sequence[Collection]],
) -> NothingFoundError:
    """What to say where nothing fits: what would, without each of the conditions."""
    said = conditions.said()
    first, last = _extent(cmr, collections)
    counts = {}
    if first:
        counts = {w: _count(cmr, collections, rest) for w, rest in conditions.relaxed().items()}
    fix = f"Its data are from {first} to {last}." if first else "It has no granules at all."
    if counts:
        fix = "; ".join(f"without {c}: {count:,}" for c, count in counts.items()) + f". {fix}"
    for other in others[:1]:
        if count := _count(cmr, other, conditions):
            fix += f' version="{other[0].version}" has {count:,} such.'
    return NothingFoundError(
        f"{collections[0]} has no granules {' '.join(said.values())}".rstrip(),
        fix=fix[0].upper() + fix[1:],
    )


def _extent(cmr: Cmr, collections: Sequence[Collection]) -> tuple[str, str]:
    """First and last day of data of the collections; empty where there are none."""
    days = []
    for key, end in (("start_date", "start"), ("-end_date", "end")):
        query = next(Conditions().queries(cmr, collections))
        query.params["sort_key"] = [key]
        page = next(cmr.pages(query, page_size=1), None)
        if page is None:
            return "", ""
        granule = granule_of(page.items[0], {}, cmr)
        instant = getattr(granule, end) or granule.start
        days.append("..." if instant is None else str(instant.astype("M8[D]")))
    return days[0], days[1]
