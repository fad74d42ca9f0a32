"""Which granules are newer makes of others."""

from __future__ import annotations

import re
from collections.abc import Iterable

from cryodata.earthdata.granule import Granule

__all__ = ["newest", "stem_of"]

_ICESAT2 = re.compile(r"(?P<stem>.*(?<![A-Za-z0-9])ATL\d{2}.*_\d{3})_(?P<revision>\d{2})(?!\d)")


def stem_of(granule: Granule) -> tuple[str, str, str]:
    """What two makes of the same granule have in common.

    Product, version and name; of ICESat-2's names all up to the release, ``ATL06_..._006``.
    The same data in two versions are two granules.
    """
    found = _ICESAT2.match(granule.name)
    return granule.product, granule.version, found["stem"] if found else granule.name


def newest(granules: Iterable[Granule]) -> tuple[tuple[Granule, ...], tuple[Granule, ...]]:
    """The newest make of each granule, in the order given, and what they supersede.

    What is there twice is kept once. The higher revision in the name is newer; of equal
    names the one that can be read from S3 is, then the later record.
    """
    every = list(dict.fromkeys(granules))
    best: dict[tuple[str, str, str], Granule] = {}
    for granule in every:
        stem = stem_of(granule)
        if stem not in best or _rank(granule) > _rank(best[stem]):
            best[stem] = granule
    kept = {id(granule) for granule in best.values()}
    return (
        tuple(granule for granule in every if id(granule) in kept),
        tuple(granule for granule in every if id(granule) not in kept),
    )


def _rank(granule: Granule) -> tuple[str, bool, int]:
    found = _ICESAT2.match(granule.name)
    return found["revision"] if found else "", bool(granule.s3), granule.revision
