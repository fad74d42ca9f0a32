"""The small tables beside the tracks: outlines, quality assessment, what the orbit adds."""

from __future__ import annotations

import zlib
from collections.abc import Container, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryodata.sandbox.granules.facts import Facts
from cryodata.sandbox.granules.filler import fill_column
from cryodata.sandbox.granules.hdf5_writer import Column
from cryodata.sandbox.granules.template import DatasetSpec, Template

__all__ = ["columns_beside"]

ROWS = 20
"""Of each table whose rows say nothing about the orbit."""


def columns_beside(template: Template, made: Container[str], facts: Facts) -> Mapping[str, Column]:
    """Datasets with rows that are not in `made`, by path.

    Parameters
    ----------
    template : Template
        With the beams there are.
    made : container of str
        Paths of the datasets whose values are known.
    facts : Facts
        Of the granule.
    """
    return {
        spec.path: Column.of(_values(spec, facts))
        for spec in template.datasets
        if spec.layout == "chunked" and spec.path not in made
    }


def _values(spec: DatasetSpec, facts: Facts) -> NDArray[Any]:
    along = facts.along
    crossing = any(path.endswith("/crossing_time") for path in spec.dims[:1])
    rows = 1 if crossing else ROWS
    x = np.linspace(along.begin, along.begin + along.length, rows)
    units = str(spec.attributes.get("units", "")).lower()
    name = spec.path.rpartition("/")[2]
    if units.startswith("seconds since") and not spec.trail:
        return np.asarray(along.delta_time(x), dtype=spec.dtype)
    if units.startswith("degrees") and not spec.trail and ("lat" in name or "lon" in name):
        return along.position(x, 0.0)["lon" in name].astype(spec.dtype)
    rng = np.random.default_rng([facts.noise_seed, 43, zlib.crc32(spec.path.encode())])
    return fill_column(rng, spec, rows)
