"""Granules as columns, and their outlines as shapes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cryodata.earthdata.granule import Granule
from cryodata.region.rings import flat_shape

__all__ = ["columns_of", "shapes_of"]

_TEXTS = ("product", "version", "name")
_LINKS = ("https", "s3", "dmrpp", "endpoint", "concept_id", "collection_id")
_FROM_NAME = ("rgt", "cycle", "region")


def columns_of(granules: Sequence[Granule]) -> dict[str, Any]:
    """One column per field, as geopandas takes them; what is unknown is NaT or None."""
    parsed = [granule.parsed for granule in granules]
    columns: dict[str, Any] = {
        field: [getattr(granule, field) for granule in granules] for field in _TEXTS
    }
    for field in ("start", "end"):
        times = [getattr(granule, field) for granule in granules]
        columns[field] = np.array(
            [np.datetime64("NaT", "us") if t is None else t for t in times], "M8[us]"
        )
    columns["size"] = np.array([granule.size for granule in granules], "i8")
    for field in _FROM_NAME:
        columns["orbit_region" if field == "region" else field] = [
            None if name is None else getattr(name, field) for name in parsed
        ]
    columns |= {field: [getattr(granule, field) for granule in granules] for field in _LINKS}
    columns["revision"] = np.array([granule.revision for granule in granules], "i8")
    return columns


def shapes_of(granules: Sequence[Granule]) -> list[Any]:
    """Outlines as shapely geometries, cut at the antimeridian; None where there is none."""
    import shapely

    shapes: list[Any] = []
    for granule in granules:
        parts = [flat_shape(shapely.Polygon(ring)) for ring in granule.footprint if len(ring) > 3]
        shapes.append(shapely.union_all(parts) if parts else None)
    return shapes
