"""Product tables: what is known of a product before any of its files is opened."""

from __future__ import annotations

from cryodata.products.naming import GranuleName, parse_name
from cryodata.products.product import Flag, Product, Rate, Release
from cryodata.products.registry import find, get, known, recognise

__all__ = [
    "Flag",
    "GranuleName",
    "Product",
    "Rate",
    "Release",
    "find",
    "get",
    "known",
    "parse_name",
    "recognise",
]
