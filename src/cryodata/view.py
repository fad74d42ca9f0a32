"""A granule of a known product, as far as its structure was walked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from cryodata.attributes import decode_attributes
from cryodata.errors import SelectionError
from cryodata.granule import GranuleFile
from cryodata.index import Index
from cryodata.layout import ArrayLayout
from cryodata.products import Product, Rate, parse_name
from cryodata.products.registry import text
from cryodata.products.tracks import Spot, spot_from_attributes, spots_from_orientation

__all__ = ["IDENTIFICATION", "Asked", "View", "Words", "as_words", "look_ahead"]

Words: TypeAlias = str | Iterable[str]
"""One name or word, or several."""

ORIENTATION = "/orbit_info/sc_orient"
IDENTIFICATION = "/METADATA/DatasetIdentification"
ORBIT = ("/orbit_info/rgt", "/orbit_info/cycle_number")


def as_words(words: Words) -> tuple[str, ...]:
    """Several words from one or several, each once.

    Raises
    ------
    SelectionError
        Something else is among them.
    """
    several: Any = [words] if isinstance(words, str) else words
    if isinstance(several, Iterable):
        several = list(several)
    if not isinstance(several, list) or not all(isinstance(one, str) for one in several):
        raise SelectionError(f"{words!r} are no names", fix='Give one, "gt1l", or a list of them.')
    return tuple(dict.fromkeys(several))


@dataclass(frozen=True, slots=True)
class Asked:
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
    def of(cls, rate: Rate, variables: Words) -> Asked:
        """What a user's words ask for of a rate."""
        words = as_words(variables)
        known = {path.rsplit("/", 1)[-1]: path for path in rate.default}
        named = {}
        for word in words:
            if word not in {"default", "all"}:
                path = word.strip("/").removeprefix(rate.group + "/")
                named[known.get(path, path)] = word
        default = rate.default if {"default", "all"} & set(words) else ()
        return cls(tuple(dict.fromkeys((*default, *named))), named, "all" in words)


def look_ahead(file: GranuleFile, product: Product, variables: Words, beams: Words) -> Index:
    """Everything that `choose` surely needs, in one pass; what does not exist is left out."""
    rate = product.rate
    words = set(as_words(beams))
    # which beams are strong is not known yet
    tracks = [t for t in product.tracks if t in words or not words <= set(product.tracks)]
    asked = Asked.of(rate, variables)
    below = [*rate.coordinates.values(), *asked.paths]
    groups = [f"/{track}/{rate.group}" for track in tracks]
    paths = groups if asked.all else [f"{group}/{path}" for group in groups for path in below]
    shallow = ["/", *(f"/{track}" for track in product.tracks)]
    paths.append(ORIENTATION)
    if parse_name(file.url) is None:
        shallow.append(IDENTIFICATION)
        paths += ORBIT
    # of what the table lists, the table says which rows it has; of the rest, its scales do
    listed = {*rate.default, *rate.coordinates.values()}
    return file.walk(
        paths, shallow=shallow, missing_ok=True, dims=asked.all or not set(below) <= listed
    )


@dataclass(slots=True)
class View:
    """A granule as far as it was walked."""

    file: GranuleFile
    product: Product
    index: Index

    @property
    def rate(self) -> Rate:
        """The rate whose rows the Dataset gets."""
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

    def rows(self, beam: str, asked: Asked) -> int:
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
