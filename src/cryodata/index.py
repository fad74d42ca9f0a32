"""What is known of a granule: its groups, its datasets, and which version it is.

An `Index` describes one version of one file. It holds an `ArrayLayout` per dataset
that was walked and a `GroupLayout` per group, and may describe a part of the file only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from cryodata.errors import CryodataError, FormatError, UnknownVariableError, close_names
from cryodata.layout import ArrayLayout, Chunked
from cryodata.types import IntArray, Source
from cryodata.zones.zone_map import ZoneMap

__all__ = ["GroupLayout", "Index", "Link", "Outline"]

MOST_LINKS = 64
"""Links followed on the way to one object."""
_MAPPINGS = ("groups", "arrays", "aliases", "problems", "zones")


@dataclass(frozen=True, slots=True)
class Link:
    """A name in a group.

    Attributes
    ----------
    name : str
    address : int or None
        Object header of a hard link; None for other kinds.
    target : str
        Path a soft link points to; ``file:path`` of an external link (never followed).
    kind : str
        ``hard``, ``soft``, ``external`` or ``user``.
    """

    name: str
    address: int | None
    target: str = ""
    kind: str = "hard"


@dataclass(frozen=True, eq=False, kw_only=True)
class GroupLayout:
    """One group: what it is called, what it contains.

    Attributes
    ----------
    path : str
        Absolute; the root is ``/``.
    attributes : mapping or None
        As in `ArrayLayout`; None where they were not read, since nobody asked.
    links : mapping of str to Link
        By creation order where the file tracks it, else by name.
    """

    path: str
    attributes: Mapping[str, Any] | None = None
    links: Mapping[str, Link] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Outline:
    """What an index tells of its arrays before they are decoded.

    Attributes
    ----------
    alike : dict
        The same object for all indexes with the same paths, links, types and attributes of
        arrays: a place to note what follows from these alone.
    places : mapping of str to int
        Path of an array to its place in the lists.
    shapes, chunk_shapes : (ends, flat), both (n,) int64
        Shape ``flat[ends[i] : ends[i + 1]]`` of the array at place i, as somebody claims and
        nobody has checked.
    """

    alike: dict[Any, Any]
    places: Mapping[str, int]
    shapes: tuple[IntArray, IntArray]
    chunk_shapes: tuple[IntArray, IntArray]


@dataclass(frozen=True, eq=False, kw_only=True)
class Index:
    """What is known of one version of one granule.

    Attributes
    ----------
    source : Source
        The version: url, size, ETag.
    groups : mapping of str to GroupLayout
        Absolute path to group, for the groups walked. The root is ``/``.
    arrays : mapping of str to ArrayLayout
        Absolute path to dataset, for the datasets walked.
    aliases : mapping of str to str
        Soft links and second hard links: path to the path it stands for.
    problems : mapping of str to CryodataError
        Objects whose header could not be read, with the error that touching them raises.
    whole : frozenset of str
        Groups walked with everything below them; ``/`` where the whole file was. What is
        not here below them does not exist.
    zones : mapping of str to ZoneMap
        Absolute path of a dataset to the bounds of its chunks, as far as they are known.
    outline : Outline or None
        Where it is one that was kept.
    """

    source: Source
    groups: Mapping[str, GroupLayout] = field(default_factory=dict)
    arrays: Mapping[str, ArrayLayout] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)
    problems: Mapping[str, CryodataError] = field(default_factory=dict)
    whole: frozenset[str] = frozenset()
    zones: Mapping[str, ZoneMap] = field(default_factory=dict)
    outline: Outline | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        for name in _MAPPINGS:
            given = getattr(self, name)
            if isinstance(given, dict):  # else nobody can change it
                object.__setattr__(self, name, MappingProxyType(dict(given)))

    def __reduce__(self) -> tuple[Any, ...]:
        fields = {name: dict(getattr(self, name)) for name in _MAPPINGS}
        return (_rebuild_index, (self.source, self.whole, fields))

    def __repr__(self) -> str:
        chunks = sum(
            len(a.storage.table) for a in self.arrays.values() if isinstance(a.storage, Chunked)
        )
        part = "whole" if self.complete else "part"
        return (
            f"<Index of {self.source.url}: {part}, {len(self.groups)} groups, "
            f"{len(self.arrays)} arrays, {chunks} chunks>"
        )

    @property
    def complete(self) -> bool:
        """The whole file was walked: what is not here does not exist."""
        return "/" in self.whole

    def knows(self, path: str, *, below: bool = True, dims: bool = True) -> bool:
        """Whether a walk to `path` would learn nothing new.

        Parameters
        ----------
        path : str
            Dataset or group; one that is known not to exist counts as known.
        below : bool
            For a group, whether everything below it is asked for, or only its own
            attributes and links.
        dims : bool
            Whether the dimension scales of datasets are asked for.
        """
        path = self.resolve(path)
        if path in self.arrays:
            return not dims or self.arrays[path].dims_known
        if path in self.problems:
            return True
        if path in self.groups and not below:
            return self.groups[path].attributes is not None
        parts = path.rstrip("/").split("/")
        for i in range(len(parts), 0, -1):
            group = "/".join(parts[:i]) or "/"
            if group in self.whole:
                return True
            if group in self.groups and i < len(parts):
                return parts[i] not in self.groups[group].links
        return False

    def select(self, paths: Iterable[str]) -> Index:
        """Only these datasets: what a worker needs to read them, and pickles small."""
        arrays = {path: self.array(path) for path in paths}
        aliases = {p: a.path for p, a in arrays.items() if p != a.path}
        return Index(
            source=self.source, arrays={a.path: a for a in arrays.values()}, aliases=aliases
        )

    def array(self, path: str) -> ArrayLayout:
        """The dataset at `path`.

        Raises
        ------
        UnknownVariableError
            If there is none; the message names the close ones.
        CryodataError
            The one met when its header was read.
        """
        path = self.resolve(path)
        if path in self.problems:
            raise self.problems[path]
        if path not in self.arrays:
            raise UnknownVariableError(
                f"There is no {path}",
                url=self.source.url,
                fix=close_names(path, [*self.groups, *self.arrays]),
            )
        return self.arrays[path]

    def resolve(self, path: str) -> str:
        """The absolute path without links on the way: what `arrays` and `groups` know.

        Raises
        ------
        FormatError
            If the links lead in a circle.
        """
        path = "/" + path.strip("/")
        if not self.aliases:
            return path
        for _ in range(MOST_LINKS):
            parts = path.split("/")
            for i in range(2, len(parts) + 1):
                target = self.aliases.get("/".join(parts[:i]))
                if target is not None:
                    path = "/".join([target.rstrip("/"), *parts[i:]])
                    break
            else:
                return path
        raise FormatError("Soft links lead in a circle", url=self.source.url, path=path)

    def merge(self, other: Index) -> Index:
        """Both together; `other` must describe the same version of the same file."""
        if other.source != self.source:
            raise ValueError("indexes of different versions do not merge")
        return replace(
            self,
            groups=_merge_groups(self.groups, other.groups),
            arrays=_merge_arrays(self.arrays, other.arrays),
            aliases={**self.aliases, **other.aliases},
            problems={**self.problems, **other.problems},
            whole=self.whole | other.whole,
            zones=_merge_zones(self.zones, other.zones),
            outline=None,
        )

    def with_zones(self, learnt: Mapping[str, ZoneMap]) -> Index:
        """The same, knowing more of some chunks; the same object where that is nothing new."""
        news = {
            path: zones
            for path, zones in learnt.items()
            if path not in self.zones or self.zones[path].is_news(zones)
        }
        return replace(self, zones=_merge_zones(self.zones, news)) if news else self


def _merge_arrays(
    old: Mapping[str, ArrayLayout], new: Mapping[str, ArrayLayout]
) -> dict[str, ArrayLayout]:
    """Both; an array whose scales were looked up wins over the same without."""
    merged = dict(old)
    for path, array in new.items():
        if array.dims_known or path not in merged:
            merged[path] = array
    return merged


def _merge_zones(old: Mapping[str, ZoneMap], new: Mapping[str, ZoneMap]) -> dict[str, ZoneMap]:
    return {**old, **{path: old[path].merge(z) if path in old else z for path, z in new.items()}}


def _merge_groups(
    old: Mapping[str, GroupLayout], new: Mapping[str, GroupLayout]
) -> dict[str, GroupLayout]:
    """Both; a group whose attributes were read wins over the same without."""
    merged = dict(old)
    for path, group in new.items():
        if group.attributes is not None or path not in merged:
            merged[path] = group
    return merged


def _rebuild_index(source: Source, whole: frozenset[str], fields: dict[str, Any]) -> Index:
    return Index(source=source, whole=whole, **fields)
