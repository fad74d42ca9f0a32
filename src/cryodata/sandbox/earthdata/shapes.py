"""Where a record says its data are, as shapes on the sphere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cryodata.sandbox.earthdata.sphere import Box, Line, Polygon, Shape

__all__ = ["rings_of", "shapes_of"]

SIDES = ("West", "South", "East", "North")


def shapes_of(umm: Mapping[str, Any]) -> tuple[Shape, ...]:
    """The shapes of a record, UMM-G or UMM-C; none where it has no geometry.

    Records that give an orbit in place of a geometry have none: finding them by place is
    another algorithm, which the sandbox does not have.

    Raises
    ------
    ShapeError
        If the catalogue would not take the record: a polygon that is open or clockwise.
    """
    geometry = _geometry(umm)
    polygons = (Polygon(ring) for ring in rings_of(umm))
    boxes = (
        Box(*(rectangle[f"{side}BoundingCoordinate"] for side in SIDES))
        for rectangle in geometry.get("BoundingRectangles", ())
    )
    lines = (Line(_pairs(line)) for line in geometry.get("Lines", ()))
    points = (Line([_pair(point)]) for point in geometry.get("Points", ()))
    return (*polygons, *boxes, *lines, *points)


def rings_of(umm: Mapping[str, Any]) -> Iterator[tuple[tuple[float, float], ...]]:
    """Outer rings of a record's polygons, longitude first, degrees."""
    for polygon in _geometry(umm).get("GPolygons", ()):
        yield _pairs(polygon["Boundary"])


def _geometry(umm: Mapping[str, Any]) -> Mapping[str, Any]:
    extent = umm.get("SpatialExtent", {})
    found: Mapping[str, Any] = extent.get("HorizontalSpatialDomain", {}).get("Geometry", {})
    return found


def _pairs(boundary: Mapping[str, Any]) -> tuple[tuple[float, float], ...]:
    return tuple(_pair(point) for point in boundary["Points"])


def _pair(point: Mapping[str, float]) -> tuple[float, float]:
    return point["Longitude"], point["Latitude"]
