"""What is known of a product before any of its files is opened: a table, never code."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Any, Self

import numpy as np

from cryodata.errors import ProductError

__all__ = ["Flag", "Product", "Rate", "Release"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """One row axis of a track: the variables that share it, and what places its rows.

    Attributes
    ----------
    dimension : str
        Name of the row dimension: ``photon``, ``segment``, ...
    group : str
        Group that holds the rows, relative to the track: ``heights``.
    time : str
        Variable with the time of each row, s since the product's epoch; relative to `group`.
    latitude, longitude : str
        Variables with degrees north and east; relative to `group`. Empty where the
        rate has no place of its own.
    default : tuple of str
        Variables read when none are named; relative to `group`, without time and place.
    """

    dimension: str
    group: str
    time: str
    latitude: str = ""
    longitude: str = ""
    default: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _need_text(self, "dimension", "group", "time")
        if not self.dimension.isidentifier():
            raise ProductError(f"{self.dimension!r} cannot name a dimension")
        if bool(self.latitude) != bool(self.longitude):
            raise ProductError(f"rate {self.dimension} has one of latitude and longitude only")
        if len(set(self.default)) != len(self.default):
            raise ProductError(f"rate {self.dimension} lists a default variable twice")

    @property
    def coordinates(self) -> dict[str, str]:
        """Name in a Dataset to name in the file, for the place and time of the rows."""
        named = {"time": self.time, "latitude": self.latitude, "longitude": self.longitude}
        return {name: path for name, path in named.items() if path}


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """What the numbers of a flag variable mean, and which of them are good.

    Attributes
    ----------
    variable : str
        Relative to the track: ``heights/quality_ph``.
    words : mapping of str to int
        Word to stored value, as in ``flag_meanings`` and ``flag_values``.
    good : tuple of str
        The words a careful user keeps when nothing else is said.
    columns : tuple of str
        Names of the columns where the variable has one per surface.
    """

    variable: str
    words: Mapping[str, int]
    good: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _need_text(self, "variable")
        if unknown := set(self.good) - set(self.words):
            raise ProductError(f"flag {self.variable}: good words without value: {unknown}")
        if not all(isinstance(value, int) for value in self.words.values()):
            raise ProductError(f"flag {self.variable}: values must be integers")
        object.__setattr__(self, "words", MappingProxyType(dict(self.words)))

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuild_flag, (self.variable, dict(self.words), self.good, self.columns))


def _rebuild_flag(
    variable: str, words: dict[str, int], good: tuple[str, ...], columns: tuple[str, ...]
) -> Flag:
    return Flag(variable=variable, words=words, good=good, columns=columns)


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """What a release of a product does otherwise than the table says.

    Attributes
    ----------
    number : str
        ``007``.
    notes : tuple of str
        Differences that a reader of several releases must know, a sentence each.
    flags : tuple of Flag
        Replace the product's flags of the same variable.
    """

    number: str
    notes: tuple[str, ...] = ()
    flags: tuple[Flag, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """One product: where its rows lie and what its words mean.

    Attributes
    ----------
    short_name : str
        ``ATL06``.
    title : str
        In words.
    doi : str
        Digital object identifier, with ``{release}`` where it changes with the release.
    epoch : numpy.datetime64
        UTC instant at which the times are zero.
    tracks : tuple of str
        Groups that hold one track each, in the order of the rows: ``gt1l``, ...
    rows : str
        Dimension of the rate that `cryodata.open` gives.
    rates : tuple of Rate
    dimensions : mapping of str to (tuple of str)
        Names of the axes after the first, for variables (relative to the track) whose
        file may have lost its dimension scales.
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
    epoch: np.datetime64
    tracks: tuple[str, ...]
    rows: str
    rates: tuple[Rate, ...]
    dimensions: Mapping[str, tuple[str, ...]]
    zone_maps: tuple[str, ...] = ()
    flags: tuple[Flag, ...] = ()
    releases: tuple[Release, ...] = ()

    def __post_init__(self) -> None:
        _need_text(self, "short_name", "title", "doi", "rows")
        if not self.tracks or len(set(self.tracks)) != len(self.tracks):
            raise ProductError(f"{self.short_name}: tracks must be named, each once")
        names = [rate.dimension for rate in self.rates]
        if len(set(names)) != len(names):
            raise ProductError(f"{self.short_name}: two rates share a row dimension")
        if self.rows not in names:
            raise ProductError(f"{self.short_name}: no rate has the rows {self.rows!r}")
        object.__setattr__(self, "dimensions", MappingProxyType(dict(self.dimensions)))

    def __reduce__(self) -> tuple[Any, ...]:
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return (_rebuild_product, (values | {"dimensions": dict(self.dimensions)},))

    @property
    def rate(self) -> Rate:
        """The rate that `cryodata.open` gives."""
        return next(rate for rate in self.rates if rate.dimension == self.rows)

    def rate_of(self, path: str) -> Rate | None:
        """The rate whose group holds `path` (relative to the track), the nearest one."""
        inside = [r for r in self.rates if (path + "/").startswith(r.group + "/")]
        return max(inside, key=lambda rate: len(rate.group), default=None)

    def flags_of(self, release: str) -> dict[str, Flag]:
        """Variable (relative to the track) to its words in a release."""
        changed = [flag for r in self.releases if r.number == release for flag in r.flags]
        return {flag.variable: flag for flag in (*self.flags, *changed)}

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
            return cls._from_table(table)
        except (TypeError, KeyError, ValueError) as error:
            if isinstance(error, ProductError):
                raise
            raise ProductError(f"The table of {name} is wrong: {error}") from error

    @classmethod
    def _from_table(cls, table: dict[str, Any]) -> Self:
        table = _frozen(table)
        return cls(
            **{
                **table,
                "epoch": np.datetime64(table["epoch"], "ns"),
                "rates": tuple(Rate(**rate) for rate in table["rates"]),
                "dimensions": table.get("dimensions", {}),
                "flags": tuple(Flag(**flag) for flag in table.get("flags", ())),
                "releases": tuple(
                    Release(
                        **release | {"flags": tuple(Flag(**f) for f in release.get("flags", ()))}
                    )
                    for release in table.get("releases", ())
                ),
            }
        )


def _rebuild_product(values: dict[str, Any]) -> Product:
    return Product(**values)


def _frozen(value: Any) -> Any:
    """TOML arrays as tuples, all the way down."""
    if isinstance(value, list):
        return tuple(_frozen(item) for item in value)
    if isinstance(value, dict):
        return {key: _frozen(item) for key, item in value.items()}
    return value


def _need_text(table: Any, *names: str) -> None:
    for name in names:
        value = getattr(table, name)
        if not isinstance(value, str) or not value:
            raise ProductError(f"{type(table).__name__}.{name} must be a text, not {value!r}")
