"""Granules as text, for terminals and logs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryodata.earthdata.granules.summary import minute_in_words, summary_of
from cryodata.words import size_in_words

if TYPE_CHECKING:
    from cryodata.earthdata.granule import Granule
    from cryodata.earthdata.granules import Granules

__all__ = ["text_of"]

_HEAD, _TAIL = 5, 3  # granules listed; between them are dots


def text_of(granules: Granules) -> str:
    """Count, size and span on one line, tracks on the next, then some of the granules."""
    about = summary_of(granules)
    first = ", ".join(
        part for part in (about.count, about.products, about.size, about.time) if part
    )
    lines = [f"<Granules: {first}>", about.tracks, about.superseded]
    if len(granules) <= _HEAD + _TAIL:
        shown = [_line(granule) for granule in granules]
    else:
        left = len(granules) - _HEAD - _TAIL
        shown = [
            *(_line(granule) for granule in granules[:_HEAD]),
            f"... {left:,} more",
            *(_line(granule) for granule in granules[-_TAIL:]),
        ]
    return "\n".join([line for line in lines if line] + [f"  {line}" for line in shown])


def _line(granule: Granule) -> str:
    when = minute_in_words(granule.start)
    size = size_in_words(granule.size) if granule.size else ""
    return "  ".join(part for part in (granule.name, when, size) if part)
