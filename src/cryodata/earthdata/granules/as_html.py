"""Granules as a card of a notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryodata.earthdata.granules.footprint_map import map_of
from cryodata.earthdata.granules.summary import minute_in_words, summary_of
from cryodata.html_card import Html, card, facts, line, more, table
from cryodata.words import size_in_words

if TYPE_CHECKING:
    from cryodata.earthdata.granules import Granules

__all__ = ["html_of"]

_LISTED = 50  # granules in the table that opens


def html_of(granules: Granules) -> str:
    """A summary beside a map of the outlines, and a list that opens."""
    about = summary_of(granules)
    listed = facts(
        [
            ("Products", about.products),
            ("Time", about.time),
            ("Size", about.size),
            ("Tracks", about.tracks),
            ("Revisions", about.superseded),
        ]
    )
    title = about.count[:1].upper() + about.count[1:]
    return card(title, listed, *_list(granules), beside=map_of(granules))


def _list(granules: Granules) -> list[Html]:
    if not granules:
        return []
    rows = [
        (
            granule.name,
            minute_in_words(granule.start),
            size_in_words(granule.size) if granule.size else "",
        )
        for granule in granules[:_LISTED]
    ]
    left = len(granules) - _LISTED
    content = table(("Granule", "Start (UTC)", "Size"), rows)
    if left > 0:
        content = Html(content + line(f"and {left:,} more", small=True))
    return [more("List", content)]
