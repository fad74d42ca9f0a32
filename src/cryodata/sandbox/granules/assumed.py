"""What was not recorded of a product, as it is in those that were.

Of some products no granule was at hand: their templates hold names without types, and none
of the groups that every granule of ICESat-2 has. A synthetic granule needs both. Nothing
here is evidence of what real files are like.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from cryodata.products import Product
from cryodata.sandbox.granules.template import Attributes, DatasetSpec, Template, load

__all__ = ["completed"]

ROWS = 10_000
"""Rows of a chunk, as in nearly all that was recorded."""
CHUNK_BYTES = 4 << 20
"""A chunk with further axes is no larger, decoded, than about this."""
SPARSE = 0.1
"""Stored bytes per value of a variable with further axes: most of a profile is empty."""
_SIZES = {"ds_va_bin_h": 700, "ds_layers": 10, "ds_surf_type": 5, "bin_10m": 71}
"""Length of the axes that no recorded dataset has; real segments of 7 km have ten times as
many bins of 10 m."""
_F4_MAX = float(np.finfo(np.float32).max)
_COUNTS = re.compile(
    r"(?:^|_)(?:n|ndx|id|cnt|count|num|rgt|type|source|beg|end|refid|record)(?:_|$)"
    r"|^i_|^index_|geoseg|cycle_number|orbit_number|surface_bin|size$"
)
_FLAGS = re.compile(r"fl(?:a)?g|^qf_|^layer_(?:attr|con)$|cloud_probability")
_SHARED = ("/orbit_info", "/ancillary_data", "/METADATA", "/METADATA/DatasetIdentification")
_SHARED_ATTRIBUTES = {"Description", "data_rate"}


def completed(product: Product, template: Template) -> Template:
    """The template with a dataset for each of its names, and what all granules have."""
    made = [*template.datasets, *_named(product, template)]
    groups = dict(template.groups)
    if product.short_name.startswith("ATL") and "/orbit_info" not in groups:
        shared = load("atl06")
        groups |= {path: _general(shared.groups[path]) for path in (*_SHARED, "/METADATA/Extent")}
        made += [s for s in shared.datasets if s.path.rpartition("/")[0] in _SHARED]
        if not product.tracks[0].startswith("pt"):  # a pair has no spot
            groups["/{beam}"] = {**shared.groups["/{beam}"], **groups["/{beam}"]}
    for spec in made:
        _with_parents(groups, spec.path)
    in_order = dict(sorted(groups.items(), key=lambda item: item[0].rstrip("/").count("/")))
    return Template(in_order, tuple(made))


def _general(attributes: Attributes) -> Attributes:
    """Of a group's attributes those that say nothing about a product."""
    return {name: value for name, value in attributes.items() if name in _SHARED_ATTRIBUTES}


def _with_parents(groups: dict[str, Attributes], path: str) -> None:
    parts = path.split("/")[1:-1]
    for depth in range(1, len(parts) + 1):
        groups.setdefault("/" + "/".join(parts[:depth]), {})


def _named(product: Product, template: Template) -> Iterable[DatasetSpec]:
    """Datasets of which only the name is known, with the type of others of their kind."""
    scales = {spec.path for spec in template.datasets if spec.scale}
    for path in template.names:
        below = path.removeprefix("/{beam}").removeprefix("/")
        start = path.removesuffix(below)
        name = below.rpartition("/")[2]
        if below in product.labels.values() or name.startswith("ds_"):
            size = _SIZES[name]
            yield DatasetSpec(
                path=path, dtype=np.dtype("i4"), layout="contiguous", shape=(size,), scale=True
            )
            continue
        if path.startswith("/ancillary_data/"):
            yield DatasetSpec(
                path=path, dtype=np.dtype("S80"), layout="contiguous", shape=(1,), value=("ITRF08",)
            )
            continue
        rate = product.rate_of(below)
        scale = start + rate.path(rate.time) if rate and rate.time else ""
        spec = DatasetSpec(
            path=path,
            chunk=(ROWS,),
            dims=(scale,) if scale in scales else (),
            **_kind(product, below),
        )
        yield _wide(spec, [_SIZES[axis] for axis in product.dimensions.get(below, ())])


def _wide(spec: DatasetSpec, sizes: list[int]) -> DatasetSpec:
    """The dataset with further axes."""
    if not sizes:
        return spec
    cells = int(np.prod(sizes))
    rows = max(1, min(ROWS, CHUNK_BYTES // (cells * spec.dtype.itemsize)))
    return replace(spec, trail=tuple(sizes), chunk=(rows, *sizes), stored=SPARSE * cells)


def _kind(product: Product, below: str) -> dict[str, Any]:
    """Type, filters, fill and units of a variable by what it is called."""
    name = below.rpartition("/")[2]
    places = {rate.path(p) for rate in product.rates for p in (rate.latitude, rate.longitude) if p}
    numbers = {path for n in product.nestings for path in (n.first, n.count, n.identity)}
    flags = {flag.variable for flag in product.flags}
    whole = ("shuffle", "deflate")
    if below in places or re.search(r"(?:^|_)(?:lat|lon)", name):
        units = "degrees_north" if "lat" in name else "degrees_east"
        return {"dtype": np.dtype("f8"), "filters": ("deflate",), "attributes": {"units": units}}
    if below in flags or (_FLAGS.search(name) and below not in numbers):
        return {"dtype": np.dtype("i1"), "filters": whole, "attributes": {"units": "1"}}
    if below in numbers or _COUNTS.search(name):
        return {"dtype": np.dtype("i4"), "filters": whole, "attributes": {"units": "1"}}
    high = re.search(r"(?:^|_)(?:h|ht|height|elevation)(?:_|$)", name)
    return {
        "dtype": np.dtype("f4"),
        "filters": ("deflate",),
        "fill": _F4_MAX,
        "fill_attribute": True,
        "attributes": {"units": "meters" if high else "1"},
    }
