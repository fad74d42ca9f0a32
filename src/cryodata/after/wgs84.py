"""EPSG:4326 as PROJJSON, so that no PROJ is needed to write it down."""

from __future__ import annotations

from typing import Any

__all__ = ["WGS84"]

_YEARS = {
    "Transit": 1166,
    "G730": 1152,
    "G873": 1153,
    "G1150": 1154,
    "G1674": 1155,
    "G1762": 1156,
    "G2139": 1309,
    "G2296": 1383,
}
"""Realisations of WGS 84 and their codes of EPSG; G2139 and G2296 are ITRF2014 and ITRF2020 to
within a centimetre."""


def _epsg(code: int) -> dict[str, Any]:
    return {"authority": "EPSG", "code": code}


WGS84: dict[str, Any] = {
    "$schema": "https://proj.org/schemas/v0.7/projjson.schema.json",
    "type": "GeographicCRS",
    "name": "WGS 84",
    "datum_ensemble": {
        "name": "World Geodetic System 1984 ensemble",
        "members": [
            {"name": f"World Geodetic System 1984 ({name})", "id": _epsg(code)}
            for name, code in _YEARS.items()
        ],
        "ellipsoid": {
            "name": "WGS 84",
            "semi_major_axis": 6378137,
            "inverse_flattening": 298.257223563,
        },
        "accuracy": "2.0",
        "id": _epsg(6326),
    },
    "coordinate_system": {
        "subtype": "ellipsoidal",
        "axis": [
            {
                "name": "Geodetic latitude",
                "abbreviation": "Lat",
                "direction": "north",
                "unit": "degree",
            },
            {
                "name": "Geodetic longitude",
                "abbreviation": "Lon",
                "direction": "east",
                "unit": "degree",
            },
        ],
    },
    "id": _epsg(4326),
}
"""Latitude and longitude in degrees."""
