"""A granule of a known product, as far as its structure was walked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from cryodata.attributes import decode_attributes
from cryodata.granule import GranuleFile
from cryodata.index import Index
from cryodata.keep.remembered import remembered
from cryodata.layout import ArrayLayout
from cryodata.products import GranuleName, Product, Rate, join_path, parse_name
from cryodata.products.registry import text
from cryodata.tracks.request import Asked, Request, as_words, surfaces_of

__all__ = [
    "CYCLE",
    "IDENTIFICATION",
    "ORIENTATION",
    "View",
    "deciding_of_nesting",
    "look_ahead",
    "nested_paths",
    "paths_of_nesting",
]

ORIENTATION = "/orbit_info/sc_orient"
IDENTIFICATION = "/METADATA/DatasetIdentification"
CYCLE = "cycle"
"""Dimension along which a row has a value for each repeat cycle, where it has several."""
ORBIT = ("/orbit_info/rgt", "/orbit_info/cycle_number")


def look_ahead(file: GranuleFile, table: Product, request: Request, release: str = "") -> Index:
    """Everything that `choose` surely needs, in one pass; what does not exist is left out."""
    paths, shallow, dims, early = _ahead(table, request, release, parse_name(file.url) is not None)
    return file.walk(paths, shallow=shallow, missing_ok=True, dims=dims, early=early)


@remembered
def _ahead(
    table: Product, request: Request, release: str, named: bool
) -> tuple[tuple[str, ...], tuple[str, ...], bool, tuple[str, ...]]:
    """Paths to walk, groups to look at, whether scales are wanted, and what is read at once.

    `named`: the file is called as its producer calls it.
    """
    product = table.as_of(release)
    rate = product.rate
    words = set(as_words(request.beams))
    # which beams are strong is not known yet
    tracks = [t for t in product.tracks if t in words or not words <= set(product.tracks)]
    asked = Asked.of(table, request, release)
    surfaces = surfaces_of(product)
    wanted = [surfaces.get(path, (path, 0))[0] for path in asked.everything]
    below = [*rate.coordinates.values(), *wanted]
    groups = ["/" + join_path(track, rate.group) for track in tracks]
    paths = groups if asked.all else [f"{group.rstrip('/')}/{p}" for group in groups for p in below]
    labelled = {name for p in wanted for name in product.dimensions.get(rate.path(p), ())[:1]}
    labels = [product.labels[name] for name in sorted(labelled) if name in product.labels]
    paths += ["/" + join_path(track, path) for track in tracks for path in labels]
    nesting: list[str] = []
    early: list[str] = []
    if request.placed:
        for track in tracks:
            nesting += paths_of_nesting(product, track).values()
            if request.few:
                early += deciding_of_nesting(product, track, request.placed).values()
    paths += [f"/{path}" for path in nesting]
    coarse = [*request.with_segments, *request.conditions]
    paths += [f"/{path}" for track in tracks for path in nested_paths(product, track, coarse)]
    shallow = ["/", *(f"/{track}" for track in product.tracks)]
    paths.append(ORIENTATION)
    if not named:
        shallow.append(IDENTIFICATION)
        paths += ORBIT
    # of what the table lists, the table says which rows it has; of the rest, its scales do
    listed = {*rate.default, *rate.coordinates.values()}
    dims = asked.all or not set(below) <= listed
    return tuple(paths), tuple(shallow), dims, tuple(f"/{path}" for path in early)


@remembered
def _as_of(product: Product, release: str) -> Product:
    return product.as_of(release)


def paths_of_nesting(product: Product, track: str) -> dict[str, str]:
    """Datasets of a track that tell where its rows lie, when these are part of coarser rows.

    Returns
    -------
    dict
        ``count`` of the rows that each coarse row holds, and ``latitude``, ``longitude``,
        ``time`` of the coarse rows, to their paths below the root; empty where the table says
        of none.
    """
    for nesting in product.nestings:
        if nesting.fine == product.rows:
            coarse = product.rate_along(nesting.coarse)
            places = {name: coarse.path(path) for name, path in coarse.coordinates.items()}
            paths = {"count": nesting.count, **places}
            return {name: join_path(track, path) for name, path in paths.items()}
    return {}


def deciding_of_nesting(product: Product, track: str, placed: Sequence[str]) -> dict[str, str]:
    """Of `paths_of_nesting` those that are read to rule rows out by some coordinates.

    Latitude comes with longitude: how far a degree reaches depends on it. Empty where one of
    them is not in the table.
    """
    paths = paths_of_nesting(product, track)
    latitude = ("latitude",) if "longitude" in placed else ()
    needed = dict.fromkeys(("count", *latitude, *placed))
    return {name: paths[name] for name in needed} if needed.keys() <= paths.keys() else {}


def nested_paths(product: Product, track: str, words: Sequence[str]) -> list[str]:
    """Datasets of coarser rows that words may mean, and those that nest the finer rows in them."""
    paths: dict[str, None] = {}
    for nesting in (n for n in product.nestings if n.fine == product.rows and words):
        group = product.rate_along(nesting.coarse).group
        named = [join_path(group, word.strip("/").removeprefix(group + "/")) for word in words]
        paths |= dict.fromkeys((nesting.first, nesting.count, *named))
    return [join_path(track, path) for path in paths]


@dataclass(slots=True)
class View:
    """A granule as far as it was walked.

    Attributes
    ----------
    file : GranuleFile
    product : Product
        Its table, with the names of the granule's release.
    index : Index
    release : str
        As the name or the file says; empty where neither does.
    odd : bool
        Something asked for was searched for, or left out: another granule like this one has
        to be looked at by itself.
    """

    file: GranuleFile
    product: Product
    index: Index
    release: str = ""
    odd: bool = False

    @classmethod
    def of(cls, file: GranuleFile, product: Product, request: Request) -> Self:
        """Walk a granule as far as a request needs; under the names of its own release."""
        view = cls(file, product, look_ahead(file, product, request))
        name = view._name()
        said = text(view._identification().get("VersionID"))
        view.release = name.release if name is not None else said.zfill(3) if said else ""
        view.product = _as_of(product, view.release)
        if view.product is not product:
            view.index = look_ahead(file, product, request, view.release)
        return view

    @property
    def rate(self) -> Rate:
        """The rate whose rows the Dataset gets."""
        return self.product.rate

    def has(self, beam: str) -> bool:
        """Whether there is a group of that name; the root always is."""
        return not beam or beam in self.index.groups["/"].links

    def canonical(self, path: str) -> str:
        """What the newest release calls a variable, relative to the track.

        Parameters
        ----------
        path : str
            Relative to the row group.
        """
        return self.product.name_in(self.release, self.rate.path(path))

    def group(self, beam: str) -> str:
        """Path of the row group of a track, links followed."""
        return self.index.resolve("/" + join_path(beam, self.rate.group))

    def layout(self, path: str) -> ArrayLayout | None:
        """The dataset at an absolute path, or None where there is none."""
        found = self.index.resolve(path)
        if found in self.index.problems:
            raise self.index.problems[found]
        return self.index.arrays.get(found)

    def on_track(self, beam: str, path: str) -> ArrayLayout | None:
        """The dataset at a path relative to the row group of a track."""
        return self.layout("/" + join_path(beam, self.rate.group, path))

    def rows(self, beam: str, asked: Asked) -> int:
        """Rows of a track; 0 where its row group is empty or missing."""
        for path in (*self.rate.coordinates.values(), *asked.everything):
            layout = self.on_track(beam, path)
            if layout is not None and layout.shape:
                return layout.shape[0]
        return 0

    def labels(self) -> dict[str, Any]:
        """Granule, reference track, cycle and region: of the name, or of what the file says."""
        name = self._name()
        if name is not None:
            said = {"rgt": name.rgt, "cycle": name.cycle, "region": name.region}
            return {"granule": str(name), **said}
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

    def _name(self) -> GranuleName | None:
        """What the file was called by its producer."""
        name = parse_name(self.file.url)
        return name or parse_name(text(self._identification().get("fileName")))

    def _identification(self) -> Mapping[str, Any]:
        group = self.index.groups.get(self.index.resolve(IDENTIFICATION))
        return (group.attributes or {}) if group is not None else {}
