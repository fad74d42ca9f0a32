"""One grid of one file: its variables, where its cells lie, and the times of its layers."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import numpy as np

from cryodata.attributes import decode_attributes
from cryodata.errors import (
    CryodataError,
    FormatError,
    MissingDependencyError,
    UnknownVariableError,
    close_names,
)
from cryodata.granule import GranuleFile
from cryodata.index import Index
from cryodata.instants import instant_of, instants
from cryodata.netcdf import NetcdfGroup, NetcdfVariable, netcdf_groups
from cryodata.products import Grid, GridName, Lattice, Product, read_name
from cryodata.projection import describe, known_projection, wkt_of
from cryodata.types import AnyArray

__all__ = ["MADE_UP", "Slab", "find_slabs", "groups_of", "unreadable"]

MADE_UP = "phony_dim_"
"""Begins the names of dimensions that the file does not name."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Slab:
    """A group of a file that holds a grid, or some layers of one.

    Attributes
    ----------
    file : GranuleFile
    group : str
        Absolute path.
    name : GridName or None
        What the file's name says.
    content : NetcdfGroup
    attributes : mapping
        Of the root and the group.
    axes : mapping of str to NetcdfVariable
        ``x``, ``y``, ``time``, as far as the file has them.
    values : mapping of str to array
        Of the axes: x and y as stored, or of the lattice; time as datetime64[ns].
    places : tuple of NetcdfVariable, or None
        Degrees north and east of each cell, where the file has them.
    lattice : Lattice or None
        What the cells lie on, where the file has no axes.
    mapping : str
        Variable that carries the projection; empty where none does.
    projection : mapping
        Attributes of the projection; empty where it is not known.
    """

    file: GranuleFile
    group: str
    name: GridName | None
    content: NetcdfGroup
    attributes: Mapping[str, Any]
    axes: Mapping[str, NetcdfVariable]
    values: Mapping[str, AnyArray]
    places: tuple[NetcdfVariable, NetcdfVariable] | None
    lattice: Lattice | None
    mapping: str
    projection: Mapping[str, Any]

    @property
    def times(self) -> AnyArray | None:
        """(layer,) datetime64[ns]; None where neither file nor name tell the time."""
        return self.values.get("time")


def find_slabs(file: GranuleFile, product: Product, group: str | None) -> list[Slab]:
    """The grid of a file; several slabs where its layers lie in groups of their own.

    Parameters
    ----------
    file : GranuleFile
    product : Product
        With a grid.
    group : str, optional
        Which of its grids; None for the first that is there.

    Raises
    ------
    UnknownVariableError
        There is no such grid.
    FormatError
        Axes or times that are none.
    """
    paths = _paths_of(file, product, group)
    index = _walk(file, paths)
    return [_Finder(file, product, index, path).slab() for path in paths]


def _paths_of(file: GranuleFile, product: Product, group: str | None) -> list[str]:
    """Absolute paths of the groups of one grid; not all are looked for where one will do."""
    grid = product.grid
    assert grid is not None
    wanted = None if group is None else group.strip("/")
    for pattern in (*grid.groups, *grid.layers):
        if wanted is None:
            paths = _matching(file, pattern)
            if paths:
                return paths if pattern in grid.layers else paths[:1]
        elif fnmatchcase(wanted, pattern) and (paths := _matching(file, wanted)):
            return paths
        elif pattern in grid.layers and wanted == pattern.rpartition("/")[0]:
            paths = _matching(file, pattern)
            if paths:
                return paths
    grids = groups_of(file, product)
    raise UnknownVariableError(
        f"There is no grid {'at all' if group is None else repr(group)}",
        url=file.url,
        fix=close_names(group or "", grids) or "cryodata.open_tree shows what there is.",
    )


def groups_of(file: GranuleFile, product: Product) -> dict[str, list[str]]:
    """The grids of a file: what each is called to the absolute paths of its groups."""
    assert product.grid is not None
    found: dict[str, list[str]] = {}
    for pattern in product.grid.groups:
        for path in _matching(file, pattern):
            found.setdefault(path.strip("/"), [path])
    for pattern in product.grid.layers:
        paths = _matching(file, pattern)
        if paths:
            found.setdefault(pattern.rpartition("/")[0], paths)
    return found


