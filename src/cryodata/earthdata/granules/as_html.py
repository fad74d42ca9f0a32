"""Granules as HTML, for notebooks: one piece, without scripts or links to elsewhere."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from cryodata.earthdata.granules.footprint_map import map_of
from cryodata.earthdata.granules.summary import minute_in_words, summary_of
from cryodata.words import size_in_words

if TYPE_CHECKING:
    from cryodata.earthdata.granules import Granules

__all__ = ["html_of"]

_LISTED = 50  # granules in the table that opens

# Colours are those of the text around, so that light and dark pages both fit.
_STYLE = (
    ".cryo-granules{font:13px/1.45 system-ui,sans-serif;max-width:52em;color:inherit}"
    ".cryo-granules .cg-top{display:flex;gap:1.5em;flex-wrap:wrap;align-items:flex-start}"
    ".cryo-granules svg{width:19em;height:19em;flex:none}"
    ".cryo-granules h4{margin:0 0 .4em;font-size:1.1em}"
    ".cryo-granules dl{display:grid;grid-template-columns:max-content 1fr;gap:.15em 1em;margin:0}"
    ".cryo-granules dt{opacity:.65;font-weight:400}.cryo-granules dd{margin:0}"
    ".cryo-granules summary{cursor:pointer;opacity:.8;margin:.5em 0}"
    ".cryo-granules table{border-collapse:collapse;font-size:.92em}"
    ".cryo-granules td,.cryo-granules th{text-align:left;padding:.1em .9em .1em 0;"
    "background:none}.cryo-granules td+td{white-space:nowrap}"
)


def html_of(granules: Granules) -> str:
    """A summary beside a map of the outlines, and a list that opens."""
    about = summary_of(granules)
    rows = [
        ("Products", about.products),
        ("Time", about.time),
        ("Size", about.size),
        ("Tracks", about.tracks),
        ("Revisions", about.superseded),
    ]
    listed = "".join(f"<dt>{word}</dt><dd>{escape(text)}</dd>" for word, text in rows if text)
    return (
        f'<div class="cryo-granules"><style>{_STYLE}</style><div class="cg-top">'
        f"<div><h4>{escape(about.count[:1].upper() + about.count[1:])}</h4><dl>{listed}</dl></div>"
        f"{map_of(granules)}</div>{_table(granules)}</div>"
    )


def _table(granules: Granules) -> str:
    if not granules:
        return ""
    rows = "".join(
        f"<tr><td>{escape(granule.name)}</td><td>{minute_in_words(granule.start)}</td>"
        f"<td>{size_in_words(granule.size) if granule.size else ''}</td></tr>"
        for granule in granules[:_LISTED]
    )
    left = len(granules) - _LISTED
    more = f"<p>and {left:,} more</p>" if left > 0 else ""
    return (
        "<details><summary>List</summary><table><tr><th>Granule</th><th>Start (UTC)</th>"
        f"<th>Size</th></tr>{rows}</table>{more}</details>"
    )
