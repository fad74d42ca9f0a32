"""What a product's table is made of: row axes, flags, releases. Frozen, checked, no code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any

from cryodata.errors import ProductError

__all__ = [
    "Flag",
    "Nesting",
    "Rate",
    "Reference",
    "Release",
    "join_path",
    "need_text",
    "plain_fields",
    "rebuild",
]


def join_path(*parts: str) -> str:
    """Parts of a path, the empty ones left out: ``join_path("gt1l", "", "h")`` is ``gt1l/h``."""
    return "/".join(part for part in parts if part)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """One row axis of a track: the variables that share it, and what places its rows.

    Attributes
    ----------
    dimension : str
        Name of the row dimension: ``photon``, ``segment``, ...
    group : str
        Group that holds the rows, relative to the track: ``heights``. Empty where they lie
        in the track's own group.
    time : str
        Variable with the time of each row, s since the product's epoch; relative to `group`.
        Empty where the rows have none.
    latitude, longitude : str
        Variables with degrees north and east; relative to `group`. Empty where the
        rate has no place of its own.
    default : tuple of str
        Variables read when none are named; relative to `group`, without time and place.
    """

    dimension: str
    group: str = ""
    time: str = ""
    latitude: str = ""
    longitude: str = ""
    default: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        need_text(self, "dimension")
        if not self.dimension.isidentifier():
            raise ProductError(f"{self.dimension!r} cannot name a dimension")
        if bool(self.latitude) != bool(self.longitude):
            raise ProductError(f"rate {self.dimension} has one of latitude and longitude only")
        if not (self.coordinates or self.default):
            raise ProductError(f"rate {self.dimension} has no variable")
        if len(set(self.default)) != len(self.default):
            raise ProductError(f"rate {self.dimension} lists a default variable twice")

    @property
    def coordinates(self) -> dict[str, str]:
        """Name in a Dataset to name in the file, for the place and time of the rows."""
        named = {"time": self.time, "latitude": self.latitude, "longitude": self.longitude}
        return {name: path for name, path in named.items() if path}

    def path(self, name: str) -> str:
        """A variable relative to the track, from its name relative to `group`."""
        return join_path(self.group, name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Nesting:
    """How the rows of a coarse rate hold those of a fine one: segments hold photons.

    Attributes
    ----------
    coarse, fine : str
        Dimensions of the two rates.
    first : str
        Variable of the coarse rate, relative to the track: row of the first fine one,
        counted **from 1**; 0 where there is none.
    count : str
        Variable of the coarse rate, relative to the track: number of fine rows.
    identity : str
        Variable of the coarse rate, relative to the track, that other products name a
        coarse row by. Empty where there is none.
    """

    coarse: str
    fine: str
    first: str
    count: str
    identity: str = ""

    def __post_init__(self) -> None:
        need_text(self, "coarse", "fine", "first", "count")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """How rows of this product name rows of another one: classified photons those of ATL03.

    Attributes
    ----------
    dimension : str
        Dimension of the rate whose rows refer.
    product, rows : str
        Short name of the other product, and dimension of the rate that is referred to.
    index : str
        Variable, relative to the track: which of the other product's rows, counted from
        `start`.
    start : int
        0 or 1.
    identity : str
        Variable, relative to the track, with the `Nesting.identity` of the coarse row in
        whose rows `index` counts. Empty where it counts in all rows of the track.
    classes : str
        Variable, relative to the track, with the class of each row referred to.
    """

    dimension: str
    product: str
    rows: str
    index: str
    start: int
    identity: str = ""
    classes: str = ""

    def __post_init__(self) -> None:
        need_text(self, "dimension", "product", "rows", "index", "classes")
        if self.start not in {0, 1}:
            raise ProductError(f"a reference counts from 0 or 1, not from {self.start!r}")


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
        Where the variable has several columns, such as one per surface: the name by which
        each is asked for alone, ``signal_conf_land_ice``.
    """

    variable: str
    words: Mapping[str, int]
    good: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        need_text(self, "variable")
        if unknown := set(self.good) - set(self.words):
            raise ProductError(f"flag {self.variable}: good words without value: {unknown}")
        if not all(isinstance(value, int) for value in self.words.values()):
            raise ProductError(f"flag {self.variable}: values must be integers")
        if len(set(self.columns)) != len(self.columns):
            raise ProductError(f"flag {self.variable}: two columns of one name")
        object.__setattr__(self, "words", MappingProxyType(dict(self.words)))

    def __reduce__(self) -> tuple[Any, ...]:
        return rebuild, (Flag, plain_fields(self))


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """What some releases of a product do otherwise than the table says.

    Attributes
    ----------
    numbers : tuple of str
        ``006``, ``007``: the releases this is said of.
    notes : tuple of str
        Differences that a reader of several releases must know, a sentence each.
    flags : tuple of Flag
        Replace the product's flags of the same variable.
    names : mapping of str to str
        Path of a group or variable, relative to the track, by the table to what it is
        called in these releases.
    apart : str
        Why rows of these releases must not stand beside rows of any other; empty where
        they may.
    paged : bool
        Files keep their metadata in pages, most of it at the beginning, as NSIDC's cloud
        optimisation lays them out: so much more is read at once there. Where it is not so,
        that costs three requests, and nothing is wrong.
    """

    numbers: tuple[str, ...]
    notes: tuple[str, ...] = ()
    flags: tuple[Flag, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    apart: str = ""
    paged: bool = False

    def __post_init__(self) -> None:
        if not self.numbers or not all(self.numbers):
            raise ProductError("a release needs numbers, such as ['006']")
        object.__setattr__(self, "names", MappingProxyType(dict(self.names)))

    def __reduce__(self) -> tuple[Any, ...]:
        return rebuild, (Release, plain_fields(self))


def plain_fields(table: Any) -> dict[str, Any]:
    """Fields of a frozen value, mappings as plain dicts, so that it pickles."""
    values = {item.name: getattr(table, item.name) for item in fields(table)}
    return {k: dict(v) if isinstance(v, MappingProxyType) else v for k, v in values.items()}


def rebuild(kind: Any, values: dict[str, Any]) -> Any:
    """The frozen value that `plain_fields` took apart."""
    return kind(**values)


def need_text(table: Any, *names: str) -> None:
    """Raise `ProductError` where a field is no text, or empty."""
    for name in names:
        value = getattr(table, name)
        if not isinstance(value, str) or not value:
            raise ProductError(f"{type(table).__name__}.{name} must be a text, not {value!r}")
