"""From the words of a user to tracks and columns of one granule."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, TypeAlias

from cryodata.errors import SelectionError, UnknownVariableError, close_names
from cryodata.granule import GranuleFile
from cryodata.layout import ArrayLayout
from cryodata.products import Product
from cryodata.products.tracks import Spot
from cryodata.ragged import TRACK_COORDINATES, Column, Columns, Track
from cryodata.view import Asked, View, Words, as_words, look_ahead

__all__ = ["OnMissing", "choose"]

OnMissing: TypeAlias = Literal["raise", "skip"]


def choose(
    file: GranuleFile, product: Product, variables: Words, beams: Words, on_missing: OnMissing
) -> Columns | None:
    """Find tracks and columns; reads structure, and values only to tell beams apart.

    Parameters
    ----------
    file, product
    variables : str or iterable of str
        Names, ``"default"``, ``"all"``. A name is that of the dataset, with as much of
        its path below the track as the user likes.
    beams : str or iterable of str
        Names, ``"all"``, ``"strong"``, ``"weak"``.
    on_missing : {"raise", "skip"}
        What becomes of beams and variables that are named and not there.

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
    asked = Asked.of(product.rate, variables)
    view = View(file, product, look_ahead(file, product, variables, beams))
    present = [track for track in product.tracks if track in view.index.groups["/"].links]
    if not present:
        return None
    spots = view.spots(present)
    names = _choose_beams(view, spots, as_words(beams), on_missing)
    labels = view.labels()
    tracks = [Track(beam=b, spot=spots[b], rows=view.rows(b, asked), **labels) for b in names]
    return Columns(
        product=product,
        tracks=tracks,
        coordinates=_coordinates(view, tracks, asked),
        columns=_columns(view, tracks, asked, on_missing),
        attributes=view.attributes(),
    )


def _choose_beams(
    view: View, spots: dict[str, Spot], words: tuple[str, ...], on_missing: OnMissing
) -> list[str]:
    """Names of the tracks asked for, in the order of the product."""
    url, present = view.file.url, list(spots)
    chosen: set[str] = set()
    for word in words:
        if word == "all":
            chosen |= set(present)
        elif word in {"strong", "weak"}:
            unknown = [beam for beam in present if not spots[beam].number]
            if unknown and on_missing == "raise":
                raise SelectionError(
                    f"It is not known whether {', '.join(unknown)} are strong: the spacecraft "
                    "was turning, or the file does not say",
                    url=url,
                    fix=f"Name the beams: beams={unknown[:2]!r}.",
                )
            chosen |= {beam for beam in present if getattr(spots[beam], word)}
        elif word not in view.product.tracks:
            raise SelectionError(
                f"{view.product.short_name} has no beam {word!r}",
                url=url,
                fix=f'There are: {", ".join(view.product.tracks)}; or "all", "strong", "weak".',
            )
        elif word in present:
            chosen.add(word)
        elif on_missing == "raise":
            raise SelectionError(
                f"The beam {word} is not in this granule",
                url=url,
                fix=f'It has {", ".join(present)}. on_missing="skip" goes on without.',
            )
    if not words:
        raise SelectionError("beams= names none", url=url, fix=f"It has {', '.join(present)}.")
    if not chosen:
        raise SelectionError(
            f"None of the beams asked for is in this granule: {', '.join(words)}",
            url=url,
            fix=f"It has {', '.join(present)}.",
        )
    return [beam for beam in present if beam in chosen]


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
    places = set(view.rate.coordinates.values())
    for path in asked.paths:
        if path in own_names:
            continue  # comes as the coordinate that it is
        column = _column(view, tracks, path, named=path in asked.named)
        if column is None and path in asked.named:
            column = _search(view, tracks, asked.named[path], on_missing)
        if column is not None:
            columns.append(column)
    if asked.all:
        have = {column.path for column in columns} | {f"{view.rate.group}/{p}" for p in places}
        columns += [
            c
            for path in _on_rows(view, tracks)
            if (c := _column(view, tracks, path)) and c.path not in have
        ]
    return _named_apart(columns, view.rate.dimension)


def _column(
    view: View, tracks: Sequence[Track], path: str, *, named: bool = False
) -> Column | None:
    """One dataset over all tracks with rows; None where none of them has it."""
    full = [track for track in tracks if track.rows] or tracks
    layouts = {track.beam: view.on_track(track.beam, path) for track in full}
    missing = [beam for beam, layout in layouts.items() if layout is None]
    if len(missing) == len(full):
        return None
    if missing:
        what = f"{view.rate.group}/{path} is missing on {', '.join(missing)}"
        if named:
            others = [beam for beam in layouts if beam not in missing]
            raise SelectionError(what, url=view.file.url, fix=f"Leave them out: beams={others!r}.")
        warnings.warn(f"{what}: left out", stacklevel=2)
        return None
    found = [layout for layout in layouts.values() if layout is not None]
    for track, layout in zip(full, found, strict=True):
        if not _has_rows(view, track, layout):
            raise _other_rows(view, layout.path)
    return Column(
        name=path.rsplit("/", 1)[-1],
        path=f"{view.rate.group}/{path}",
        layouts=tuple(found),
        files=(view.file,) * len(found),
        named=named,
    )


def _has_rows(view: View, track: Track, layout: ArrayLayout) -> bool:
    """Whether the first axis of a dataset is the rows of a track."""
    if layout.shape[:1] != (track.rows,):
        return False
    scales = layout.dims[0] if layout.dims else ()
    group = view.index.resolve(f"/{track.beam}/{view.rate.group}")
    return not scales or any(scale.rpartition("/")[0] == group for scale in scales)


def _on_rows(view: View, tracks: Sequence[Track]) -> list[str]:
    """Paths relative to the row group of everything that shares its rows."""
    found: dict[str, None] = {}
    for track in tracks:
        prefix = view.index.resolve(f"/{track.beam}/{view.rate.group}") + "/"
        for path, layout in view.index.arrays.items():
            if track.rows and path.startswith(prefix) and _has_rows(view, track, layout):
                found[path.removeprefix(prefix)] = None
    return list(found)


def _search(view: View, tracks: Sequence[Track], word: str, on_missing: OnMissing) -> Column | None:
    """A variable that is not where its name says, found by its last name.

    Raises the error that tells why it cannot be had, where it cannot.
    """
    groups = [f"/{track.beam}/{view.rate.group}" for track in tracks]
    view.index = view.file.walk(groups, missing_ok=True)
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
    known = sorted({*on_rows, *(path.rsplit("/", 1)[-1] for path in on_rows)})
    raise UnknownVariableError(
        f"{view.product.short_name} has no variable {word!r} along {view.rate.dimension}",
        url=view.file.url,
        fix=close_names(word, known),
    )


def _other_rows(view: View, path: str) -> SelectionError:
    return SelectionError(
        f"{path} has other rows than {view.rate.dimension}",
        url=view.file.url,
        fix=f"cryodata.open_tree(...)[{path.rpartition('/')[0]!r}] has it beside its own rows.",
    )


def _named_apart(columns: list[Column], rows: str) -> list[Column]:
    """Columns of the same last name are told apart by their groups, from others by `rows`."""
    count = Counter(column.name for column in columns)
    reserved = {"time", "latitude", "longitude", *TRACK_COORDINATES}

    def apart(column: Column) -> str:
        if count[column.name] == 1 and column.name not in reserved:
            return column.name
        name = column.path.replace("/", "_")
        return f"{rows}_{name}" if name in reserved else name

    return [replace(column, name=apart(column)) for column in columns]
