"""Product tables: what is known of a product before any of its files is opened."""

from __future__ import annotations

from cryodata.products.grid_names import GridName, read_name
from cryodata.products.gridded import Grid, Lattice
from cryodata.products.naming import GranuleName, parse_name
from cryodata.products.parts import Flag, Nesting, Rate, Reference, Release, join_path
from cryodata.products.product import Product
from cryodata.products.registry import find, get, kept_in_pages, known, recognise, said_of, table_of

__all__ = [
    "Flag",
    "GranuleName",
    "Grid",
    "GridName",
    "Lattice",
    "Nesting",
    "Product",
    "Rate",
    "Reference",
    "Release",
    "find",
    "get",
    "join_path",
    "kept_in_pages",
    "known",
    "parse_name",
    "read_name",
    "recognise",
    "said_of",
    "table_of",
]
