"""One grid of one file: its variables, where its cells lie, and the times of its layers."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cryodata.attributes import decode_attributes
from cryodata.errors import (
    FormatError,
    MissingDependencyError,
)
from cryodata.granule import GranuleFile
from cryodata.grids.instants import instant_of, instants
from cryodata.grids.projection import describe, known_projection, wkt_of
from cryodata.index import Index
from cryodata.netcdf import NetcdfGroup, NetcdfVariable, netcdf_groups
from cryodata.products import Grid, GridName, Lattice, Product, read_name
from cryodata.types import AnyArray

__all__ = ["MADE_UP", "Slab", "read_slab", "unreadable"]

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


def read_slab(file: GranuleFile, product: Product, index: Index, path: str) -> Slab:
    """A group as a slab; its axes are read.

    Parameters
    ----------
    file : GranuleFile
    product : Product
        With a grid.
    index : Index
        That knows all members of the group, and of those above.
    path : str
        Absolute, of the group.

    Raises
    ------
    FormatError
        Axes, times or a projection that are none.
    """
    return _Finder(file, product, index, path).slab()


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
