"""Granules that are alike: what one was found to have, the next has too.

Which datasets the words of a user mean follows from the paths, types and links of a granule,
and a thousand granules of one release have the same. So it is worked out for the first, and
for the others only what differs is looked at: how long the datasets are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from cryodata.columns import Column, Track
from cryodata.index import Index, Outline
from cryodata.layouts import Layouts
from cryodata.request import Request
from cryodata.view import View

__all__ = ["Chosen", "likewise", "note"]

MOST = 64
"""Answers that are noted of one structure."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Chosen:
    """Columns of one granule.

    Attributes
    ----------
    coordinates, columns, deciding, meant
        As of `Columns`.
    learnt : tuple of str
        Paths of datasets whose bounds are to be noted.
    """

    coordinates: tuple[Column, ...]
    columns: tuple[Column, ...]
    deciding: tuple[Column, ...]
    meant: Mapping[str, str]
    learnt: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Noted:
    """What was chosen of a granule, and of which; the objects keep their identity alive."""

    chosen: Chosen
    wanted: tuple[object, ...]
    places: tuple[tuple[Column, tuple[int | None, ...]], ...]


def likewise(view: View, tracks: Sequence[Track], request: Request) -> Chosen | None:
    """What was chosen of a granule like this one; None where there was none, or it is not.

    Parameters
    ----------
    view : View
    tracks : sequence of Track
        Those chosen.
    request : Request
        The same object as when it was noted.
    """
    outline = view.index.outline
    if outline is None:
        return None
    noted = outline.alike.get(_key(view, tracks, request))
    if noted is None:
        return None
    new: dict[int, Column] = {}
    for column, places in noted.places:
        if not _fits(column, places, outline, tracks):
            return None
        new[id(column)] = replace(column, layouts=_others(column, view.index, len(tracks)))

    def cast(columns: Sequence[Column]) -> tuple[Column, ...]:
        return tuple(new[id(column)] for column in columns)

    old: Chosen = noted.chosen
    return replace(
        old,
        coordinates=cast(old.coordinates),
        columns=cast(old.columns),
        deciding=cast(old.deciding),
    )


def note(view: View, tracks: Sequence[Track], request: Request, chosen: Chosen) -> None:
    """What was chosen, for the next granule that is like this one."""
    outline = view.index.outline
    if outline is None:
        return
    of_columns = []
    for column in (*chosen.coordinates, *chosen.columns, *chosen.deciding):
        paths = column.of_tracks.paths
        of_columns.append((column, tuple(p if p is None else outline.places[p] for p in paths)))
    if len(outline.alike) >= MOST:
        outline.alike.clear()
    key = _key(view, tracks, request)
    outline.alike[key] = _Noted(chosen, (view.product, request), tuple(of_columns))


def _key(view: View, tracks: Sequence[Track], request: Request) -> tuple[Any, ...]:
    rows = tuple([(track.beam, track.stored > 0) for track in tracks])
    return "chosen", id(view.product), id(request), view.release, rows


def _fits(
    column: Column, places: Sequence[int | None], outline: Outline, tracks: Sequence[Track]
) -> bool:
    """Whether the datasets are as long as the tracks, and otherwise like those of the column."""
    trailing, lengths = column.pattern.shape[1:], {kind.piece_shape[0] for kind in column.known}
    for place, track in zip(places, tracks, strict=True):
        if place is None:
            continue
        shape, chunk = outline.shapes[place], outline.chunk_shapes[place]
        if shape is None or shape[:1] != (track.stored,) or shape[1:] != trailing:
            return False
        if chunk is None or len(lengths) > 1 or chunk[0] not in lengths:
            return False
    return True


def _others(column: Column, index: Index, count: int) -> Layouts:
    """The same datasets of another granule."""
    own = column.of_tracks
    return Layouts([index.arrays] * count, own.paths, own.kinds)
