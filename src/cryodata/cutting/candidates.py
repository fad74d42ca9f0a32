"""Rows that may be wanted, by what is known of their chunks, before any value is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from cryodata.no_garbage import nothing_collected
from cryodata.products import Product
from cryodata.rowwise.runs import Runs, intersect, runs_of_mask
from cryodata.selection import Selection
from cryodata.tracks.columns import PLACES, Column, Columns, Track
from cryodata.types import IntArray
from cryodata.zones.zones import Zones

__all__ = ["candidate_rows", "known_bounds", "places_known"]

NOTHING: Runs = np.empty((0, 2), np.int64)
TIME_SLACK = 1_000.0
"""Nanoseconds that a bound of times is widened by: seconds, epoch and sum are rounded."""


def candidate_rows(found: Columns, selection: Selection) -> list[Runs]:
    """Rows of each track that a selection may want; whole chunks are ruled out.

    Parameters
    ----------
    found : Columns
        Has a column for each name of the selection.
    selection : Selection

    Returns
    -------
    list of Runs
        One per track, in rows as stored.
    """
    rows = [track.runs for track in found.tracks]
    columns = {name: found.column_of(name) for name in selection.names}
    alike: dict[tuple[str, ...], list[_Known]] = {}
    with nothing_collected():
        for number, track in enumerate(found.tracks):
            known = _known_bounds(found, number, columns) if len(track.runs) else {}
            if known:
                alike.setdefault(tuple(known), []).append(_Known.of(track, number, known))
    for names, tracks in alike.items():  # asked once for the chunks of all tracks
        zones = {name: _together([one.zones[name] for one in tracks]) for name in names}
        ends = np.cumsum([0, *(len(one.edges) - 1 for one in tracks)])
        possible = selection.possible(zones, int(ends[-1]))
        for one, start, stop in zip(tracks, ends[:-1].tolist(), ends[1:].tolist(), strict=True):
            own = possible[start:stop]
            if not own.any():
                rows[one.number] = NOTHING
            elif not own.all():
                rows[one.number] = intersect(rows[one.number], one.edges[runs_of_mask(own)])
    return rows


@dataclass(frozen=True, slots=True, eq=False)
class _Known:
    """Bounds of a track's chunks.

    Attributes
    ----------
    number : int
        Of the track.
    edges : (n + 1,) int64
        Rows at which a chunk of any of the columns begins, and the end of the last one.
    zones : mapping of str to Zones
        Name to n bounds.
    """

    number: int
    edges: IntArray
    zones: Mapping[str, Zones]

    @classmethod
    def of(cls, track: Track, number: int, known: Mapping[str, tuple[int, Zones]]) -> Self:
        pieces = {piece for piece, _ in known.values()}
        edges = _edges(track, pieces)
        if len(pieces) == 1:
            return cls(number, edges, {name: zones for name, (_, zones) in known.items()})
        spread = {name: _spread(zones, edges, piece) for name, (piece, zones) in known.items()}
        return cls(number, edges, spread)


def _together(zones: Sequence[Zones]) -> Zones:
    """Bounds of several tracks, one after the other."""
    return Zones(
        low=np.concatenate([one.low for one in zones]),
        high=np.concatenate([one.high for one in zones]),
        valid=np.concatenate([one.valid for one in zones]),
        size=np.concatenate([one.size for one in zones]),
        dtype=zones[0].dtype,
    )


def places_known(found: Columns, selection: Selection) -> bool:
    """Whether a selection is by place or time, and these are bounded for every chunk."""
    names = [name for name in PLACES if name in selection.names]
    for number, track in enumerate(found.tracks):
        for name in names:
            column = found.column_of(name)
            layout = None if column is None else column.layouts[number]
            zones = None if layout is None else track.file.zone_map(layout.path)
            if zones is None or not zones.known.all():
                return False
    return bool(names)


def known_bounds(
    found: Columns, number: int, selection: Selection
) -> Mapping[str, tuple[int, Zones]]:
    """What is known of a track's chunks, for the names of a selection.

    Returns
    -------
    mapping of str to (int, Zones)
        Name to the rows of a chunk and the bounds of the chunks; times in ns since 1970.
    """
    columns = {name: found.column_of(name) for name in selection.names}
    return _known_bounds(found, number, columns)


def _known_bounds(
    found: Columns, number: int, columns: Mapping[str, Column | None]
) -> Mapping[str, tuple[int, Zones]]:
    track = found.tracks[number]
    bounds = {}
    for name, column in columns.items():
        layout = column.layouts[number] if column is not None else None
        if column is None or layout is None or column.nested:
            continue
        zone_map = track.file.zone_map(layout.path)
        if zone_map is None:
            continue
        zones = zone_map.zones(layout, column.surface or 0, dtype=_decoded_dtype(column))
        if column.name == "time":
            zones = _in_nanoseconds(zones, found.product)
        bounds[name] = (layout.piece_shape[0], zones)
    return bounds


def _decoded_dtype(column: Column) -> np.dtype[np.generic] | None:
    """Of the values as a Dataset shows them; None where xarray chooses it by the fill."""
    masked = column.fill is not None and column.dtype.kind != "f"
    return None if masked or column.name == "time" else column.dtype


def _in_nanoseconds(zones: Zones, product: Product) -> Zones:
    """Bounds of seconds since the product's epoch, as ns since 1970, widened by the rounding."""
    epoch = product.epoch
    if epoch is None:
        return replace(zones, low=np.full(len(zones), np.nan), high=np.full(len(zones), np.nan))
    begin = float(epoch.astype("M8[ns]").astype(np.int64))
    return replace(
        zones,
        low=zones.low * 1e9 + begin - TIME_SLACK,
        high=zones.high * 1e9 + begin + TIME_SLACK,
        dtype=np.dtype("M8[ns]"),
    )


def _edges(track: Track, pieces: set[int]) -> IntArray:
    """Rows at which a chunk of any of the columns begins, and the end of the last one."""
    begins = [np.arange(0, track.stored, piece, dtype=np.int64) for piece in pieces]
    if len(begins) == 1:
        return np.append(begins[0], track.stored)
    return np.unique(np.concatenate([*begins, [track.stored]]))


def _spread(zones: Zones, edges: IntArray, piece: int) -> Zones:
    """Bounds of chunks, for zones that are parts of them.

    A part has no more valid values than the whole; none where the whole has none, all where
    the whole is full, and otherwise it is not known.
    """
    chunk = edges[:-1] // piece
    size = np.diff(edges)
    whole, valid = zones.size[chunk], zones.valid[chunk]
    full = valid == whole
    return replace(
        zones,
        low=zones.low[chunk],
        high=zones.high[chunk],
        valid=np.where(full, size, np.where((valid == 0) | (size == whole), valid, -1)),
        size=size,
        counts=None,
    )