def _matching(file: GranuleFile, pattern: str) -> list[str]:
    """Absolute paths of the groups that a pattern stands for."""
    paths = ["/"]
    for part in filter(None, pattern.split("/")):
        index = file.walk([], shallow=paths, missing_ok=True)
        below = []
        for path in paths:
            group = index.groups.get(index.resolve(path))
            names = sorted(group.links, key=_natural) if group is not None else []
            below += [_join(path, name) for name in names if fnmatchcase(name, part)]
        index = file.walk([], shallow=below, missing_ok=True)
        paths = [path for path in below if index.resolve(path) in index.groups]
    return paths


def _natural(name: str) -> tuple[str, int]:
    """``dhdt_lag4`` before ``dhdt_lag12``."""
    head = name.rstrip("0123456789")
    return head, int(name[len(head) :] or 0)


def _join(path: str, name: str) -> str:
    return f"{path.rstrip('/')}/{name}"


def _above(path: str) -> list[str]:
    """A group and those above it, the root first."""
    parts = [part for part in path.split("/") if part]
    return ["/", *("/" + "/".join(parts[: i + 1]) for i in range(len(parts)))]


def _walk(file: GranuleFile, paths: Sequence[str]) -> Index:
    """What is known once all members of some groups, and of those above, were looked at."""
    chain = list(dict.fromkeys(step for path in paths for step in _above(path)))
    index = file.walk([], shallow=chain)
    members = [
        _join(path, name) for path in chain for name in index.groups[index.resolve(path)].links
    ]
    try:
        return file.walk([], shallow=members)
    except CryodataError:  # a member cannot be read: the walk of all notes which, and goes on
        return file.walk(list(paths))


