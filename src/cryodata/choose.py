"""From the words of a user to tracks and columns of one granule."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import TypeAlias

from cryodata.beams import choose_tracks
from cryodata.columns import PLACES, TRACK_COORDINATES, Column, Columns, Track
from cryodata.errors import SelectionError, UnknownVariableError, close_names
from cryodata.granule import GranuleFile
from cryodata.layout import ArrayLayout
from cryodata.likewise import Chosen, likewise, note
from cryodata.products import Product, join_path
from cryodata.remembered import remembered
from cryodata.request import Asked, OnMissing, Request, surfaces_of
from cryodata.view import View

__all__ = ["choose"]

RESERVED = frozenset({*PLACES, *TRACK_COORDINATES})
"""Names that no variable of the rows may have."""

Key: TypeAlias = tuple[str, int | None]
"""Path of a column, and its surface."""


def choose(file: GranuleFile, product: Product, request: Request) -> Columns | None:
    """Find tracks and columns; reads structure, and values only to tell beams apart.

    Parameters
    ----------
    file, product, request

    Returns
    -------
    Columns or None
        None where the file has none of the product's tracks at all.

    Raises
    ------
    SelectionError
        A beam is absent, or cannot be told strong from weak; a variable has other rows.
    UnknownVariableError
        A variable does not exist; the message names the close ones.
    """
    view = View.of(file, product, request)
    asked = _asked(view.product, request)
    present = [track for track in product.tracks if view.has(track)]
    if not present:
        return None
    tracks = choose_tracks(view, present, asked, request)
    chosen = likewise(view, tracks, request)
    if chosen is None:
        chosen = _choose(view, tracks, asked, request)
        if not view.odd:
            note(view, tracks, request, chosen)
    file.learn(chosen.learnt)
    return Columns(
        product=product,
        tracks=tuple(tracks),
        coordinates=chosen.coordinates,
        columns=chosen.columns,
        deciding=chosen.deciding,
        meant=chosen.meant,
        attributes=view.attributes(),
    )


def _choose(view: View, tracks: Sequence[Track], asked: Asked, request: Request) -> Chosen:
    """Columns of the tracks; `View.odd` says afterwards whether anything was left out."""
    coordinates = _coordinates(view, tracks, asked)
    columns = _columns(view, tracks, asked, request.on_missing)
    deciding, meant = _deciding(view, tracks, asked, columns)
    apart = _named_apart([*columns, *deciding], view.product.rows)
    columns, deciding = apart[: len(columns)], apart[len(columns) :]
    learnt = [
        view.index.resolve("/" + join_path(track.beam, path))
        for track in tracks
        for path in view.product.zone_maps
    ]
    return Chosen(
        coordinates=tuple(coordinates),
        columns=tuple(columns),
        deciding=tuple(deciding),
        meant={word: _name_of(key, apart) for word, key in meant.items()},
        learnt=tuple(dict.fromkeys(learnt)),
    )


_asked = remembered(Asked.of)


def _coordinates(view: View, tracks: Sequence[Track], asked: Asked) -> list[Column]:
    """Time and place of the rows, as far as the file has them."""
    found = []
    for name, path in view.rate.coordinates.items():
        column = _column(view, tracks, path, named=path in asked.named)
        if column is not None:
            found.append(replace(column, name=name))
    return found


def _columns(
    view: View, tracks: Sequence[Track], asked: Asked, on_missing: OnMissing
) -> list[Column]:
    columns: list[Column] = []
    own_names = {path for name, path in view.rate.coordinates.items() if name == path}
    places = {view.canonical(path) for path in view.rate.coordinates.values()}
    for path in asked.paths:
        if path in own_names:
            continue  # comes as the coordinate that it is
        column = _column(view, tracks, path, named=path in asked.named)
        if column is None and path in asked.named:
            column = _search(view, tracks, asked.named[path], on_missing)
        if column is not None:
            columns.append(column)
    if asked.all:
        have = {column.path for column in columns} | places
        columns += [
            c
            for path in _on_rows(view, tracks)
            if (c := _column(view, tracks, path)) and c.path not in have
        ]
    return columns


def _deciding(
    view: View, tracks: Sequence[Track], asked: Asked, columns: Sequence[Column]
) -> tuple[list[Column], dict[str, Key | str]]:
    """Columns that only conditions ask for; and what each word of a condition means.

    A word means a coordinate, by name, or a column, by path and surface.
    """
    known = {(column.path, column.surface) for column in columns}
    places = {path: name for name, path in view.rate.coordinates.items() if name != "time"}
    places |= {name: name for name in view.rate.coordinates}
    more: dict[Key, Column] = {}
    meant: dict[str, Key | str] = {}
    for word, path in asked.conditions.items():
        if path in places:
            meant[word] = places[path]
            continue
        column = _column(view, tracks, path, named=True) or _search(view, tracks, word, "raise")
        if column is not None:
            meant[word] = key = (column.path, column.surface)
            if key not in known:
                more[key] = replace(column, named=False)
    return list(more.values()), meant


def _name_of(meant: Key | str, columns: Sequence[Column]) -> str:
    if isinstance(meant, str):
        return meant
    return next(column.name for column in columns if (column.path, column.surface) == meant)


def _column(
    view: View, tracks: Sequence[Track], path: str, *, named: bool = False
) -> Column | None:
    """One dataset, or a column of one, over all tracks; None where none of them has it."""
    path, surface = surfaces_of(view.product).get(path, (path, None))
    full = [track for track in tracks if track.stored]
    there = [view.on_track(track.beam, path) for track in tracks]
    layouts = [x if track.stored else None for track, x in zip(tracks, there, strict=True)]
    patterns = [x for x in (*layouts, *there) if x is not None]
    if not patterns or (full and not any(layouts)):
        return None
    if sum(x is not None for x in layouts) < len(full):
        _leave_out(view, tracks, layouts, path, named=named)
        return None
    for track, layout in zip(tracks, layouts, strict=True):
        if layout is not None and not _has_rows(view, track, layout):
            raise _other_rows(view, layout.path)
    return Column(
        name=path.rsplit("/", 1)[-1] if surface is None else _surface_name(view, path, surface),
        path=view.canonical(path),
        own_path=view.rate.path(path),
        pattern=patterns[0],
        layouts=tuple(layouts),
        named=named,
        surface=surface,
    )


def _leave_out(
    view: View,
    tracks: Sequence[Track],
    layouts: Sequence[ArrayLayout | None],
    path: str,
    *,
    named: bool,
) -> None:
    """Raise, or warn, since some beams with rows lack a variable."""
    view.odd = True
    lacking = {
        track.beam: layout is None
        for track, layout in zip(tracks, layouts, strict=True)
        if track.stored
    }
    missing = [beam for beam, lacks in lacking.items() if lacks]
    what = f"{view.rate.path(path)} is missing on {', '.join(missing)}"
    if named:
        others = [beam for beam in lacking if beam not in missing]
        raise SelectionError(what, url=view.file.url, fix=f"Leave them out: beams={others!r}.")
    warnings.warn(f"{what}: left out", stacklevel=2)


def _surface_name(view: View, path: str, number: int) -> str:
    named = surfaces_of(view.product)
    return next(name for name, found in named.items() if found == (path, number))


def _has_rows(view: View, track: Track, layout: ArrayLayout) -> bool:
    """Whether the first axis of a dataset is the rows of a track."""
    if layout.shape[:1] != (track.stored,):
        return False
    scales = layout.dims[0] if layout.dims else ()
    group = view.group(track.beam).rstrip("/")
    return not scales or any(scale.rpartition("/")[0] == group for scale in scales)


def _on_rows(view: View, tracks: Sequence[Track]) -> list[str]:
    """Paths relative to the row group of everything that shares its rows."""
    found: dict[str, None] = {}
    for track in tracks:
        prefix = view.group(track.beam).rstrip("/") + "/"
        for path, layout in view.index.arrays.items():
            if track.stored and path.startswith(prefix) and _has_rows(view, track, layout):
                found[path.removeprefix(prefix)] = None
    return list(found)


def _search(view: View, tracks: Sequence[Track], word: str, on_missing: OnMissing) -> Column | None:
    """A variable that is not where its name says, found by its last name.

    Raises the error that tells why it cannot be had, where it cannot.
    """
    view.odd = True
    view.index = view.file.walk([view.group(track.beam) for track in tracks], missing_ok=True)
    on_rows = _on_rows(view, tracks)
    tail = word.strip("/").rsplit("/", 1)[-1]
    fitting = [path for path in on_rows if path == word or path.rsplit("/", 1)[-1] == word]
    if len(fitting) == 1:
        return _column(view, tracks, fitting[0], named=True)
    if on_missing == "skip":
        return None
    if fitting:
        raise SelectionError(
            f"{word} is several variables", url=view.file.url, fix=f"Say which: {fitting}."
        )
    view.index = view.file.walk([f"/{track.beam}" for track in tracks], missing_ok=True)
    elsewhere = [p for p in view.index.arrays if p.endswith(f"/{tail}") and word.strip("/") in p]
    if elsewhere:
        raise _other_rows(view, elsewhere[0])
    known = {*on_rows, *(path.rsplit("/", 1)[-1] for path in on_rows), *surfaces_of(view.product)}
    raise UnknownVariableError(
        f"{view.product.short_name} has no variable {word!r} along {view.rate.dimension}",
        url=view.file.url,
        fix=close_names(word, sorted(known)),
    )


def _other_rows(view: View, path: str) -> SelectionError:
    return SelectionError(
        f"{path} has other rows than {view.rate.dimension}",
        url=view.file.url,
        fix=f"cryodata.open_tree(...)[{path.rpartition('/')[0]!r}] has it beside its own rows.",
    )


def _named_apart(columns: Sequence[Column], rows: str) -> list[Column]:
    """Columns of the same last name are told apart by their groups, from others by `rows`."""
    count = Counter(column.name for column in columns)

    def apart(column: Column) -> str:
        if count[column.name] == 1 and column.name not in RESERVED:
            return column.name
        name = column.path.replace("/", "_")
        return f"{rows}_{name}" if name in RESERVED else name

    return [replace(column, name=apart(column)) for column in columns]
