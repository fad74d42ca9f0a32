"""What is known of a product before any of its files is opened: a table, never code."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Self

import numpy as np

from cryodata.errors import ProductError
from cryodata.products.gridded import Grid
from cryodata.products.parts import (
    Flag,
    Nesting,
    Rate,
    Reference,
    Release,
    join_path,
    need_text,
    plain_fields,
    rebuild,
)

__all__ = ["Product"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """One product: where its rows or cells lie, and what its words mean.

    Attributes
    ----------
    short_name : str
        ``ATL06``.
    title : str
        In words.
    doi : str
        Digital object identifier, with ``{release}`` where it changes with the release.
    epoch : numpy.datetime64 or None
        UTC instant at which the times are zero; None for grids, whose times say it.
    tracks : tuple of str
        Groups that hold one track each, in the order of the rows: ``gt1l``, ... ``""`` is
        the root, for products of a single track. None for grids.
    rows : str
        Dimension of the rate that `cryodata.open` gives.
    of_regions : bool
        A granule lies in the orbit region (1-14) that its name gives. False where granules
        are cut otherwise, whatever the number in their names.
    rates : tuple of Rate
    grid : Grid or None
        A product has either rates or a grid.
    nestings : tuple of Nesting
    references : tuple of Reference
    dimensions : mapping of str to (tuple of str)
        Names of the axes after the first, for variables (relative to the track) whose
        file may have lost its dimension scales.
    labels : mapping of str to str
        One of those names to the variable (relative to the track) that labels it.
    zone_maps : tuple of str
        Variables (relative to the track) whose minima and maxima per chunk are worth
        keeping, because rows are chosen by them.
    flags : tuple of Flag
    releases : tuple of Release

    Raises
    ------
    ProductError
        If the table contradicts itself.
    """

    short_name: str
    title: str
    doi: str
    epoch: np.datetime64 | None = None
    tracks: tuple[str, ...] = ()
    rows: str = ""
    of_regions: bool = False
    rates: tuple[Rate, ...] = ()
    grid: Grid | None = None
    nestings: tuple[Nesting, ...] = ()
    references: tuple[Reference, ...] = ()
    dimensions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    zone_maps: tuple[str, ...] = ()
    flags: tuple[Flag, ...] = ()
    releases: tuple[Release, ...] = ()

    def __post_init__(self) -> None:
        need_text(self, "short_name", "title", "doi")
        if (self.grid is None) == (not self.rates):
            raise ProductError(f"{self.short_name}: a product has either rates or a grid")
        if self.rates:
            self._check_tracks()
        for name in ("dimensions", "labels"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))

    def _check_tracks(self) -> None:
        name = self.short_name
        need_text(self, "rows")
        if not self.tracks or len(set(self.tracks)) != len(self.tracks):
            raise ProductError(f"{name}: tracks must be named, each once")
        dimensions = [rate.dimension for rate in self.rates]
        if len(set(dimensions)) != len(dimensions):
            raise ProductError(f"{name}: two rates share a row dimension")
        if self.rows not in dimensions:
            raise ProductError(f"{name}: no rate has the rows {self.rows!r}")
        if self.epoch is None and any(rate.time for rate in self.rates):
            raise ProductError(f"{name}: times need an epoch")
        named = {rows for nesting in self.nestings for rows in (nesting.coarse, nesting.fine)}
        named |= {reference.dimension for reference in self.references}
        if unknown := named - set(dimensions):
            raise ProductError(f"{name}: no rate has the rows {', '.join(sorted(unknown))}")

    def __reduce__(self) -> tuple[Any, ...]:
        return rebuild, (Product, plain_fields(self))

    def __hash__(self) -> int:
        """Of what tells most tables apart; mappings have no hash."""
        return hash((self.short_name, self.title, self.doi, self.tracks, self.rows))

    @property
    def rate(self) -> Rate:
        """The rate that `cryodata.open` gives.

        Raises
        ------
        ProductError
            The product is a grid.
        """
        return self.rate_along(self.rows)

    def rate_along(self, dimension: str) -> Rate:
        """The rate of a row dimension.

        Raises
        ------
        ProductError
            There is none.
        """
        for rate in self.rates:
            if rate.dimension == dimension:
                return rate
        raise ProductError(f"{self.short_name} has no rows called {dimension!r}")

    def rate_of(self, path: str) -> Rate | None:
        """The rate whose group holds `path` (relative to the track), the nearest one."""
        inside = [r for r in self.rates if (path + "/").startswith(r.group and r.group + "/")]
        return max(inside, key=lambda rate: len(rate.group), default=None)

    def release(self, number: str) -> Release | None:
        """What is said of a release, or None where it is as the table says."""
        return next((r for r in self.releases if number in r.numbers), None)

    def flags_of(self, release: str) -> dict[str, Flag]:
        """Variable (relative to the track) to its words in a release."""
        said = self.release(release)
        return {flag.variable: flag for flag in (*self.flags, *(said.flags if said else ()))}

    def as_of(self, release: str) -> Product:
        """The table with the names that a release uses; the same object where it has none.

        What is found by it is called as the newest release calls it all the same: see
        `name_in`.

        Raises
        ------
        ProductError
            The names take a variable of a rate out of the rate's group.
        """
        said = self.release(release)
        if said is None or not said.names:
            return self

        def renamed(path: str) -> str:
            return _renamed(path, said.names)

        return replace(
            self,
            rates=tuple(_rate_as_of(rate, said.names) for rate in self.rates),
            nestings=tuple(
                replace(
                    n,
                    first=renamed(n.first),
                    count=renamed(n.count),
                    identity=renamed(n.identity),
                )
                for n in self.nestings
            ),
            references=tuple(
                replace(r, index=renamed(r.index), identity=renamed(r.identity))
                for r in self.references
            ),
            dimensions={renamed(path): names for path, names in self.dimensions.items()},
            labels={name: renamed(path) for name, path in self.labels.items()},
            zone_maps=tuple(map(renamed, self.zone_maps)),
            flags=tuple(replace(f, variable=renamed(f.variable)) for f in self.flags),
        )

    def name_in(self, release: str, path: str) -> str:
        """What the table calls a path (relative to the track) of a release."""
        said = self.release(release)
        if said is None:
            return path
        return _renamed(path, {theirs: ours for ours, theirs in said.names.items()})

    def name_by(self, release: str, path: str) -> str:
        """What a release calls a path (relative to the track) of the table."""
        said = self.release(release)
        return path if said is None else _renamed(path, said.names)

    @classmethod
    def from_toml(cls, text: str) -> Self:
        """Read a table.

        Raises
        ------
        ProductError
            If it is no TOML, lacks a key or has one too many, or contradicts itself.
        """
        try:
            table = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise ProductError(f"The product table is no TOML: {error}") from error
        name = table.get("short_name", "a product without short_name")
        try:
            return cls._from_table(_frozen(table))
        except (TypeError, KeyError, ValueError, AttributeError) as error:
            if isinstance(error, ProductError):
                raise
            raise ProductError(f"The table of {name} is wrong: {error}") from error

    @classmethod
    def _from_table(cls, table: dict[str, Any]) -> Self:
        parts: dict[str, Any] = {
            "rates": tuple(Rate(**rate) for rate in table.get("rates", ())),
            "nestings": tuple(Nesting(**nesting) for nesting in table.get("nestings", ())),
            "references": tuple(Reference(**one) for one in table.get("references", ())),
            "flags": tuple(Flag(**flag) for flag in table.get("flags", ())),
            "releases": tuple(
                Release(**release | {"flags": tuple(Flag(**f) for f in release.get("flags", ()))})
                for release in table.get("releases", ())
            ),
        }
        if "epoch" in table:
            parts["epoch"] = np.datetime64(table["epoch"], "ns")
        if "grid" in table:
            parts["grid"] = Grid.from_table(table["grid"])
        return cls(**table | parts)


def _rate_as_of(rate: Rate, names: Mapping[str, str]) -> Rate:
    group = _renamed(rate.group, names) if rate.group else ""

    def inside(name: str) -> str:
        if not name:
            return ""
        path = _renamed(join_path(rate.group, name), names)
        if not path.startswith(group and group + "/"):
            raise ProductError(f"names: {path} would lie outside of {group}, its rate's group")
        return path.removeprefix(group and group + "/")

    return replace(
        rate,
        group=group,
        time=inside(rate.time),
        latitude=inside(rate.latitude),
        longitude=inside(rate.longitude),
        default=tuple(map(inside, rate.default)),
    )


def _renamed(path: str, names: Mapping[str, str]) -> str:
    """A path by other names: its own, or of the nearest group above it that has one."""
    parts = path.split("/")
    for depth in range(len(parts), 0, -1):
        name = names.get("/".join(parts[:depth]))
        if name is not None:
            return join_path(name, *parts[depth:])
    return path


def _frozen(value: Any) -> Any:
    """TOML arrays as tuples, all the way down."""
    if isinstance(value, list):
        return tuple(_frozen(item) for item in value)
    if isinstance(value, dict):
        return {key: _frozen(item) for key, item in value.items()}
    return value
