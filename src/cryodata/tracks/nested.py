"""Variables of segments on their photons: found in a granule, and repeated when they are read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from cryodata.arrays.lazy import Part, Slices, read_slices
from cryodata.caution import warn_user
from cryodata.errors import SelectionError, UnknownVariableError, close_names
from cryodata.layout import ArrayLayout
from cryodata.products import Nesting, join_path
from cryodata.rowwise.nesting import agree, fine_starts
from cryodata.rowwise.refit import Refit
from cryodata.tracks.columns import Column, Columns, Track
from cryodata.tracks.view import View
from cryodata.types import AnyArray, IntArray

__all__ = [
    "find_nested",
    "nested_column",
    "nested_parts",
    "tell_disagreement",
    "with_counts",
]


def find_nested(view: View, tracks: Sequence[Track], words: Sequence[str]) -> list[Column]:
    """The variables of coarser rows that a user names.

    Raises
    ------
    SelectionError
        The product has no coarser rows.
    UnknownVariableError
        There is no such variable; the message names the close ones.
    """
    if words and not _nestings(view):
        raise SelectionError(
            f"The rows of {view.product.short_name} are not part of coarser ones",
            url=view.file.url,
            fix="Leave with_segments= out; it puts variables of segments on photons (ATL03).",
        )
    columns = []
    for word in words if any(track.stored for track in tracks) else ():
        column = nested_column(view, tracks, word)
        if column is None:
            raise _unknown(view, tracks, word)
        columns.append(column)
    return columns


def nested_column(view: View, tracks: Sequence[Track], word: str) -> Column | None:
    """The variable of coarser rows that a word means; None where there is none.

    Parameters
    ----------
    view : View
    tracks : sequence of Track
    word : str
        Name of a dataset, with as much of its path below the track as the user likes.
    """
    for nesting in _nestings(view):
        coarse = view.product.rate_along(nesting.coarse)
        path = coarse.path(word.strip("/").removeprefix(coarse.group + "/"))
        layouts = [
            view.layout("/" + join_path(track.beam, path)) if track.stored else None
            for track in tracks
        ]
        there = [layout for layout in layouts if layout is not None]
        if there and len(there) == sum(track.stored > 0 for track in tracks):
            return Column(
                name=path.rsplit("/", 1)[-1],
                path=view.product.name_in(view.release, path),
                own_path=path,
                pattern=there[0],
                layouts=tuple(layouts),
                named=True,
                nested=True,
            )
    return None


def _nestings(view: View) -> list[Nesting]:
    return [n for n in view.product.nestings if n.fine == view.product.rows]


def _unknown(view: View, tracks: Sequence[Track], word: str) -> UnknownVariableError:
    groups = [view.product.rate_along(nesting.coarse).group for nesting in _nestings(view)]
    full = [track.beam for track in tracks if track.stored]
    below = [f"/{join_path(beam, group)}/" for beam in full for group in groups]
    index = view.file.walk([path.rstrip("/") for path in below], missing_ok=True)
    known = {p.removeprefix(b) for p in index.arrays for b in below if p.startswith(b)}
    return UnknownVariableError(
        f"{' and '.join(groups)} of {view.product.short_name} have no variable {word!r}",
        url=view.file.url,
        fix=close_names(word, sorted(known)),
    )


def with_counts(found: Columns) -> Columns:
    """The same, with the numbers of rows that coarser rows hold, where a column needs them.

    They are read here, of all tracks together.

    Raises
    ------
    SelectionError
        They do not add up to the rows: what belongs to which cannot be told.
    """
    nested = [column for column in found.all if column.nested]
    full = [number for number, track in enumerate(found.tracks) if track.stored]
    if not nested or not full:
        return found
    slices: list[Slices] = []
    for number in full:
        track = found.tracks[number]
        (nesting, *_) = found.product.as_of(track.release).nestings
        paths = [f"/{join_path(track.beam, path)}" for path in (nesting.first, nesting.count)]
        track.file.walk(paths, dims=False)
        slices += [(track.file, path, None) for path in paths]
    values = iter(read_slices(slices))
    tracks = list(found.tracks)
    for number in full:
        track, first, count = tracks[number], next(values), next(values)
        starts = fine_starts(count, track.stored)
        lengths = {x.shape[0] for c in nested if (x := c.layouts[number]) is not None}
        if starts is None or lengths != {len(count)}:
            raise SelectionError(
                f"{track.beam} has {int(count.sum()):,} {found.product.rows}s by its "
                f"{len(count):,} segments, and {track.stored:,} in fact",
                url=track.file.url,
                fix="Leave with_segments= out: which photon is of which segment is not known.",
            )
        tell_disagreement(track, starts, first, count)
        tracks[number] = replace(track, counts=np.asarray(count, np.int64))
    return replace(found, tracks=tuple(tracks))


def tell_disagreement(track: Track, starts: IntArray, first: AnyArray, count: AnyArray) -> None:
    """Warn where a file says in two ways which photons are of which segment, and not the same."""
    if not agree(starts, first, count):
        warn_user(
            f"{track.beam} of {track.granule}: the numbers of first photons do not fit the "
            "counts of photons, which add up and are gone by"
        )


def nested_parts(
    track: Track, layout: ArrayLayout, trailing: tuple[int, ...], refit: Refit | None
) -> tuple[list[Part], list[IntArray]]:
    """Runs of coarse rows that hold the wanted rows of a track.

    Returns
    -------
    parts : list of Part
        One per run of rows.
    counts : list of (coarse,) int64
        Wanted rows of each coarse row, for each part.
    """
    assert track.counts is not None
    ends = np.cumsum(track.counts)
    parts, counts = [], []
    for start, stop in track.runs.tolist():
        low = int(np.searchsorted(ends, start, side="right"))
        high = int(np.searchsorted(ends, stop - 1, side="right")) + 1
        inside = np.minimum(ends[low:high], stop)
        begins = np.maximum(ends[low:high] - track.counts[low:high], start)
        parts.append(Part(track.file, layout.path, (high - low, *trailing), low, refit))
        counts.append(np.maximum(inside - begins, 0))
    return parts, counts
