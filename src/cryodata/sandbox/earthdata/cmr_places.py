"""Where a search looks: the five ways of naming a place, decoded, checked and compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from cryodata.sandbox.earthdata.catalogue import Entry
from cryodata.sandbox.earthdata.cmr_query import Asked, Refusal
from cryodata.sandbox.earthdata.sphere import (
    Box,
    Circle,
    Line,
    Polygon,
    Shape,
    ShapeError,
    meet,
)

__all__ = ["PLACES", "place"]

SMALLEST_CIRCLE, LARGEST_CIRCLE = 10.0, 6_000_000.0
"""Radii that CMR takes, m."""


def place(asked: Asked) -> Callable[[Entry], bool]:
    """A record lies where all of the values are; with the option ``or``, where any is.

    Raises
    ------
    Refusal
        If a value is no such shape.
    """
    shapes, errors = [], []
    for value in asked.values:
        try:
            shapes.append(_decoded(asked.name, value))
        except ShapeError as error:
            errors.append(str(error))
    if errors:
        raise Refusal(*errors)
    enough = any if asked.option("or") else all

    def holds(entry: Entry) -> bool:
        return enough(any(meet(shape, own) for own in entry.shapes) for shape in shapes)

    return holds


def _decoded(name: str, value: str) -> Shape:
    """The shape a value spells.

    Raises
    ------
    ShapeError
        If it spells none.
    """
    try:
        numbers = [float(text) for text in value.split(",")]
        shape = PLACES[name](numbers)
    except ShapeError:
        raise
    except (ValueError, TypeError):
        raise ShapeError(f"[{value}] is not a valid URL encoded {name}") from None
    return shape


def _pairs(numbers: Sequence[float]) -> list[tuple[float, float]]:
    """Numbers as points, longitude first.

    Raises
    ------
    ShapeError
        If a point lies outside the map.
    ValueError
        If the numbers do not pair up.
    """
    points = list(zip(numbers[::2], numbers[1::2], strict=True))
    for lon, lat in points:
        if not -180.0 <= lon <= 180.0:
            raise ShapeError(f"Point longitude [{lon}] must be within -180.0 and 180.0")
        if not -90.0 <= lat <= 90.0:
            raise ShapeError(f"Point latitude [{lat}] must be within -90 and 90.0")
    return points


def _box(numbers: Sequence[float]) -> Shape:
    (west, south), (east, north) = _pairs(numbers)
    return Box(west, south, east, north)


def _circle(numbers: Sequence[float]) -> Shape:
    lon, lat, radius = numbers
    _pairs([lon, lat])
    if not SMALLEST_CIRCLE <= radius <= LARGEST_CIRCLE:
        raise ShapeError(
            f"Circle radius must be between {SMALLEST_CIRCLE:g} and {LARGEST_CIRCLE:g}, but was"
            f" {radius:g}."
        )
    return Circle(lon, lat, radius)


def _point(numbers: Sequence[float]) -> Shape:
    (point,) = _pairs(numbers)
    return Line([point])


def _line(numbers: Sequence[float]) -> Shape:
    points = _pairs(numbers)
    if len(points) < 2:
        raise ValueError("a line has two ends")
    return Line(points)


PLACES: Mapping[str, Callable[[Sequence[float]], Shape]] = {
    "bounding_box": _box,
    "polygon": lambda numbers: Polygon(_pairs(numbers)),
    "point": _point,
    "circle": _circle,
    "line": _line,
}
