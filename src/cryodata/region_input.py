"""Regions from whatever people have them in: numbers, shapes, tables, GeoJSON, files."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cryodata.errors import (
    CryodataError,
    FormatError,
    MissingDependencyError,
    NotFoundError,
    RegionError,
)
from cryodata.region.region import Region

__all__ = ["region_of"]

_FIX = (
    "Give (west, south, east, north), a shapely geometry, a GeoDataFrame, GeoJSON, or the path "
    "of a file with shapes."
)
_GEOMETRIES = {
    *("Polygon", "MultiPolygon", "GeometryCollection"),
    *("Point", "MultiPoint", "LineString", "MultiLineString"),
}
_DEEPEST = 20  # collections of collections
_STEP, _CORNERS = 500.0, 100_000  # m between corners of projected edges; most of them
_NUMBERS = re.compile(r"[(\[]?[-+.0-9eE\s]+(,[-+.0-9eE\s]+)+[)\]]?")  # "-50,69,-48,70"
_PARQUET = {".parquet", ".geoparquet", ".pq"}


def region_of(what: Any) -> Region:
    """The region a user means.

    Parameters
    ----------
    what : Region, 4 numbers, shapely geometry, GeoDataFrame, GeoSeries, GeoJSON, or path
        Four numbers, or their text, ``"-50,69,-48,70"``, are west, south, east, north in
        degrees. A table is re-projected to longitude and latitude by its CRS; without one
        its numbers have to be degrees.
        Straight edges of its projection are followed to a few centimetres, and to a few
        metres within 10 km of a pole. GeoJSON is a dict or its text: Feature,
        FeatureCollection or geometry; or anything that has ``__geo_interface__``. A file is
        GeoJSON, shapefile, GeoPackage, KML or GeoParquet.

    Raises
    ------
    RegionError
        If it is none of these, or no region.
    MissingDependencyError
        If shapely or geopandas is needed and not installed.
    NotFoundError, FormatError
        If there is no such file, or no shapes can be read from it.
    """
    if isinstance(what, Region):
        return what
    if isinstance(what, str) and what.lstrip().startswith("{"):
        return _of_geojson(_parsed(what))
    if isinstance(what, str) and _NUMBERS.fullmatch(what):
        return _of_numbers(what.strip(" ()[]").split(","))
    if isinstance(what, str | os.PathLike):
        return _of_table(_read(Path(what).expanduser()))
    if isinstance(what, Mapping):
        return _of_geojson(what)
    if hasattr(what, "crs") and hasattr(what, "to_crs"):  # a table of geopandas
        return _of_table(what)
    if hasattr(what, "geom_type"):
        return Region.of(what)
    if hasattr(what, "__geo_interface__"):
        return _of_geojson(what.__geo_interface__)
    if isinstance(what, Sequence | np.ndarray):
        return _of_numbers(what)
    raise RegionError(f"A {type(what).__name__} is no region", fix=_FIX)


def _of_numbers(what: Any) -> Region:
    if len(what) != 4:
        said = f"{len(what)} values" if len(what) != 1 else "1 value"
        raise RegionError(f"A region is 4 numbers, not {said}", fix=_FIX)
    return Region.bbox(*what)


def _of_geojson(what: Mapping[str, Any]) -> Region:
    shapely = _shapely()
    _check_crs(what)
    geometries = _geometries(what, 0)
    if not geometries:
        raise RegionError("The GeoJSON has no geometry in it", fix=_FIX)
    try:
        shapes = [shapely.geometry.shape(geometry) for geometry in geometries]
    except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        raise RegionError(f"The GeoJSON has a geometry that is none: {error}", fix=_FIX) from error
    except shapely.errors.ShapelyError as error:
        raise RegionError(f"The GeoJSON has a geometry that is none: {error}", fix=_FIX) from error
    return Region.of(shapes[0] if len(shapes) == 1 else shapely.GeometryCollection(shapes))


def _parsed(text: str) -> Mapping[str, Any]:
    """The GeoJSON that a text is."""
    try:
        found: Mapping[str, Any] = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RegionError(f"The GeoJSON cannot be read: {str(error)[:80]}", fix=_FIX) from None
    return found


def _geometries(what: Any, depth: int) -> list[Mapping[str, Any]]:
    """The geometries of GeoJSON, out of features and collections of them."""
    kind = what.get("type") if isinstance(what, Mapping) else None
    if depth > _DEEPEST:
        raise RegionError("The GeoJSON is nested too deep", fix=_FIX)
    if kind == "FeatureCollection" and isinstance(what.get("features"), Sequence):
        return [g for feature in what["features"] for g in _geometries(feature, depth + 1)]
    if kind == "Feature":
        return [] if what.get("geometry") is None else _geometries(what["geometry"], depth + 1)
    if kind == "GeometryCollection" and isinstance(what.get("geometries"), Sequence):
        return [g for geometry in what["geometries"] for g in _geometries(geometry, depth + 1)]
    if kind in _GEOMETRIES and "coordinates" in what:
        return [what]
    raise RegionError(f"There is no GeoJSON of type {str(kind)[:40]!r}", fix=_FIX)


def _check_crs(what: Mapping[str, Any]) -> None:
    """Stop at the old way of saying that coordinates are no degrees (GeoJSON 2008)."""
    crs = what.get("crs")
    name = str((crs.get("properties") or {}).get("name", "")) if isinstance(crs, Mapping) else ""
    if name and not name.upper().endswith(("CRS84", "EPSG::4326", "EPSG:4326")):
        raise RegionError(
            f"The GeoJSON is in {name[:80]}, not in longitude and latitude",
            fix="Read it with geopandas.read_file, and give the table: it is re-projected.",
        )


def _of_table(table: Any) -> Region:
    """The shapes of a GeoDataFrame or GeoSeries."""
    shapes = table.geometry
    if table.crs is not None:
        shapes = _in_degrees(shapes)
    shapes = [shape for shape in shapes if shape is not None and not shape.is_empty]
    if not shapes:
        raise RegionError("The table has no shapes in it", fix="Give it at least one polygon.")
    return Region.of(shapes[0] if len(shapes) == 1 else _shapely().GeometryCollection(shapes))


def _in_degrees(shapes: Any) -> Any:
    """Re-projected to longitude and latitude, with corners close enough for the curves."""
    if shapes.crs.is_geographic:
        return shapes.to_crs("OGC:CRS84")
    west, south, east, north = shapes.total_bounds
    metre = 1 / shapes.crs.axis_info[0].unit_conversion_factor
    longest = min(max(east - west, north - south) / 200, _STEP * metre)
    longest = max(longest, float(shapes.length.sum()) / _CORNERS)
    finer = shapes.segmentize(longest) if np.isfinite(longest) and longest > 0 else shapes
    return finer.to_crs("OGC:CRS84")  # a ring round a pole is closed there by Region.of


def _read(path: Path) -> Any:
    """The table in a file."""
    try:
        there = path.exists()
    except (OSError, ValueError):  # too long for a name, or no name at all
        there = False
    if not there:
        raise NotFoundError(
            "There is no such file of shapes",
            url=str(path)[:200],
            fix=f"Check the path. {_FIX}",
        )
    try:
        import geopandas
    except ImportError as error:
        raise MissingDependencyError(
            "Regions in files need geopandas",
            fix='Install it: pip install "cryodata-earth[geo]"',
        ) from error
    try:
        if path.suffix.lower() in _PARQUET:
            return geopandas.read_parquet(path)
        return geopandas.read_file(path)
    except CryodataError:
        raise
    except Exception as error:
        why = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise FormatError(
            f"No shapes can be read from the file: {why}",
            url=str(path),
            fix="GeoJSON, shapefile, GeoPackage, KML and GeoParquet are read.",
        ) from error


def _shapely() -> Any:
    try:
        import shapely
        import shapely.errors
        import shapely.geometry
    except ImportError as error:
        raise MissingDependencyError(
            "Regions that are no plain box need shapely",
            fix='Install it: pip install "cryodata-earth[geo]"',
        ) from error
    return shapely
