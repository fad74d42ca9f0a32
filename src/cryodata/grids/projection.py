"""Projections of grids: what a file or a table says of them, and degrees of cell centres."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cryodata.errors import FormatError, MissingDependencyError

if TYPE_CHECKING:
    from pyproj import CRS

__all__ = [
    "degrees_of",
    "describe",
    "is_degrees",
    "is_smooth",
    "known_projection",
    "projected",
    "wkt_of",
]

Floats = NDArray[np.float64]

_TEXTS = ("crs_wkt", "spatial_ref", "proj4text", "proj4")
"""Attributes of a mapping that hold a whole projection, the surest first."""


def wkt_of(attributes: Mapping[str, Any]) -> str:
    """The projection that a CF mapping variable describes, as WKT; empty where it does not.

    A text that holds all of it counts more than single parameters: ATL15 gives the axes of
    the Earth in km, among parameters that are metres.

    Parameters
    ----------
    attributes : mapping
        Of the variable, decoded.

    Raises
    ------
    FormatError
        It describes one that does not exist.
    """
    texts = [str(attributes[key]) for key in _TEXTS if str(attributes.get(key, "")).strip()]
    code = str(attributes.get("spatial_epsg", "")).strip().removesuffix(".0")
    if code.isdigit():
        texts.append(f"EPSG:{code}")
    if not texts and not attributes.get("grid_mapping_name"):
        return ""
    with _needs_pyproj():
        from pyproj import CRS
        from pyproj.exceptions import CRSError
    for text in texts:
        try:
            return known_projection(text)
        except CRSError:
            continue
    try:
        return str(CRS.from_cf(dict(attributes)).to_wkt())
    except (CRSError, KeyError, ValueError, TypeError) as error:
        raise FormatError(f"What the file says of its projection is none: {error}") from error


@lru_cache(maxsize=64)
def known_projection(name: str) -> str:
    """``EPSG:3413``, or any other text that pyproj takes, as WKT."""
    return str(_crs(name).to_wkt())


def describe(wkt: str) -> dict[str, Any]:
    """Attributes of a CF mapping variable."""
    found: dict[str, Any] = _crs(wkt).to_cf()
    return {name: value for name, value in found.items() if value is not None}


def degrees_of(wkt: str, x: ArrayLike, y: ArrayLike) -> tuple[Floats, Floats]:
    """Longitude and latitude of points of a projection, on its own datum.

    Parameters
    ----------
    wkt : str
    x, y : array_like
        Of shapes that broadcast, in the units of the projection.

    Returns
    -------
    longitude, latitude : arrays of float64
        Degrees; infinite where there is no such place.
    """
    found = _transformer(wkt, inverse=False)
    points = np.broadcast_arrays(np.asarray(x, "f8"), np.asarray(y, "f8"))
    if found is None:  # degrees already
        return points[0], points[1]
    longitude, latitude = found.transform(*points)
    return np.asarray(longitude, "f8"), np.asarray(latitude, "f8")


def projected(wkt: str, longitude: ArrayLike, latitude: ArrayLike) -> tuple[Floats, Floats]:
    """The way back: x and y of places, infinite where the projection does not reach."""
    found = _transformer(wkt, inverse=True)
    points = np.broadcast_arrays(np.asarray(longitude, "f8"), np.asarray(latitude, "f8"))
    if found is None:
        return points[0], points[1]
    x, y = found.transform(*points)
    return np.asarray(x, "f8"), np.asarray(y, "f8")


def is_degrees(wkt: str) -> bool:
    """Whether x and y are longitude and latitude themselves."""
    return bool(_crs(wkt).is_geographic)


def is_smooth(wkt: str) -> bool:
    """Whether it maps the whole Earth without a tear but the antimeridian and a pole.

    Then what is inside a region lies within what is around its projected edge.
    """
    crs = _crs(wkt)
    if crs.is_geographic:
        return True
    operation = crs.coordinate_operation
    method = "" if operation is None else operation.method_name
    parameters = {} if operation is None else {p.name: float(p.value) for p in operation.params}
    middle = parameters.get("Latitude of natural origin", 0.0)
    if "Polar Stereographic" in method:
        return True
    if "Azimuthal Equal Area" in method:
        return abs(middle) == 90
    zero = parameters.get("Longitude of natural origin", 0.0)
    return "Cylindrical Equal Area" in method and zero == 0


@lru_cache(maxsize=64)
def _crs(text: str) -> CRS:
    with _needs_pyproj():
        from pyproj import CRS
    return CRS.from_user_input(text)


@lru_cache(maxsize=64)
def _transformer(wkt: str, *, inverse: bool) -> Any:
    """Between a projection and the degrees of its own datum; None where it is degrees."""
    crs = _crs(wkt)
    if crs.is_geographic:
        return None
    from pyproj import Transformer

    degrees = crs.geodetic_crs
    if degrees is None:
        raise FormatError(f"{crs.name} is no projection of the Earth")
    ends = (degrees, crs) if inverse else (crs, degrees)
    return Transformer.from_crs(*ends, always_xy=True)


@contextmanager
def _needs_pyproj() -> Iterator[None]:
    """Say what to install where pyproj is missing."""
    try:
        yield
    except ImportError as error:
        raise MissingDependencyError(
            "Grids by place need pyproj", fix='pip install "cryodata-earth[geo]"'
        ) from error
