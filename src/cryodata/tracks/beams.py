"""Which beams of a granule are wanted, and which spot each is, also where the spacecraft turned."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import numpy as np

from cryodata.errors import SelectionError
from cryodata.keep.remembered import remembered
from cryodata.products import Product
from cryodata.products.tracks import Spot, spot_from_attributes, spots_from_orientation
from cryodata.provenance import Skipped
from cryodata.rowwise.runs import Runs, all_rows
from cryodata.tracks.columns import Track
from cryodata.tracks.request import Asked, Request, as_words
from cryodata.tracks.view import ORIENTATION, View

__all__ = ["check_beams", "choose_tracks"]

STRENGTHS = ("strong", "weak")
ORIENTATION_TIME = ORIENTATION + "_time"

Stretch: TypeAlias = tuple[Spot, Runs]
"""Rows of a beam during which it is one spot."""


def choose_tracks(
    view: View, present: Sequence[str], asked: Asked, request: Request
) -> tuple[list[Track], list[Skipped]]:
    """The tracks asked for, in the order of the product.

    A beam is several tracks where the spacecraft turned inside the granule: strong in some
    of its rows, weak in others.

    Parameters
    ----------
    view : View
    present : sequence of str
        Beams that have a group.
    asked, request

    Returns
    -------
    tracks : list of Track
    skipped : list of Skipped
        Beams that are absent, or cannot be told strong from weak.

    Raises
    ------
    SelectionError
        None of the beams is there, or what is named is none of the product's.
    """
    rows = {beam: view.rows(beam, asked) for beam in present}
    labels = view.labels()
    found = [
        Track(
            file=view.file,
            beam=beam,
            spot=spot,
            stored=rows[beam],
            runs=runs,
            release=view.release,
            **labels,
        )
        for beam, stretches in _stretches(view, rows).items()
        for spot, runs in stretches
    ]
    skipped: list[Skipped] = []
    words = as_words(request.beams)
    wanted = _wanted(view, found, words, skipped)
    tracks = [track for track in found if wanted(track)]
    if not tracks and (request.on_missing == "skip" or not skipped):
        beams = list(dict.fromkeys(track.beam for track in found))
        raise SelectionError(
            f"None of the beams asked for is in this granule: {', '.join(words)}",
            url=view.file.url,
            fix=f"It has {', '.join(beams)}.",
        )
    return tracks, skipped


def check_beams(product: Product, words: Sequence[str], *, url: str = "") -> None:
    """Raise `SelectionError` where a word is no beam that granules of a product can have."""
    strengths = STRENGTHS if _is_of_beams(product.tracks) else ()
    for word in words:
        if word not in {"all", *product.tracks, *strengths}:
            raise SelectionError(
                f"{product.short_name} has no beam {word!r}",
                url=url,
                fix=_there_are(product.tracks, word),
            )


def _wanted(
    view: View, found: Sequence[Track], words: tuple[str, ...], skipped: list[Skipped]
) -> Callable[[Track], bool]:
    """Whether a track is asked for; notes the beams of which that cannot be told."""
    check_beams(view.product, words, url=view.file.url)
    url, present = view.file.url, list(dict.fromkeys(track.beam for track in found))
    names: set[str] = set()
    strengths: set[str] = set()
    for word in words:
        if word == "all":
            names |= set(present)
        elif word in STRENGTHS and _is_of_beams(view.product.tracks):
            unknown = list(dict.fromkeys(t.beam for t in found if not t.spot.number and t.stored))
            skipped += [Skipped(url, _unknown(url, beam, unknown), beam=beam) for beam in unknown]
            strengths.add(word)
        elif word in present:
            names.add(word)
        else:
            absent = SelectionError(
                f"The beam {word} is not in this granule",
                url=url,
                fix=f'It has {", ".join(present)}. on_missing="skip" goes on without.',
            )
            skipped.append(Skipped(url, absent, beam=word))
    if not words:
        raise SelectionError("beams= names none", url=url, fix=f"It has {', '.join(present)}.")

    def wanted(track: Track) -> bool:
        return track.beam in names or any(getattr(track.spot, word) for word in strengths)

    return wanted


def _is_of_beams(tracks: Sequence[str]) -> bool:
    """Whether tracks are laser beams, each of which is a spot; not pairs, profiles or a flight."""
    return bool(tracks) and tracks[0].startswith("gt")


def _there_are(tracks: Sequence[str], word: str = "") -> str:
    """What `beams` may be, first what `word` may have meant."""
    if tracks in {(), ("",)}:
        return "It has no beams to choose from: leave beams out."
    strengths = '; or "all", "strong", "weak"' if _is_of_beams(tracks) else '; or "all"'
    known = [*tracks, *STRENGTHS] if _is_of_beams(tracks) else tracks
    near = difflib.get_close_matches(word.lower(), known, n=1)
    meant = f"Did you mean {near[0]!r}? " if near else ""
    return f"{meant}There are: {', '.join(tracks)}{strengths}."


def _unknown(url: str, beam: str, unknown: Sequence[str]) -> SelectionError:
    return SelectionError(
        f"It is not known whether {beam} is strong: the spacecraft was turning, or the file "
        "does not say",
        url=url,
        fix=f"Name the beams: beams={unknown[:2]!r}.",
    )


_spot = remembered(spot_from_attributes)  # beams of one kind share their attributes


def _stretches(view: View, rows: Mapping[str, int]) -> dict[str, list[Stretch]]:
    """The spot of each beam, and during which rows.

    Of the beams' attributes, which cost no read; of the spacecraft's orientation where
    these do not say, or where it changed inside the granule. A beam is then several
    stretches, by the time of its rows.

    Parameters
    ----------
    view : View
    rows : mapping of str to int
        Beam to its number of rows.
    """
    if not _is_of_beams(view.product.tracks):
        return {beam: [(Spot(0), all_rows(count))] for beam, count in rows.items()}
    groups = {beam: view.index.groups.get(view.index.resolve(f"/{beam}")) for beam in rows}
    spots = {beam: _spot((g and g.attributes) or {}) for beam, g in groups.items()}
    orientation = view.layout(ORIENTATION)
    unsaid = not all(spot.number for spot in spots.values())
    if orientation is not None and (orientation.shape != (1,) or unsaid):
        values = view.file.read([(ORIENTATION, None)])[0].ravel().tolist()
        if len(set(values)) > 1:
            return _by_time(view, values, rows)
        told = spots_from_orientation(np.array(values))
        spots = {beam: told.get(beam, Spot(0)) for beam in rows}
    return {beam: [(spots[beam], all_rows(count))] for beam, count in rows.items()}


def _by_time(
    view: View, values: Sequence[int], rows: Mapping[str, int]
) -> dict[str, list[Stretch]]:
    """Stretches between changes of orientation.

    Notes
    -----
    ``sc_orient[i]`` holds from ``sc_orient_time[i]`` on, and the first of them before that
    too (ATL03 data dictionary, ``orbit_info``).
    """
    times = "/" + view.product.rate.path(view.product.rate.time)
    full = [beam for beam, count in rows.items() if count]
    view.file.walk([ORIENTATION_TIME], missing_ok=True, dims=False)
    view.index = view.file.walk([f"/{beam}{times}" for beam in full], missing_ok=True, dims=False)
    if view.layout(ORIENTATION_TIME) is None:
        return {beam: [(Spot(0), all_rows(count))] for beam, count in rows.items()}
    changes, *seconds = view.file.read(
        [(ORIENTATION_TIME, None), *((f"/{beam}{times}", None) for beam in full)]
    )
    if changes.shape != (len(values),) or (np.diff(changes) < 0).any():
        raise SelectionError(
            f"{ORIENTATION_TIME} does not say when each orientation began",
            url=view.file.url,
            fix="Open the granule with cryodata.open_tree.",
        )
    found = {beam: [(Spot(0), all_rows(0))] for beam in rows}
    for beam, own in zip(full, seconds, strict=True):
        if (np.diff(own) < 0).any():
            raise SelectionError(
                f"The spacecraft turned, and the rows of {beam} are not in the order of time",
                url=view.file.url,
                fix="Open the granule with cryodata.open_tree.",
            )
        edges = [0, *np.searchsorted(own, changes[1:], side="left").tolist(), len(own)]
        found[beam] = [
            (
                spots_from_orientation(np.array([value])).get(beam, Spot(0)),
                np.array([[start, stop]]),
            )
            for value, start, stop in zip(values, edges[:-1], edges[1:], strict=True)
            if start < stop
        ]
    return found
