"""All granules that searches find: as many as the catalogue counts, or an error."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from cryodata.earthdata.catalogue.cmr import MOST_PER_PAGE, Cmr, Query
from cryodata.earthdata.catalogue.collections import Collection
from cryodata.earthdata.catalogue.track_names import Tracks
from cryodata.earthdata.catalogue.umm import from_umm
from cryodata.earthdata.granule import Granule
from cryodata.earthdata.granules.revisions import stem_of
from cryodata.errors import ServiceError

__all__ = ["granule_of", "listed"]

_SECOND_TRY_PAGE = 200  # records


def listed(
    cmr: Cmr,
    queries: Iterable[Query],
    collections: Sequence[Collection],
    *,
    tracks: Tracks,
    limit: int | None = None,
) -> tuple[list[Granule], int]:
    """Granules of all queries, each once, in the order of time, and how many there are.

    Parameters
    ----------
    cmr : Cmr
        Who is asked.
    queries : iterable of Query
        Each sorted by start, then by name.
    collections : sequence of Collection
        What the granules belong to.
    tracks : Tracks
        What their names have to say; a pattern cannot say all of it.
    limit : int, optional
        How many granules are enough: all revisions of the first so many are listed.

    Raises
    ------
    ServiceError
        If the catalogue lists another number than it counts, twice; or a record that no
        archive would write.
    """
    known = {collection.concept_id: collection for collection in collections}
    found: dict[str, Granule] = {}
    total = 0
    for query in queries:
        granules, hits = _of_query(cmr, query, known, tracks, limit)
        found |= granules
        total += hits
    return sorted(found.values(), key=_in_time), total


def granule_of(item: dict[str, Any], known: dict[str, Collection], cmr: Cmr) -> Granule:
    """The granule of an item of an answer, with the names of its collection."""
    granule = from_umm(item.get("umm"), item.get("meta"), system=cmr.system)
    collection = known.get(granule.collection_id)
    if collection is None:
        return granule
    return replace(granule, product=collection.product, version=collection.version)


def _of_query(
    cmr: Cmr, query: Query, known: dict[str, Collection], tracks: Tracks, limit: int | None
) -> tuple[dict[str, Granule], int]:
    """Granules of one query by their concept, and how many it finds."""
    count = hits = 0
    first = MOST_PER_PAGE if limit is None else min(MOST_PER_PAGE, limit + 10)
    for page_size in (first, _SECOND_TRY_PAGE):
        fitting: dict[str, Granule] = {}
        others: set[str] = set()
        count = hits = 0
        for page in cmr.pages(query, page_size=page_size):
            hits = page.hits
            for item in page.items:
                granule = granule_of(item, known, cmr)
                concept = granule.concept_id or granule.name
                if tracks.holds(granule):
                    fitting[concept] = granule
                else:
                    others.add(concept)
            if limit is not None and len({stem_of(g) for g in fitting.values()}) > limit:
                return fitting, hits - len(others)
        count = len(fitting) + len(others)
        if count == hits:
            return fitting, len(fitting)
    raise ServiceError(
        f"The catalogue counts {hits:,} granules and lists {count:,}",
        fix="It may be changing just now: try again in a minute.",
        url=f"{cmr.system.cmr}/search/granules.umm_json",
    )


def _in_time(granule: Granule) -> tuple[bool, int, str]:
    start = granule.start
    moment = 0 if start is None else int(start.astype("M8[us]").astype("i8"))
    return start is None, moment, granule.name
