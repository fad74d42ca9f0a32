"""The products there are tables for, and how a file is matched to one."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from functools import cache
from importlib import resources
from importlib.metadata import EntryPoint
from typing import Any

from cryodata.errors import ProductError, UnknownProductError, close_names
from cryodata.products import plugins
from cryodata.products.grid_names import read_name
from cryodata.products.naming import parse_name, product_in
from cryodata.products.product import Product

__all__ = [
    "find",
    "get",
    "kept_in_pages",
    "known",
    "recognise",
    "said_of",
    "shipped",
    "table_of",
    "text",
]


def known() -> tuple[str, ...]:
    """Short names of the products that have a table, in capitals, sorted.

    Those of this package, and those that other packages bring: see `plugins`.
    """
    return tuple(sorted({*_tables(), *_brought()}))


def shipped() -> tuple[Product, ...]:
    """The products whose tables come with this package, by short name."""
    return tuple(_load(name) for name in sorted(_tables()))


def find(short_name: str) -> Product | None:
    """The product of that short name, in any case of letters, or None.

    Raises
    ------
    ProductError
        Another package brings its table, and it cannot be used.
    """
    name = short_name.strip().upper()
    if name in _tables():
        return _load(name)
    return _load_brought(name) if name in _brought() else None


def get(short_name: str) -> Product:
    """The product of that short name, in any case of letters.

    Raises
    ------
    UnknownProductError
        If there is no table for it; the message names the close ones.
    ProductError
        As `find`.
    """
    product = find(short_name)
    if product is None:
        raise UnknownProductError(
            f"No table for the product {short_name!r}",
            fix=close_names(short_name.strip().upper(), known()),
        )
    return product


def table_of(product: str | Product | None) -> Product | None:
    """The table that a user means: a short name, or a table as it is; None stays None.

    Raises
    ------
    UnknownProductError, ProductError
        As `get`; or it is neither.
    """
    if product is None or isinstance(product, Product):
        return product
    if isinstance(product, str):
        return get(product)
    raise ProductError(
        f"product= is a short name or a Product, not {type(product).__name__}",
        fix="cryodata.Product.from_toml reads a table of your own.",
    )


def recognise(
    file_name: str, attributes: Mapping[str, Any], identification: Mapping[str, Any]
) -> Product | None:
    """The product a file belongs to, or None where no table fits.

    What the file says of itself counts more than what it was renamed to, also where
    it says a product without a table.

    Parameters
    ----------
    file_name : str
        Path or URL.
    attributes : mapping
        Of the root group; ``short_name`` and GLAS's ``ShortName`` are looked at, and the marks
        of gridded products.
    identification : mapping
        Attributes of ``/METADATA/DatasetIdentification``; ``shortName`` and ``fileName``
        are looked at.
    """
    said = _said_inside(attributes, identification)
    name = said or product_in(file_name) or _begins_with(file_name)
    return find(name) if name else _grid_of(file_name, attributes)


def kept_in_pages(file_name: str) -> bool:
    """Whether files of that name are expected to keep their metadata in pages.

    Parameters
    ----------
    file_name : str
        Path or URL; only names that a producer gives, with all their parts, tell.
    """
    name = parse_name(file_name)
    product = find(name.product) if name is not None else None
    release = product.release(name.release) if product is not None and name is not None else None
    return release is not None and release.paged


def said_of(
    file_name: str, attributes: Mapping[str, Any], identification: Mapping[str, Any]
) -> str:
    """The product that a file says it is of, or empty where it does not say.

    Unlike `recognise` this guesses nothing: of names it goes by those alone that a producer
    gives, with all their parts.

    Parameters
    ----------
    file_name, attributes, identification
        As for `recognise`.
    """
    name = parse_name(file_name)
    return _said_inside(attributes, identification) or (name.product if name is not None else "")


def _said_inside(attributes: Mapping[str, Any], identification: Mapping[str, Any]) -> str:
    said = (
        text(attributes.get("short_name")),
        text(attributes.get("ShortName")),
        text(identification.get("shortName")),
        product_in(text(identification.get("fileName"))),
    )
    return next((name for name in said if name), "")


def _grid_of(file_name: str, attributes: Mapping[str, Any]) -> Product | None:
    """The gridded product of a file that names none, by marks of its root, then by its name."""
    gridded = [product for product in map(_load, _tables()) if product.grid is not None]
    for product in gridded:
        marks = product.grid.marks.items() if product.grid is not None else ()
        if any(mark in text(attributes.get(key)) for key, mark in marks):
            return product
    return next((product for product in gridded if read_name(product, file_name)), None)


def _begins_with(file_name: str) -> str:
    """The longest short name with a table that a file's name begins with, or nothing."""
    last = file_name.rstrip("/").rsplit("/", 1)[-1].upper()
    fitting = (name for name in known() if re.match(rf"{re.escape(name)}(?![A-Z0-9])", last))
    return max(fitting, key=len, default="")


def text(value: Any) -> str:
    """An attribute as text: bytes decoded, a single-element array unpacked, else empty."""
    if hasattr(value, "size") and hasattr(value, "item"):  # numpy scalar or array
        value = value.item() if value.size == 1 else ""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    return value.strip() if isinstance(value, str) else ""


@cache
def _tables() -> dict[str, str]:
    """Short name to the name of the table's file."""
    folder = resources.files(__package__)
    names = [entry.name for entry in folder.iterdir() if entry.name.endswith(".toml")]
    return {name.removesuffix(".toml").upper(): name for name in names}


@cache
def _load(short_name: str) -> Product:
    table = resources.files(__package__) / _tables()[short_name]
    return Product.from_toml(table.read_text("utf-8"))


@cache
def _brought() -> dict[str, tuple[EntryPoint, ...]]:
    """Tables of other packages, without those that have the name of one of this package."""
    found = plugins.brought()
    for name in found.keys() & _tables().keys():
        others = ", ".join(map(plugins.origin, found.pop(name)))
        warnings.warn(
            f"The table {name} of {others} is not used: cryodata has one of that name",
            stacklevel=4,
        )
    return found


@cache
def _load_brought(short_name: str) -> Product:
    return plugins.load(_brought()[short_name])
