"""Product tables: what is known of a product before any of its files is opened."""

from __future__ import annotations

from cryodata.products.naming import GranuleName, parse_name
from cryodata.products.parts import Flag, Grid, Nesting, Rate, Reference, Release, join_path
from cryodata.products.product import Product
from cryodata.products.registry import find, get, known, recognise, said_of, table_of

__all__ = [
    "Flag",
    "GranuleName",
    "Grid",
    "Nesting",
    "Product",
    "Rate",
    "Reference",
    "Release",
    "find",
    "get",
    "join_path",
    "known",
    "parse_name",
    "recognise",
    "said_of",
    "table_of",
]