@dataclass(slots=True)
class _Finder:
    """Looks for axes, times and the projection of one group."""

    file: GranuleFile
    product: Product
    index: Index
    path: str

    @property
    def grid(self) -> Grid:
        assert self.product.grid is not None
        return self.product.grid

    def slab(self) -> Slab:
        (content,) = netcdf_groups(self.index, self.path, below=False)
        name = read_name(self.product, self.file.url)
        axes = self._axes(content)
        lattice = None if "x" in axes else self._lattice(content)
        values = self._values(axes, content, name)
        if lattice is not None:
            rows, columns = np.arange(lattice.rows), np.arange(lattice.columns)
            values["x"] = (columns - (lattice.columns - 1) / 2) * lattice.cell
            values["y"] = ((lattice.rows - 1) / 2 - rows) * lattice.cell
        mapping, projection = self._projection(content, lattice)
        root = decode_attributes(self.index.groups[self.index.resolve("/")].attributes or {})
        return Slab(
            file=self.file,
            group=self.path,
            name=name,
            content=content,
            attributes=root | dict(content.attributes),
            axes=axes,
            values=values,
            places=self._places(content),
            lattice=lattice,
            mapping=mapping,
            projection=projection,
        )

    def _variable(self, name: str, content: NetcdfGroup) -> NetcdfVariable | None:
        """A variable of the group; of another where the name begins with a slash."""
        if not name.startswith("/"):
            return content.variables.get(name)
        parent, _, last = name.rpartition("/")
        if self.index.resolve(parent or "/") not in self.index.groups:
            return None
        (other,) = netcdf_groups(self.index, parent or "/", below=False)
        return other.variables.get(last)

    def _axes(self, content: NetcdfGroup) -> dict[str, NetcdfVariable]:
        found = {}
        for axis, name in {"x": self.grid.x, "y": self.grid.y}.items():
            variable = self._variable(name, content) or self._variable(axis, content)
            if variable is not None and len(variable.shape) == 1:
                found[axis] = variable
        if len(found) == 1:
            missing = next(axis for axis in "xy" if axis not in found)
            raise FormatError(f"The grid has no axis {missing}", url=self.file.url, path=self.path)
        named = self.grid.time and "@" not in self.grid.time
        time = self._variable(self.grid.time, content) if named else None
        if time is not None:
            found["time"] = time
        return found

    def _places(self, content: NetcdfGroup) -> tuple[NetcdfVariable, NetcdfVariable] | None:
        if not self.grid.latitude:
            return None
        latitude = self._variable(self.grid.latitude, content)
        longitude = self._variable(self.grid.longitude, content)
        if latitude is None or longitude is None or latitude.shape != longitude.shape:
            return None
        return (latitude, longitude) if len(latitude.shape) > 1 else None

    def _lattice(self, content: NetcdfGroup) -> Lattice | None:
        shapes = {variable.shape for variable in content.variables.values()}
        for lattice in self.grid.lattices:
            size = (lattice.rows, lattice.columns)
            if any(size in itertools.pairwise(shape) for shape in shapes):
                return lattice
        return None

    def _values(
        self, axes: Mapping[str, NetcdfVariable], content: NetcdfGroup, name: GridName | None
    ) -> dict[str, AnyArray]:
        """Of the axes, read in one plan."""
        blocks = self.file.read([(axis.layout.path, None) for axis in axes.values()])
        values = dict(zip(axes, blocks, strict=True))
        for axis in {"x", "y"} & set(values):
            stored = values[axis]
            values[axis] = stored.astype(stored.dtype.newbyteorder("="), copy=False)
            if not np.isfinite(values[axis]).all():
                where = axes[axis].layout.path
                raise FormatError("An axis holds what is no number", url=self.file.url, path=where)
        teller, _, attribute = self.grid.time.partition("@")
        told = self._variable(teller, content) if attribute else None
        if "time" in axes:
            values["time"] = self._times(axes["time"], values["time"])
        elif told is not None:
            values["time"] = self._told(told, attribute)
        elif name is not None and name.start is not None:
            values["time"] = np.array([name.start])
        return values

    def _told(self, variable: NetcdfVariable, attribute: str) -> AnyArray:
        """The time of the only layer, which an attribute tells."""
        said = decode_attributes(variable.layout.attributes).get(attribute, "")
        try:
            return np.array([instant_of(str(said))])
        except FormatError as error:
            raise error.locate(url=self.file.url, path=variable.layout.path) from error.__cause__

    def _times(self, variable: NetcdfVariable, stored: AnyArray) -> AnyArray:
        attributes = decode_attributes(variable.layout.attributes)
        path = variable.layout.path
        try:
            numbers = np.atleast_1d(stored).astype("f8")
            for fill in np.atleast_1d(attributes.get("_FillValue", ())):
                numbers[numbers == float(fill)] = np.nan
            units = str(attributes.get("units", ""))
            if "since" not in units and self.product.epoch is not None:
                units = f"seconds since {str(self.product.epoch.astype('M8[s]')).replace('T', ' ')}"
            return instants(numbers, units, str(attributes.get("calendar", "standard")))
        except FormatError as error:
            raise error.locate(url=self.file.url, path=path) from error.__cause__

    def _projection(
        self, content: NetcdfGroup, lattice: Lattice | None
    ) -> tuple[str, dict[str, Any]]:
        """Name of the variable that carries the projection, and its attributes with WKT.

        What the table gives counts where the table names no variable to trust.
        """
        known = lattice.crs if lattice is not None else self.grid.crs_of(self.file.url)
        name = self._mapping_name(content)
        variable = self._variable(name, content) if name else None
        said = {} if variable is None else decode_attributes(variable.layout.attributes)
        hidden = name.rpartition("/")[2] if variable is not None else ""
        try:
            if lattice is None and (self.grid.mapping or not known):
                wkt = wkt_of(said)
                if wkt:
                    return hidden, said | {"crs_wkt": wkt}
            return hidden, describe(known_projection(known)) if known else {}
        except MissingDependencyError:  # open it all the same; only a region needs to know
            return hidden, said | ({"epsg_code": known} if known else {})
        except FormatError as error:
            raise error.locate(url=self.file.url, path=name) from error.__cause__

    def _mapping_name(self, content: NetcdfGroup) -> str:
        """The mapping of the table, or the one that variables name."""
        if self.grid.mapping and self._variable(self.grid.mapping, content) is not None:
            return self.grid.mapping
        for variable in content.variables.values():
            said = decode_attributes(variable.layout.attributes).get("grid_mapping")
            if isinstance(said, str) and said.strip():
                name = said.split()[0].rstrip(":")  # "crs: y x" names the axes, too
                if self._variable(name, content) is not None:
                    return name
        return ""


def unreadable(slabs: Sequence[Slab], name: str = "") -> None:
    """Raise the error of a member that cannot be read; of any, where none is named."""
    for slab in slabs:
        for member, problem in slab.content.unreadable.items():
            if name in {"", member}:
                error = copy.copy(problem)
                error.fix = "Name the variables you want: variables=[...]."
                raise error.locate(url=slab.file.url)
