"""What the table of a gridded product says: where its cells lie, and how to tell its files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Self

from cryodata.errors import ProductError
from cryodata.products.parts import need_text, plain_fields, rebuild

__all__ = ["Grid", "Lattice"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lattice:
    """A grid that a product is known to lie on, for files that hold no axes.

    Its middle is the origin of its projection: column i lies at
    ``(i - (columns - 1) / 2) * cell``, row j at ``((rows - 1) / 2 - j) * cell``.

    Attributes
    ----------
    rows, columns : int
        By which it is recognised.
    cell : float
        Edge of a cell, m.
    crs : str
        ``EPSG:6933``.
    """

    rows: int
    columns: int
    cell: float
    crs: str

    def __post_init__(self) -> None:
        need_text(self, "crs")
        if min(self.rows, self.columns) < 1 or not self.cell > 0:
            raise ProductError("a lattice has rows, columns and a cell of some size")


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Where a gridded product keeps its cells.

    Names are relative to the group of the grid; those with a slash in front, to the root.

    Attributes
    ----------
    groups : tuple of str
        Groups with a grid each; the first that is there is the one `cryodata.open` gives.
        ``""`` is the root. ``*`` stands for anything: ``dhdt_lag*``.
    layers : tuple of str
        Groups that hold one layer each of the same grid, one after the other in time:
        ``daily/day*``. Together they are called as what is before the last slash.
    x, y : str
        Variables with the centres of columns and rows, in the units of the projection; or
        with degrees east and north, where the projection is geographic.
    latitude, longitude : str
        Variables with degrees of the centre of each cell; empty where there are none. What
        places the cells where there are no axes and no lattice; else, a check.
    lattices : tuple of Lattice
        What files without axes lie on.
    time : str
        Variable with the time of each layer, in the units it says or as seconds since the
        product's epoch; ``name@attribute`` where an attribute of a variable has the time
        of the only layer. Empty where there is none inside.
    mapping : str
        Variable that carries the projection, CF's ``grid_mapping``. Empty where there is
        none, or where `crs` is to be believed rather.
    crs : mapping of str to str
        The projection where the file does not say: what its name contains to ``EPSG:3413``;
        ``""`` for all names.
    made_up : tuple of str
        Names of axes before rows and columns, where the file names none: ``am_pm``.
    default : tuple of str
        Variables read when none are named, of those that the group has; empty for all.
    names : tuple of str
        Regular expressions for the names of files. Groups: ``date`` (UTC, yyyy to
        yyyymmddThhmmss), ``release``, ``revision``; any other tells files apart.
    marks : mapping of str to str
        An attribute of the root to what it contains in files of this product.
    """

    groups: tuple[str, ...] = ("",)
    layers: tuple[str, ...] = ()
    x: str = "x"
    y: str = "y"
    latitude: str = ""
    longitude: str = ""
    lattices: tuple[Lattice, ...] = ()
    time: str = ""
    mapping: str = ""
    crs: Mapping[str, str] = field(default_factory=dict)
    made_up: tuple[str, ...] = ()
    default: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    marks: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        need_text(self, "x", "y")
        groups = (*self.groups, *self.layers)
        if not self.groups or len(set(groups)) != len(groups):
            raise ProductError("a grid names its groups, each once")
        if bool(self.latitude) != bool(self.longitude):
            raise ProductError("a grid has one of latitude and longitude only")
        for pattern in self.names:
            try:
                re.compile(pattern)
            except re.error as error:
                raise ProductError(f"{pattern!r} is no regular expression: {error}") from error
        for name in ("crs", "marks"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))

    def __reduce__(self) -> tuple[Any, ...]:
        return rebuild, (Grid, plain_fields(self))

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> Self:
        """The grid of a TOML table."""
        lattices = tuple(Lattice(**lattice) for lattice in table.get("lattices", ()))
        return cls(**{**table, "lattices": lattices})

    def crs_of(self, file_name: str) -> str:
        """The projection the table gives a file of that name; empty where it gives none."""
        last = file_name.rstrip("/").rsplit("/", 1)[-1]
        fitting = [part for part in self.crs if part in last]
        return self.crs[max(fitting, key=len)] if fitting else ""
