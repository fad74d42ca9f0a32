"""Granules that are alike: what one was found to have, the next has too.

Which datasets the words of a user mean follows from the paths, types and links of a granule,
and a thousand granules of one release have the same. So it is worked out for the first, and
for the others only what differs is looked at: how long the datasets are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from cryodata.index import Outline
from cryodata.tracks.columns import Column, Track
from cryodata.tracks.request import Request
from cryodata.tracks.view import View
from cryodata.types import IntArray

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
    """What was chosen of a granule, and how long its datasets were.

    Attributes
    ----------
    chosen : Chosen
    wanted : tuple
        Table and request: they stay alive, so that nothing else gets their identity.
    ends : pair of (n,) int64
        Where the shapes of all arrays end, and those of their chunks: their ranks.
    first, rest, pieces : (n,) int64
        Where the lengths along the first axis stand, those along the other axes, and those of
        the chunks.
    track : (n,) int64
        The track of each of `first`.
    others, chunks : (n,) int64
        What stood at `rest` and `pieces`.
    """

    chosen: Chosen
    wanted: tuple[object, ...]
    ends: tuple[IntArray, IntArray]
    first: IntArray
    rest: IntArray
    pieces: IntArray
    track: IntArray
    others: IntArray
    chunks: IntArray

    def fits(self, outline: Outline, tracks: Sequence[Track]) -> bool:
        """Whether the datasets are as long as the tracks, and otherwise as they were."""
        (ends, shapes), (chunk_ends, chunks) = outline.shapes, outline.chunk_shapes
        stored = np.array([track.stored for track in tracks], np.int64)
        return (
            np.array_equal(ends, self.ends[0])
            and np.array_equal(chunk_ends, self.ends[1])
            and np.array_equal(shapes[self.first], stored[self.track])
            and np.array_equal(shapes[self.rest], self.others)
            and np.array_equal(chunks[self.pieces], self.chunks)
        )


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
    if not noted.fits(outline, tracks):
        return None
    arrays = [view.index.arrays] * len(tracks)

    def cast(columns: Sequence[Column]) -> tuple[Column, ...]:
        return tuple([column.among(arrays) for column in columns])

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
    used = [
        (number, outline.places[path])
        for column in (*chosen.coordinates, *chosen.columns, *chosen.deciding)
        for number, path in enumerate(column.of_tracks.paths)
        if path is not None
    ]
    track, place = np.array(used, np.int64).reshape(-1, 2).T
    (ends, shapes), (chunk_ends, chunks) = outline.shapes, outline.chunk_shapes
    if (ends[place] == ends[place + 1]).any():
        return  # a scalar among them
    rest, pieces = (
        _between(ends[place] + 1, ends[place + 1]),
        _between(chunk_ends[place], chunk_ends[place + 1]),
    )
    if len(outline.alike) >= MOST:
        outline.alike.clear()
    key = _key(view, tracks, request)
    outline.alike[key] = _Noted(
        chosen,
        (view.product, request),
        (ends, chunk_ends),
        ends[place],
        rest,
        pieces,
        track,
        shapes[rest],
        chunks[pieces],
    )


def _between(starts: IntArray, stops: IntArray) -> IntArray:
    """All numbers of some half-open runs."""
    runs = [np.arange(a, b) for a, b in zip(starts.tolist(), stops.tolist(), strict=True)]
    return np.concatenate([np.empty(0, np.int64), *runs])


def _key(view: View, tracks: Sequence[Track], request: Request) -> tuple[Any, ...]:
    rows = tuple([(track.beam, track.stored > 0) for track in tracks])
    return "chosen", id(view.product), id(request), view.release, rows
