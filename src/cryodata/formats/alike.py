"""What granules of one product have alike: decoded and checked once a process, and shared.

Everything here is immutable, so that a thousand granules may hold the same objects; equal texts
give the same object, and who compares two granules compares addresses.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NoReturn

import numpy as np

from cryodata.errors import CryodataError
from cryodata.formats.dtype_json import dtype_from_json
from cryodata.formats.index_rows import ABOUT, ERROR_FIELDS, KEPT_ERRORS
from cryodata.formats.value_json import dump_json, load_json, value_from_json
from cryodata.layout import Filter

__all__ = ["LARGEST", "About", "Alike", "Attributes", "attributes_from_text", "check", "is_below"]

LARGEST = 1 << 62
"""No extent of a real array comes near it, and sums of two still fit into 64 bits."""
ENCODINGS = frozenset({"", "ascii", "utf-8"})
PADDINGS = frozenset({"", "null-terminated", "null-padded", "space-padded"})
LINKS = frozenset({"hard", "soft", "external", "user"})
STORAGES = frozenset({None, "chunked", "contiguous", "inline"})
MOST_TEXTS = 1 << 13
"""Different texts that are remembered: a granule has a few hundred."""


@dataclass(frozen=True, slots=True, eq=False)
class About:
    """One row, as far as it is the same in all granules of a product.

    Attributes
    ----------
    whole : bool
        It was walked with everything below it.
    fields : mapping
        Of an array: arguments of its `ArrayLayout`, but for path, shapes and storage.
    storage : str or None
        Of an array.
    target : str
        Of an alias.
    links : mapping of str to int
        Of a group: name of each link, and its number.
    told : tuple of (str, str, str)
        Name, kind and target of each link.
    read : bool
        Of a group: its attributes were.
    error : CryodataError or None
        Of a problem: made anew for each that asks, since errors change when they are raised.
    """

    whole: bool
    fields: Mapping[str, Any]
    storage: str | None = None
    target: str = ""
    links: Mapping[str, int] = field(default_factory=dict)
    told: tuple[tuple[str, str, str], ...] = ()
    read: bool = False
    error: Callable[[], CryodataError] | None = None


class Alike:
    """All rows of a granule, as far as they are the same in others.

    Parameters
    ----------
    kinds, paths, texts : sequence of str
        Columns of the file; paths as they are, not escaped.

    Attributes
    ----------
    rows : list of About
    places : dict
        Kind to path to the number of its row.
    whole : frozenset of str
        Paths walked with everything below them.
    notes : dict
        For who works out more of this.

    Raises
    ------
    ValueError, TypeError, LookupError, AttributeError, OverflowError
        If a row says what cannot be.
    """

    __slots__ = ("notes", "paths", "places", "rows", "whole")

    def __init__(self, kinds: Sequence[str], paths: Sequence[str], texts: Sequence[str]) -> None:
        self.notes: dict[Any, Any] = {}
        self.paths = list(paths)
        self.rows = [_about(kind, text) for kind, text in zip(kinds, texts, strict=True)]
        self.places: dict[str, dict[str, int]] = {kind: {} for kind in ABOUT}
        for number, (kind, path) in enumerate(zip(kinds, paths, strict=True)):
            if not path.startswith("/") or path in self.places[kind]:
                raise ValueError(f"the path {path!r} is relative, or listed twice")
            self.places[kind][path] = number
        pairs = zip(paths, self.rows, strict=True)
        self.whole = frozenset(path for path, row in pairs if row.whole)


@lru_cache(maxsize=MOST_TEXTS)
def _about(kind: str, text: str) -> About:
    about = load_json(text)
    check(sorted(about) == sorted(("whole", *ABOUT[kind])), f"what is said of a {kind}")
    whole = about["whole"]
    check(type(whole) is bool, "extent of the walk")
    if kind == "alias":
        target = about["target"]
        check(type(target) is str and target.startswith("/"), "target of a link")
        return About(whole, {}, target=target)
    if kind == "problem":
        make = _problem(about["error"])
        return About(whole, {}, error=make)
    if kind == "group":
        check(type(about["read"]) is bool, "attributes of a group")
        told = tuple((name, *_link(said)) for name, said in about["links"].items())
        links = {name: number for number, (name, _, _) in enumerate(told)}
        return About(whole, {}, links=links, told=told, read=about["read"])
    return About(whole, _array(about), about["storage"]) if kind == "array" else About(whole, {})


def _link(said: Any) -> tuple[str, str]:
    """Kind and target."""
    if said is None:
        return "hard", ""
    check(sorted(said) == ["kind", "target"], "link")
    check(said["kind"] in LINKS and type(said["target"]) is str, "link")
    return said["kind"], said["target"]


def _array(about: Mapping[str, Any]) -> Mapping[str, Any]:
    """Arguments of an `ArrayLayout`, checked as far as they can be without its shape."""
    for name in ("type", "encoding", "padding", "problem"):
        check(type(about[name]) is str, name)
    check(type(about["is_scale"]) is bool and type(about["is_null"]) is bool, "kind of array")
    check(about["encoding"] in ENCODINGS and about["padding"] in PADDINGS, "string type")
    check(about["storage"] in STORAGES, "storage")
    check(about["storage"] is not None or about["problem"] != "", "storage")
    dtype, stored = _dtype(about["dtype"]), _dtype(about["stored_dtype"])
    element, dims = about["element"], about["dims"]
    fill = value_from_json(about["fill"])
    if not about["problem"]:  # else nobody will read it
        _check_type(dtype, stored, fill)
    return {
        "dtype": dtype,
        "stored_dtype": stored,
        "kind": about["type"],
        "encoding": about["encoding"],
        "padding": about["padding"],
        "filters": _filters(about["filters"]),
        "fill": fill,
        "attributes": attributes_from_text(dump_json(about["attributes"])),
        "dims": () if dims is None else _dims(dims),
        "dims_known": dims is not None,
        "element": None if element is None else _dtype(element),
        "is_scale": about["is_scale"],
        "is_null": about["is_null"],
        "problem": about["problem"],
    }


def _dtype(document: Any) -> np.dtype[Any]:
    dtype = dtype_from_json(document)
    check(dtype.subdtype is None, "type: an array type is written as part of the shape,")
    return dtype


def _check_type(dtype: np.dtype[Any], stored: np.dtype[Any], fill: Any) -> None:
    if dtype.hasobject:
        check(stored.kind == "V", "stored type")
        check(isinstance(fill, bytes | np.ndarray), "fill")
        return
    check(dtype.itemsize == stored.itemsize, "stored type")
    as_array = np.asarray(fill)
    check(as_array.dtype.kind == dtype.kind, "fill")
    check(as_array.dtype.itemsize <= dtype.itemsize, "fill")


@lru_cache(maxsize=MOST_TEXTS)
def attributes_from_text(text: str) -> Mapping[str, Any]:
    """Attributes; equal texts give the same mapping, which nobody can change."""
    return Attributes({name: value_from_json(v) for name, v in load_json(text).items()})


class Attributes(dict[str, Any]):
    """Attributes that many share, and that nobody can change; a copy is a plain dict."""

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise TypeError("attributes of a kept index are shared: copy them to change them")

    __setitem__ = __delitem__ = __ior__ = clear = pop = popitem = setdefault = update = _refuse

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (dict(self),)

    def __deepcopy__(self, memo: dict[int, Any]) -> dict[str, Any]:
        return copy.deepcopy(dict(self), memo)


def _filters(steps: Any) -> tuple[Filter, ...]:
    filters = tuple(Filter(**{**step, "values": tuple(step["values"])}) for step in steps)
    for step in filters:
        check(is_below(step.id, 1 << 16), "filter number")
        check(type(step.name) is str and type(step.optional) is bool, "filter")
        check(all(is_below(v, 1 << 32) for v in step.values), "values of a filter")
    return filters


def _dims(axes: Any) -> tuple[tuple[str, ...], ...]:
    check(type(axes) is list and all(type(axis) is list for axis in axes), "dimension")
    check(all(type(scale) is str for axis in axes for scale in axis), "dimension scale")
    return tuple(tuple(axis) for axis in axes)


def _problem(said: Mapping[str, Any]) -> Callable[[], CryodataError]:
    fields = dict(said)
    name = fields.pop("error")
    check(sorted(fields) == sorted(ERROR_FIELDS), "error")
    check(all(type(fields[f]) is str for f in ("what", "fix", "url", "path")), "error")
    places = (fields["start"], fields["stop"])
    check(all(place is None or is_below(place, LARGEST) for place in places), "error")
    kind, what = KEPT_ERRORS[name], fields.pop("what")
    return lambda: kind(what, **fields)


def check(holds: bool, what: str) -> None:
    """Raise `ValueError` where something does not hold."""
    if not holds:
        raise ValueError(f"the {what} cannot be right")


def is_below(value: Any, most: int) -> bool:
    """An integer, and no boolean: ``0 <= value < most``."""
    return type(value) is int and 0 <= value < most
