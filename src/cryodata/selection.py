"""From the words of a user to tracks and columns of one granule."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

from cryodata.errors import SelectionError, UnknownVariableError, close_names
from cryodata.granule import GranuleFile
from cryodata.index import ArrayLayout, Index
from cryodata.netcdf import decode_attributes
from cryodata.products import Product, Rate, parse_name
from cryodata.products.registry import text
from cryodata.products.tracks import Spot, spot_from_attributes, spots_from_orientation
from cryodata.ragged import Column, Track

__all__ = ["IDENTIFICATION", "Chosen", "OnMissing", "Words", "choose", "look_ahead"]

Words: TypeAlias = str | Iterable[str]
"""One name or word, or several."""

OnMissing: TypeAlias = Literal["raise", "skip"]

ORIENTATION = "/orbit_info/sc_orient"
IDENTIFICATION = "/METADATA/DatasetIdentification"
ORBIT = ("/orbit_info/rgt", "/orbit_info/cycle_number")


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """What was chosen of a granule; the arguments of `ragged.ragged_dataset`.

    Attributes
    ----------
    tracks : list of Track
    coordinates, columns : list of Column
    labels : dict
        ``granule``, ``rgt``, ``cycle``.
    attributes : dict
        Of the root group.
    """

    tracks: list[Track]
    coordinates: list[Column]
    columns: list[Column]
    labels: dict[str, Any]
    attributes: dict[str, Any]


def choose(
    file: GranuleFile, product: Product, variables: Words, beams: Words, on_missing: OnMissing
) -> Chosen | None:
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
    Chosen or None
        None where the file has none of the product's tracks at all.

    Raises
    ------
    SelectionError
        A beam is absent, or cannot be told strong from weak; a variable has other rows.
    UnknownVariableError
        A variable does not exist; the message names the close ones.
    """
    asked = _Asked.of(product.rate, variables)
    view = _View(file, product, look_ahead(file, product, variables, beams))
    present = [track for track in product.tracks if track in view.index.groups["/"].links]
    if not present:
        return None
    spots = view.spots(present)
    names = _choose_beams(view, spots, _as_words(beams), on_missing)
    tracks = [Track(beam=b, spot=spots[b], rows=view.rows(b, asked)) for b in names]
    return Chosen(
        tracks=tracks,
        coordinates=_coordinates(view, tracks, asked),
        columns=_columns(view, tracks, asked, on_missing),
        labels=view.labels(),
        attributes=view.attributes(),
    )


def look_ahead(file: GranuleFile, product: Product, variables: Words, beams: Words) -> Index:
    """Everything that `choose` surely needs, in one pass; what does not exist is left out."""
    rate = product.rate
    words = set(_as_words(beams))
    # which beams are strong is not known yet
    tracks = [t for t in product.tracks if t in words or not words <= set(product.tracks)]
    asked = _Asked.of(rate, variables)
    below = [*rate.coordinates.values(), *asked.paths]
    groups = [f"/{track}/{rate.group}" for track in tracks]
    paths = groups if asked.all else [f"{group}/{path}" for group in groups for path in below]
    shallow = ["/", *(f"/{track}" for track in product.tracks), ORIENTATION]
    if parse_name(file.url) is None:
        shallow += [IDENTIFICATION, *ORBIT]
    # of what the table lists, the table says which rows it has; of the rest, its scales do
    listed = {*rate.default, *rate.coordinates.values()}
    return file.walk(
        paths, shallow=shallow, missing_ok=True, dims=asked.all or not set(below) <= listed
    )


def _as_words(words: Words) -> tuple[str, ...]:
    return (words,) if isinstance(words, str) else tuple(dict.fromkeys(words))


@dataclass(frozen=True, slots=True)
class _Asked:
    """Variables asked for, as paths relative to the row group.

    Attributes
    ----------
    paths : tuple of str
        Best guess for each.
    named : dict of str to str
        Path to the user's word, for those that the user named.
    all : bool
    """

    paths: tuple[str, ...]
    named: dict[str, str]
    all: bool

    @classmethod
    def of(cls, rate: Rate, variables: Words) -> _Asked:
        words = _as_words(variables)
        known = {path.rsplit("/", 1)[-1]: path for path in rate.default}
        named = {}
        for word in words:
            if word not in {"default", "all"}:
                path = word.strip("/").removeprefix(rate.group + "/")
                named[known.get(path, path)] = word
        default = rate.default if {"default", "all"} & set(words) else ()
        return cls(tuple(dict.fromkeys((*default, *named))), named, "all" in words)


