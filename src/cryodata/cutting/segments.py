"""Bounds of photons from the segments they belong to, so that photons far off are not read."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cryodata.arrays.lazy import Slices, read_slices
from cryodata.layout import ArrayLayout
from cryodata.rowwise.nesting import around_chunks, fine_starts
from cryodata.selection import Selection
from cryodata.tracks.columns import PLACES, Columns, Track
from cryodata.tracks.view import deciding_of_nesting
from cryodata.types import AnyArray
from cryodata.zones.zone_map import can_have_zones

__all__ = ["bound_by_segments"]


def bound_by_segments(found: Columns, selection: Selection) -> None:
    """Learn where the photons of each chunk can be, where that is not known yet.

    Reads place, time and number of photons of all segments, of all tracks together; only
    where the product's table says that its rows are nested, and only what the selection
    is about.
    """
    if all(nesting.fine != found.product.rows for nesting in found.product.nestings):
        return
    wanted = [name for name in PLACES if name in selection.names]
    jobs = [
        (track, layouts, paths)
        for number, track in enumerate(found.tracks)
        if (layouts := _unknown(found, number, wanted))
        and (paths := _segments(found, track, [*layouts]))
    ]
    slices: list[Slices] = [
        (track.file, path, None) for track, _, paths in jobs for path in paths.values()
    ]
    values = iter(read_slices(slices))
    for track, layouts, paths in jobs:
        _bound(track, layouts, {name: next(values) for name in paths})


def _unknown(found: Columns, number: int, wanted: Sequence[str]) -> dict[str, ArrayLayout]:
    """Coordinates of a track of which some chunks have no bounds; all wanted ones, or none."""
    track = found.tracks[number]
    columns = {column.name: column for column in found.coordinates}
    layouts = {name: columns[name].layouts[number] for name in wanted if name in columns}
    usable = {n: x for n, x in layouts.items() if x is not None and can_have_zones(x)}
    maps = [track.file.zone_map(layout.path) for layout in usable.values()]
    return {} if all(m is not None and m.known.all() for m in maps) else usable


def _segments(found: Columns, track: Track, wanted: Sequence[str]) -> dict[str, str]:
    """Datasets of the segments to read; empty where one of them is not there."""
    paths = deciding_of_nesting(found.product.as_of(track.release), track.beam, wanted)
    if not paths:
        return {}
    named = {name: f"/{path}" for name, path in paths.items()}
    index = track.file.walk(named.values(), missing_ok=True, dims=False)
    layouts = [index.arrays.get(index.resolve(path)) for path in named.values()]
    shapes = {layout.shape for layout in layouts if layout is not None}
    there = None not in layouts and len(shapes) == 1 and len(shapes.pop()) == 1
    return named if there else {}


def _bound(track: Track, layouts: dict[str, ArrayLayout], read: dict[str, AnyArray]) -> None:
    """Note the bounds of one track's photons."""
    starts = fine_starts(read["count"], track.stored)
    count = np.asarray(read.pop("count"), np.int64)
    if starts is None:
        return
    pieces = {layout.piece_shape[0] for layout in layouts.values()}
    for piece in pieces:
        bounds = around_chunks(starts, count, piece, track.stored, read)
        track.file.bound(
            {
                layout.path: bounds[name]
                for name, layout in layouts.items()
                if layout.piece_shape[0] == piece
            }
        )
