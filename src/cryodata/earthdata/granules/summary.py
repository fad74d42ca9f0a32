"""What can be said of many granules in a few lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cryodata.words import size_in_words

if TYPE_CHECKING:
    from cryodata.earthdata.granules import Granules

__all__ = ["Summary", "minute_in_words", "numbers_in_words", "summary_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """Lines about granules, all plain text; empty where there is nothing to say.

    Attributes
    ----------
    count : str
        ``33 granules``, or ``first 10 of 212 granules``.
    size : str
        Of all together, ``3.2 GB``; says so where some are not known.
    time : str
        First and last day of data.
    products : str
        Product, version and number of each.
    tracks : str
        Cycles and reference ground tracks.
    superseded : str
        How many older revisions were left out.
    """

    count: str
    size: str
    time: str
    products: str
    tracks: str
    superseded: str


def summary_of(granules: Granules) -> Summary:
    """The lines about granules."""
    names = [parsed for granule in granules if (parsed := granule.parsed)]
    cycles = {n for name in names for n in range(name.cycle, name.last_cycle + 1)}
    tracks = {name.rgt for name in names}
    older = len(granules.superseded)
    return Summary(
        count=_count(len(granules), granules.hits - older),
        size=_size(granules),
        time=_span(granules),
        products=_products(granules),
        tracks=f"{'cycle' if len(cycles) == 1 else 'cycles'} {numbers_in_words(cycles)};"
        f" RGT {numbers_in_words(tracks)}" + (f" ({len(tracks)} tracks)" if len(tracks) > 1 else "")
        if names
        else "",
        superseded=f"{older} older revision{'s' * (older > 1)} left out" if older else "",
    )


def numbers_in_words(numbers: Iterable[int], most: int = 6) -> str:
    """Whole numbers as ``1-5, 7``; at most `most` runs of them."""
    runs: list[list[int]] = []
    for number in sorted(set(numbers)):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    words = [str(a) if a == b else f"{a}-{b}" for a, b in runs]
    if len(words) <= most:
        return ", ".join(words)
    return ", ".join([*words[: most - 1], "...", words[-1]])


def minute_in_words(instant: np.datetime64 | None) -> str:
    """An instant as ``2020-03-12 23:40``; empty where there is none."""
    return "" if instant is None else str(instant.astype("M8[m]")).replace("T", " ")


def _count(here: int, hits: int) -> str:
    what = "granule" if here == 1 else "granules"
    return f"first {here:,} of {hits:,} granules" if hits > here else f"{here:,} {what}"


def _size(granules: Granules) -> str:
    unknown = sum(1 for granule in granules if not granule.size)
    if unknown == len(granules):
        return ""
    return size_in_words(granules.size) + (f" ({unknown} of unknown size)" if unknown else "")


def _span(granules: Granules) -> str:
    starts = [granule.start for granule in granules if granule.start is not None]
    ends = [granule.end for granule in granules if granule.end is not None]
    if not starts:
        return ""
    first = min(starts).astype("M8[D]")
    last: np.datetime64 = max([*starts, *ends]).astype("M8[D]")
    return str(first) if first == last else f"{first} to {last}"


def _products(granules: Granules) -> str:
    counted = Counter(
        f"{granule.product or 'unknown product'} {granule.version}".strip() for granule in granules
    )
    if len(counted) == 1:
        return next(iter(counted))
    return ", ".join(f"{product} ({count:,})" for product, count in counted.most_common(8))
