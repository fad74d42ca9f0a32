"""The walk: from a few paths, or none for all, to an `Index`.

::

    walker = Walker(source, blocks, limits)
    walker.begin(["/gt1l/heights/h_ph"])
    while ranges := walker.needs():
        walker.feed(fetch(ranges))
    index = walker.index()

Nothing is read twice: what one walk learnt, the next one starts from.
"""

from __future__ import annotations

import math
from collections.abc import Coroutine, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from cryodata.errors import (
    CryodataError,
    FormatError,
    LimitExceededError,
    UnknownVariableError,
    UnsupportedError,
    close_names,
)
from cryodata.hdf5.attributes import RawAttribute, read_attributes, read_raw_attributes
from cryodata.hdf5.context import Context
from cryodata.hdf5.datasets import is_dataset, read_array_layout
from cryodata.hdf5.links import is_group, read_links
from cryodata.hdf5.objects import ObjectHeader, read_object_header
from cryodata.hdf5.readahead import widen
from cryodata.hdf5.rounds import Held, Rounds, gather
from cryodata.hdf5.shared import read_shared_table
from cryodata.hdf5.superblock import read_extension, read_superblock
from cryodata.hdf5.values import read_sequences
from cryodata.index import GroupLayout, Index, Link
from cryodata.layout import ArrayLayout
from cryodata.options import Limits
from cryodata.types import Block, ByteRange, Source

__all__ = ["Walker"]

MOST_LINKS = 16
"""Soft links that lead to soft links."""


@dataclass(slots=True)
class _Wanted:
    """What is asked for at and below one object.

    Attributes
    ----------
    all : bool
        Everything below.
    attributes : bool
        The object itself, not only what lies below it.
    below : dict
        By name, for the members asked for.
    """

    all: bool = False
    attributes: bool = False
    below: dict[str, _Wanted] = field(default_factory=dict)

    def at(self, path: str) -> _Wanted:
        """What is asked for at one path; a new entry where there is none yet."""
        found = self
        for name in filter(None, path.split("/")):
            found = found.below.setdefault(name, _Wanted())
        return found

    def add(self, path: str, *, all: bool) -> None:
        """Ask for one object by path."""
        found = self.at(path)
        found.attributes = True
        found.all = found.all or all

    def merge(self, path: str, other: _Wanted) -> None:
        """Ask at `path` for all that `other` asks for."""
        found = self.at(path)
        found.attributes = found.attributes or other.attributes
        found.all = found.all or other.all
        for name, below in other.below.items():
            found.merge(name, below)


