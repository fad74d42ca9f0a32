"""From the words of a user to tracks and columns of one granule."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import TypeAlias

from cryodata.caution import warn_user
from cryodata.errors import SelectionError, UnknownVariableError, close_names
from cryodata.granule import GranuleFile
from cryodata.keep.remembered import remembered
from cryodata.layout import ArrayLayout
from cryodata.products import Product, join_path
from cryodata.provenance import Skipped, all_of
from cryodata.tracks.beams import choose_tracks
from cryodata.tracks.columns import PLACES, TRACK_COORDINATES, Column, Columns, Track
from cryodata.tracks.labels import read_labels
from cryodata.tracks.likewise import Chosen, likewise, note
from cryodata.tracks.nested import find_nested, nested_column
from cryodata.tracks.request import Asked, Request, surfaces_of
from cryodata.tracks.view import View

__all__ = ["choose"]

RESERVED = frozenset({*PLACES, *TRACK_COORDINATES})
"""Names that no variable of the rows may have."""

_BESIDE = frozenset({"METADATA", "ancillary_data", "orbit_info", "quality_assessment"})
"""Groups of the root that hold no rows, where the rows are the root's."""

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
    CryodataError
        The first of these, where there are several; notes tell the others.
    """
    view = View.of(file, product, request)
    asked = _asked(product, request, view.release)
    present = [track for track in product.tracks if view.has(track)]
    if not present:
        return None
    tracks, skipped = choose_tracks(view, present, asked, request)
    same = None if skipped else likewise(view, tracks, request)
    if same is not None:
        file.learn(same.learnt)
        return Columns(
            product=product,
            tracks=tuple(tracks),
            coordinates=same.coordinates,
            columns=same.columns,
            deciding=same.deciding,
            meant=same.meant,
            attributes=view.attributes(),
        )
    learnt = [
        view.index.resolve("/" + join_path(track.beam, path))
        for track in tracks
        for path in view.product.zone_maps
    ]
    file.learn(learnt)
    kept, missing = _with_variables(view, tracks, asked)
    empty = not any(track.stored for track in tracks)  # so that no row lacks anything
    if request.on_missing == "raise" and (skipped or (missing and not empty)):
        raise all_of([*skipped, *missing])
    skipped += missing
    if tracks and not kept:
        raise missing[0].error
    tracks = kept
    coordinates = _coordinates(view, tracks, asked)
    columns = _columns(view, tracks, asked)
    columns += find_nested(view, tracks, request.with_segments)
    deciding, meant = _deciding(view, tracks, asked, columns)
    tracks, axes = read_labels(view, tracks, [*columns, *deciding])
    apart = _named_apart([*columns, *deciding], product.rows)
    columns, deciding = apart[: len(columns)], apart[len(columns) :]
    chosen = Chosen(
        coordinates=tuple(coordinates),
        columns=tuple(columns),
        deciding=tuple(deciding),
        meant={word: _name_of(key, apart) for word, key in meant.items()},
        learnt=tuple(learnt),
    )
    if not (skipped or axes or view.odd):
        note(view, tracks, request, chosen)
    return Columns(
        product=product,
        tracks=tuple(tracks),
        coordinates=chosen.coordinates,
        columns=chosen.columns,
        deciding=chosen.deciding,
        meant=chosen.meant,
        attributes=view.attributes(),
        axes=axes,
        skipped=tuple(skipped),
    )


_asked = remembered(Asked.of)


def _with_variables(
    view: View, tracks: Sequence[Track], asked: Asked
) -> tuple[list[Track], list[Skipped]]:
    """The tracks that have everything that is named; and what is missing on others, or on all."""
    url = view.file.url
    missing: list[Skipped] = []
    lacking: set[str] = set()
    words = {**{word: path for path, word in asked.named.items()}, **asked.conditions}
    places = {*view.rate.coordinates, *view.rate.coordinates.values()}
    for word, path in words.items():
        if path in places or _is_nested(view, tracks, path, word, asked):
            continue
        try:
            beams = _lacking(view, tracks, path)
            if beams is None:
                beams = _lacking(view, tracks, _search(view, tracks, word)) or []
        except (SelectionError, UnknownVariableError) as error:
            if word in asked.conditions and any(track.stored for track in tracks):
                raise
            missing.append(Skipped(url, error, variable=word))
            continue
        others = list(dict.fromkeys(t.beam for t in tracks if t.stored and t.beam not in beams))
        for beam in beams:
            without = SelectionError(
                f"{view.rate.path(path)} is missing on {beam}",
                url=url,
                fix=f"Leave it out: beams={others!r}.",
            )
            missing.append(Skipped(url, without, beam=beam, variable=word))
        lacking.update(beams)
    return [track for track in tracks if track.beam not in lacking], missing


def _is_nested(view: View, tracks: Sequence[Track], path: str, word: str, asked: Asked) -> bool:
    """Whether a condition is on a variable of coarser rows, and of no other."""
    if word not in asked.conditions or any(view.on_track(t.beam, path) for t in tracks):
        return False
    return nested_column(view, tracks, word) is not None


def _lacking(view: View, tracks: Sequence[Track], path: str) -> list[str] | None:
    """Beams with rows that lack a variable; None where no track has it at all."""
    path = surfaces_of(view.product).get(path, (path, 0))[0]
    full = dict.fromkeys(track.beam for track in tracks if track.stored)
    lacking = [beam for beam in full if view.on_track(beam, path) is None]
    if full:
        return None if len(lacking) == len(full) else lacking
    return [] if any(view.on_track(track.beam, path) for track in tracks) else None


def _coordinates(view: View, tracks: Sequence[Track], asked: Asked) -> list[Column]:
    """Time and place of the rows, as far as the file has them."""
    found = []
    for name, path in view.rate.coordinates.items():
        column = _column(view, tracks, path, named=path in asked.named)
        if column is not None:
            found.append(replace(column, name=name))
    return found


def _columns(view: View, tracks: Sequence[Track], asked: Asked) -> list[Column]:
    columns: list[Column] = []
    own_names = {path for name, path in view.rate.coordinates.items() if name == path}
    places = {view.canonical(path) for path in view.rate.coordinates.values()}
    for path in asked.paths:
        if path in own_names:
            continue  # comes as the coordinate that it is
        column = _column(view, tracks, path, named=path in asked.named)
        if column is None and path in asked.named:
            found = _find(view, tracks, asked.named[path])
            column = _column(view, tracks, found, named=True) if found else None
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
        column = _column(view, tracks, path, named=True) or nested_column(view, tracks, word)
        if column is None and any(track.stored for track in tracks):
            column = _column(view, tracks, _search(view, tracks, word), named=True)
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
    missing = [t.beam for t, x in zip(tracks, layouts, strict=True) if t.stored and x is None]
    if missing:
        what = f"{view.rate.path(path)} is missing on {', '.join(missing)}"
        view.odd = True
        warn_user(f"{what}: left out")
        return None
    for track, layout in zip(tracks, layouts, strict=True):
        if layout is not None and not _has_rows(view, track, layout):
            raise _other_rows(view, layout.path)
    newest = view.canonical(path)
    return Column(
        name=newest.rsplit("/", 1)[-1] if surface is None else _surface_name(view, path, surface),
        path=newest,
        own_path=view.rate.path(path),
        pattern=patterns[0],
        layouts=tuple(layouts),
        named=named,
        surface=surface,
        label=_label(view, path) if surface is None else "",
    )


def _label(view: View, path: str) -> str:
    """Name of the axis after the rows, where a variable of the file labels it."""
    names = view.product.dimensions.get(view.rate.path(path), ())[:1]
    return next((name for name in names if name in view.product.labels), "")


def _surface_name(view: View, path: str, number: int) -> str:
    named = surfaces_of(view.product)
    return next(name for name, found in named.items() if found == (path, number))


def _has_rows(view: View, track: Track, layout: ArrayLayout) -> bool:
    """Whether the first axis of a dataset is the rows of a track."""
    below = layout.path.strip("/").removeprefix(track.beam).strip("/")
    rate = view.product.rate_of(below)
    if layout.shape[:1] != (track.stored,) or (rate is not None and rate != view.rate):
        return False
    if not (track.beam or view.rate.group) and below.split("/")[0] in _BESIDE:
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


def _find(view: View, tracks: Sequence[Track], word: str) -> str | None:
    """Path of a variable that is not where its name says; None where it cannot be had."""
    fitting = _fitting(_on_rows(view, tracks), word)
    return fitting[0] if len(fitting) == 1 else None


def _fitting(paths: Sequence[str], word: str) -> list[str]:
    """Those of the paths that a word may mean."""
    return [path for path in paths if path == word or path.rsplit("/", 1)[-1] == word]


def _search(view: View, tracks: Sequence[Track], word: str) -> str:
    """Path of a variable that is not where its name says, found by its last name.

    Raises the error that tells why it cannot be had, where it cannot.
    """
    view.odd = True
    view.index = view.file.walk([view.group(track.beam) for track in tracks], missing_ok=True)
    on_rows = _on_rows(view, tracks)
    fitting = _fitting(on_rows, word)
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise SelectionError(
            f"{word} is several variables", url=view.file.url, fix=f"Say which: {fitting}."
        )
    for track in tracks:
        group, _, name = word.strip("/").rpartition("/")
        if group == view.group(track.beam).strip("/") and name in on_rows:
            raise SelectionError(
                f"{word!r} is a path inside the file; a name stands for that variable of each beam",
                url=view.file.url,
                fix=f"variables={name!r}, beams={track.beam!r}",
            )
    view.index = view.file.walk([f"/{track.beam}" for track in tracks], missing_ok=True)
    tail = word.strip("/").rsplit("/", 1)[-1]
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
