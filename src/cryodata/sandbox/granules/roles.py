"""What a variable of a product is, where its table does not say."""

from __future__ import annotations

import re

from cryodata.sandbox.granules.template import DatasetSpec

__all__ = ["is_height", "role_of"]

_HEIGHT = re.compile(r"^(?:h|ht|elev|elevation)_|(?:^|(?<!ph)_)(?:h|ht|height|elv|elev|elevation)$")
_NO_HEIGHT = re.compile(r"sig|unc|std|skew|dif|rms|err|spr|bsnow|slope|canopy(?!.*abs)|width|bias")
_ALONG = {"x_atc", "seg_dist_x", "segment_dist_x", "dist_x"}
_NUMBERED = re.compile(r"^(?:segment_id|geoseg|ref_pt$|ph_segment_id|index_seg)")


def role_of(name: str, spec: DatasetSpec) -> str | None:
    """What a variable is by its units and name; None where they do not tell.

    Returns
    -------
    {"time", "latitude", "longitude", "along", "number", "height"} or None
        ``along`` is a distance along the track, ``number`` that of a segment of 20 m.
    """
    units = str(spec.attributes.get("units", "")).lower()
    if units.startswith("seconds since"):
        return "time"
    if units.replace(" ", "_") in {"degrees_north", "degrees_east"}:
        place = re.search(r"lat|lon", name)
        return {"lat": "latitude", "lon": "longitude"}[place.group()] if place else None
    if name in _ALONG:
        return "along"
    if _NUMBERED.match(name) and spec.dtype.kind in "iu":
        return "number"
    return "height" if is_height(name, spec) else None


def is_height(path: str, spec: DatasetSpec) -> bool:
    """Whether a variable is a height of the ground, by its units and name."""
    name = path.rpartition("/")[2]
    metres = str(spec.attributes.get("units", "")) in {"meters", "meter", "m", "metres"}
    return (
        spec.dtype.kind == "f"
        and metres
        and bool(_HEIGHT.search(name))
        and not _NO_HEIGHT.search(name)
    )