@dataclass(slots=True)
class _View:
    """A granule as far as it was walked."""

    file: GranuleFile
    product: Product
    index: Index

    @property
    def rate(self) -> Rate:
        return self.product.rate

    def layout(self, path: str) -> ArrayLayout | None:
        """The dataset at an absolute path, or None where there is none."""
        found = self.index.resolve(path)
        if found in self.index.problems:
            raise self.index.problems[found]
        return self.index.arrays.get(found)

    def on_track(self, beam: str, path: str) -> ArrayLayout | None:
        """The dataset at a path relative to the row group of a track."""
        return self.layout(f"/{beam}/{self.rate.group}/{path}")

    def rows(self, beam: str, asked: _Asked) -> int:
        """Rows of a track; 0 where its row group is empty or missing."""
        for path in (*self.rate.coordinates.values(), *asked.paths):
            layout = self.on_track(beam, path)
            if layout is not None and layout.shape:
                return layout.shape[0]
        return 0

    def spots(self, beams: Sequence[str]) -> dict[str, Spot]:
        """The spot of each track.

        Of its attributes, which cost no read; of the spacecraft's orientation where
        these do not say, or where it changed.
        """
        attributes = {beam: self.index.groups[self.index.resolve(f"/{beam}")] for beam in beams}
        spots = {b: spot_from_attributes(group.attributes or {}) for b, group in attributes.items()}
        orientation = self.layout(ORIENTATION)
        if orientation is None:
            return spots
        changes = orientation.shape != (1,)
        if changes or not all(spot.number for spot in spots.values()):
            told = spots_from_orientation(self.file.read([(ORIENTATION, None)])[0])
            spots = {beam: told.get(beam, Spot(0)) for beam in beams}
        return spots

    def labels(self) -> dict[str, Any]:
        """Granule, reference track and cycle: of the name, or of what the file says."""
        name = parse_name(self.file.url)
        if name is None:
            group = self.index.groups.get(self.index.resolve(IDENTIFICATION))
            said = (group.attributes or {}) if group is not None else {}
            name = parse_name(text(said.get("fileName")))
        if name is not None:
            return {"granule": str(name), "rgt": name.rgt, "cycle": name.cycle}
        known = [path for path in ORBIT if self.layout(path) is not None]
        values = self.file.read([(path, None) for path in known])
        read = {p: int(v.flat[0]) for p, v in zip(known, values, strict=True) if v.size}
        file_name = self.file.url.rstrip("/").rsplit("/", 1)[-1]
        return {"granule": file_name, "rgt": read.get(ORBIT[0], 0), "cycle": read.get(ORBIT[1], 0)}

    def attributes(self) -> dict[str, Any]:
        """Of the root group, with what its producer left to be filled in."""
        attributes = decode_attributes(self.index.groups["/"].attributes or {})
        if attributes.get("title", "SET_BY_META") == "SET_BY_META":
            attributes["title"] = self.product.title
        return attributes | {"featureType": "trajectory"}


def _choose_beams(
    view: _View, spots: dict[str, Spot], words: tuple[str, ...], on_missing: OnMissing
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
    if not chosen:
        raise SelectionError(
            f"None of the beams asked for is in this granule: {', '.join(words)}",
            url=url,
            fix=f"It has {', '.join(present)}.",
        )
    return [beam for beam in present if beam in chosen]


def _coordinates(view: _View, tracks: Sequence[Track], asked: _Asked) -> list[Column]:
    """Time and place of the rows, as far as the file has them."""
    found = []
    for name, path in view.rate.coordinates.items():
        column = _column(view, tracks, path, named=path in asked.named)
        if column is not None:
            found.append(replace(column, name=name))
    return found


def _columns(
    view: _View, tracks: Sequence[Track], asked: _Asked, on_missing: OnMissing
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
    return _named_apart(columns)


def _column(
    view: _View, tracks: Sequence[Track], path: str, *, named: bool = False
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
        named=named,
    )


def _has_rows(view: _View, track: Track, layout: ArrayLayout) -> bool:
    """Whether the first axis of a dataset is the rows of a track."""
    if layout.shape[:1] != (track.rows,):
        return False
    scales = layout.dims[0] if layout.dims else ()
    group = view.index.resolve(f"/{track.beam}/{view.rate.group}")
    return not scales or any(scale.rpartition("/")[0] == group for scale in scales)


def _on_rows(view: _View, tracks: Sequence[Track]) -> list[str]:
    """Paths relative to the row group of everything that shares its rows."""
    found: dict[str, None] = {}
    for track in tracks:
        prefix = view.index.resolve(f"/{track.beam}/{view.rate.group}") + "/"
        for path, layout in view.index.arrays.items():
            if track.rows and path.startswith(prefix) and _has_rows(view, track, layout):
                found[path.removeprefix(prefix)] = None
    return list(found)


def _search(
    view: _View, tracks: Sequence[Track], word: str, on_missing: OnMissing
) -> Column | None:
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


def _other_rows(view: _View, path: str) -> SelectionError:
    return SelectionError(
        f"{path} has other rows than {view.rate.dimension}",
        url=view.file.url,
        fix=f"cryodata.open_tree(...)[{path.rpartition('/')[0]!r}] has it beside its own rows.",
    )


def _named_apart(columns: list[Column]) -> list[Column]:
    """Columns of the same last name are told apart by their groups."""
    count = Counter(column.name for column in columns)
    reserved = {"time", "latitude", "longitude"}
    return [
        replace(column, name=column.path.replace("/", "_"))
        if count[column.name] > 1 or column.name in reserved
        else column
        for column in columns
    ]