class Walker:
    """Learns the structure of one file from the bytes it asks for; does no I/O.

    Parameters
    ----------
    source : Source
        Which file; its size bounds every address.
    blocks : iterable of Block
        The file's first bytes, and more where they are at hand.
    limits : Limits
        What the file may ask for.
    """

    def __init__(self, source: Source, blocks: Iterable[Block], limits: Limits) -> None:
        self.source = source
        self.held = Held(source.size)
        self._rounds = Rounds(self.held)
        self._context = Context(self._rounds, limits)
        self._limits = limits
        self._root: int | None = None
        self._paged = False
        self._asked = 0
        self._missing_ok = False
        self._dims = True
        self._groups: dict[str, GroupLayout] = {}
        self._arrays: dict[str, ArrayLayout] = {}
        self._aliases: dict[str, str] = {}
        self._problems: dict[str, CryodataError] = {}
        self._paths: dict[int, str] = {}  # first path of each address met
        self._whole: set[str] = set()
        self._scales: dict[str, list[list[int]]] = {}
        self.feed(blocks)

    def begin(
        self,
        paths: Iterable[str] | None = None,
        *,
        shallow: Iterable[str] = (),
        missing_ok: bool = False,
        dims: bool = True,
    ) -> None:
        """Set out for some objects.

        Parameters
        ----------
        paths : iterable of str, optional
            Datasets, or groups with everything below them; None for the whole file.
        shallow : iterable of str
            Groups whose attributes and links are wanted, but not what lies below.
        missing_ok : bool
            Leave out what does not exist, instead of raising `UnknownVariableError`.
        dims : bool
            Look up dimension scales as well. They lie in a heap of their own, often far
            from everything else: reading values by path does without them.
        """
        wanted = _Wanted()
        for path in ["/"] if paths is None else paths:
            wanted.add(path, all=True)
        for path in shallow:
            wanted.add(path, all=False)
        self._missing_ok = missing_ok
        self._dims = dims or paths is None
        self._start(self._walk(wanted))

    def begin_sequences(self, layout: ArrayLayout, raw: bytes, count: int) -> None:
        """Set out for the `count` variable-length values that `raw` refers to."""
        self._start(self._sequences(layout, raw, count))

    def _start(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        self._context.forget()
        self._rounds.start(coroutine)

    def needs(self) -> list[ByteRange]:
        """Ranges to fetch before the walk can go on; empty when it has ended.

        Raises
        ------
        LimitExceededError
            Beyond `Limits.metadata_bytes`; what is read around them counts a quarter.
        """
        needs = self._rounds.needs()
        self._asked += sum(stop - start for start, stop in needs)
        if max(self._asked, self.held.nbytes // 4) > self._limits.metadata_bytes:
            raise LimitExceededError(
                f"The structure of the file takes more than {self._limits.metadata_bytes} bytes",
                url=self.source.url,
                fix="Raise Limits.metadata_bytes if you trust the file.",
            )
        return widen(needs, self.held, paged=self._paged)

    def feed(self, blocks: Iterable[Block]) -> None:
        """Take the bytes asked for."""
        for block in blocks:
            self.held.add(block.start, block.data)

    def found(self, path: str) -> ArrayLayout | None:
        """The dataset at a path, as soon as the walk knows all of its layout; else None."""
        return self._arrays.get(self._aliases.get(path, path))

    def result(self) -> Any:
        """What the walk returned; raises what it met."""
        try:
            return self._rounds.result
        except CryodataError as error:
            raise error.locate(url=self.source.url) from None

    def index(self) -> Index:
        """All that was learnt so far, by this walk and those before."""
        return Index(
            source=self.source,
            groups=self._groups,
            arrays={path: self._with_dims(array) for path, array in self._arrays.items()},
            aliases=self._aliases,
            problems=self._problems,
            whole=frozenset(self._whole),
        )

    def _with_dims(self, array: ArrayLayout) -> ArrayLayout:
        """`array` with the paths of its scales, known once all groups are read."""
        axes = self._scales.get(array.path)
        if axes is None:
            return replace(array, dims_known=False)
        dims = tuple(tuple(self._paths[a] for a in axis if a in self._paths) for axis in axes)
        return replace(array, dims=dims)

    async def _begin(self) -> int:
        """Address of the root; from here on the context knows how the file writes addresses."""
        if self._root is None:
            superblock = await read_superblock(self._context)
            # an extension is nearly always there because of paging: read it as if
            self._paged = superblock.extension is not None
            extension = await read_extension(self._context, superblock)
            self._paged = extension.paged
            if extension.shared_table is not None:
                await read_shared_table(
                    self._context, extension.shared_table, extension.shared_rows
                )
            self._root = superblock.root
        return self._root

    async def _walk(self, wanted: _Wanted) -> None:
        root = await self._begin()
        for _ in range(MOST_LINKS):
            linked = _Wanted()
            await self._visit(root, "/", wanted, linked, 0)
            if not linked.below:
                break
            wanted = linked
        else:
            raise FormatError("Soft links lead in a circle")

    async def _visit(
        self, address: int, path: str, wanted: _Wanted, linked: _Wanted, depth: int
    ) -> None:
        """One object and what is wanted below it; targets of soft links go to `linked`."""
        first = self._paths.setdefault(address, path)
        if first != path:
            self._aliases[path] = first  # a second hard link to the same object
            path = first
        if wanted.all:
            if path in self._whole and not self._lacks_scales(path):
                return
            self._whole.add(path)
        header = await read_object_header(self._context, address)
        if is_dataset(header):
            if wanted.below:
                self._absent(f"{path}/{next(iter(wanted.below))}", f"{path} is a variable", ())
            elif path not in self._arrays or self._lacks_scales(path):
                await self._read_array(header, path)
        elif is_group(header) or path == "/":
            await self._read_group(header, path, wanted, linked, depth)
        elif wanted.below:
            self._absent(f"{path}/{next(iter(wanted.below))}", f"{path} is a datatype", ())

    def _lacks_scales(self, path: str) -> bool:
        """Whether an earlier walk left out the dimension scales that this one is asked for."""
        return self._dims and path in self._arrays and path not in self._scales

    async def _read_array(self, header: ObjectHeader, path: str) -> None:
        array, (attributes, scales) = await gather(
            [read_array_layout(self._context, header, path), self._read_attributes(header)]
        )
        is_scale = _text(attributes.get("CLASS")) == "DIMENSION_SCALE"
        self._arrays[path] = replace(array, attributes=attributes, is_scale=is_scale)
        if self._dims:
            self._scales[path] = scales

    async def _read_attributes(
        self, header: ObjectHeader
    ) -> tuple[dict[str, Any], list[list[int]]]:
        """Values by name; and per axis, the addresses of its dimension scales."""
        raw = await read_raw_attributes(self._context, header)
        attributes, scales = await gather(
            [read_attributes(self._context, raw), self._read_scales(raw)]
        )
        return attributes, scales

    async def _read_scales(self, raw: Mapping[str, RawAttribute]) -> list[list[int]]:
        attribute = raw.get("DIMENSION_LIST")
        if not self._dims or attribute is None or attribute.datatype.base is None:
            return []
        count = math.prod(attribute.dataspace.shape)
        address = np.dtype(f"<u{self._context.offset_size}")
        axes = await read_sequences(self._context, address, count, attribute.data)
        return [[int(scale) for scale in axis] for axis in axes]

    async def _read_group(
        self, header: ObjectHeader, path: str, wanted: _Wanted, linked: _Wanted, depth: int
    ) -> None:
        if depth > self._limits.depth:
            raise LimitExceededError(
                f"Groups nested deeper than {self._limits.depth}",
                path=path,
                fix="Raise Limits.depth if you trust the file.",
            )
        group = self._groups.get(path)
        if group is None:
            links = await read_links(self._context, header)
            group = self._groups.setdefault(path, GroupLayout(path=path, links=links))
        jobs = []
        if group.attributes is None and (wanted.attributes or wanted.all):
            jobs.append(self._read_group_attributes(header, path))
        prefix = path.rstrip("/")
        for name, link in group.links.items():
            child = f"{prefix}/{name}"
            if link.address is not None:
                self._paths.setdefault(link.address, child)
            if name in wanted.below:
                below = wanted.below[name]
                below.all = below.all or wanted.all
                jobs.append(self._follow(link, child, below, linked, depth + 1))
            elif wanted.all:
                below = _Wanted(all=True)
                jobs.append(self._guarded(link, child, below, linked, depth + 1))
        for name in wanted.below.keys() - group.links.keys():
            self._absent(f"{prefix}/{name}", f"{path} has no {name}", group.links)
        await gather(jobs)

    async def _read_group_attributes(self, header: ObjectHeader, path: str) -> None:
        attributes, _ = await self._read_attributes(header)
        self._groups[path] = replace(self._groups[path], attributes=attributes)

    async def _guarded(
        self, link: Link, path: str, wanted: _Wanted, linked: _Wanted, depth: int
    ) -> None:
        """As `_follow`; an object nobody named is not in the way of the others."""
        try:
            await self._follow(link, path, wanted, linked, depth)
        except CryodataError as error:
            self._problems[path] = error.locate(url=self.source.url, path=path)

    async def _follow(
        self, link: Link, path: str, wanted: _Wanted, linked: _Wanted, depth: int
    ) -> None:
        if link.address is not None:
            try:
                await self._visit(link.address, path, wanted, linked, depth)
            except CryodataError as error:
                raise error.locate(url=self.source.url, path=path) from None
        elif link.kind == "soft":
            target = _absolute(link.target, path)
            self._aliases[path] = target
            if not wanted.all or wanted.attributes:  # a whole walk meets the target anyway
                linked.merge(target, wanted)
        else:
            raise UnsupportedError(
                f"The {link.kind} link to {link.target!r} is not followed",
                url=self.source.url,
                path=path,
                fix="Open the file it points to by itself.",
            )

    def _absent(self, path: str, what: str, known: Iterable[str]) -> None:
        if not self._missing_ok:
            name = path.rsplit("/", 1)[-1]
            raise UnknownVariableError(what, url=self.source.url, fix=close_names(name, known))

    async def _sequences(self, layout: ArrayLayout, raw: bytes, count: int) -> list[Any]:
        await self._begin()  # the structure may be known from elsewhere, and nothing walked yet
        return await read_sequences(self._context, layout.element, count, raw, layout.fill)


def _absolute(target: str, link: str) -> str:
    """Where a soft link leads; HDF5 knows ``.`` but takes ``..`` for a name."""
    base = "" if target.startswith("/") else link.rpartition("/")[0]
    parts = [part for part in f"{base}/{target}".split("/") if part not in ("", ".")]
    return "/" + "/".join(parts)


def _text(value: Any) -> str:
    """An attribute that should be a string, whichever way it was written."""
    if isinstance(value, bytes):
        return value.decode("ascii", "replace")
    return value if isinstance(value, str) else ""
