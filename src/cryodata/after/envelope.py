"""What is known of tracks before any row is read: the bounds of their chunks, to be drawn."""

from __future__ import annotations

import numpy as np

from cryodata.after.drawing import Bins
from cryodata.after.rows import TrackRows
from cryodata.errors import SelectionError
from cryodata.granule import GranuleFile
from cryodata.products import join_path, parse_name
from cryodata.provenance import Provenance
from cryodata.types import AnyArray
from cryodata.zones.zone_map import ZoneMap

__all__ = ["bins_of_bounds"]


def bins_of_bounds(rows: TrackRows, height: str, along: str) -> Bins:
    """A bin per chunk of each track, from the kept bounds of its values; nothing is read.

    Parameters
    ----------
    rows : TrackRows
    height : str
        Variable of one number per row; m.
    along : {"time", "latitude"}
        Axis of the profile.

    Raises
    ------
    SelectionError
        Nothing is known of the heights, or places, of any chunk.
    """
    files = _files(rows)
    names = ("longitude", "latitude", along, height)
    paths = {name: rows.dataset[name].attrs.get("hdf5_path", "") for name in names}
    found: dict[str, list[AnyArray]] = {name: [] for name in (*names, "low", "high", "track")}
    places = tuple(dict.fromkeys(("longitude", "latitude", along)))
    granules, beams = rows.label("granule"), rows.label("beam")
    for track, (granule, beam) in enumerate(zip(granules, beams, strict=True)):
        file = files.get(str(granule))
        if file is None:
            continue
        bounds = {
            name: zones
            for name, path in paths.items()
            if (zones := file.zone_map("/" + join_path(str(beam), path))) is not None
        }
        if len(bounds) < len(paths) or len({len(zones) for zones in bounds.values()}) != 1:
            continue
        shown = np.all([zones.valid[:, 0] > 0 for zones in bounds.values()], axis=0)
        for name in places:
            found[name].append(_middle(bounds[name])[shown])
        found["low"].append(bounds[height].low[shown, 0])
        found["high"].append(bounds[height].high[shown, 0])
        found["track"].append(np.full(int(shown.sum()), track))
    if not any(map(len, found["track"])):
        raise SelectionError(
            f"Nothing is known yet of the chunks of {height}: they were not read before",
            fix="quicklook() reads some rows; after a first read, read=False draws what is kept.",
        )
    joined = {name: np.concatenate(parts) for name, parts in found.items() if parts}
    return Bins(
        track=joined["track"].astype(np.int64),
        longitude=joined["longitude"],
        latitude=joined["latitude"],
        x=_as_time(joined["time"], rows) if along == "time" else joined["latitude"],
        low=joined["low"],
        high=joined["high"],
        height=(joined["low"] + joined["high"]) / 2,
    )


def _files(rows: TrackRows) -> dict[str, GranuleFile]:
    """Granules by the name that tracks know them by."""
    origin = rows.dataset.encoding.get("cryodata")
    files = origin.files if isinstance(origin, Provenance) else ()
    return {str(parse_name(file.url) or file.url.rsplit("/", 1)[-1]): file for file in files}


def _middle(zones: ZoneMap) -> AnyArray:
    return np.asarray((zones.low[:, 0] + zones.high[:, 0]) / 2)


def _as_time(seconds: AnyArray, rows: TrackRows) -> AnyArray:
    """Seconds since the product's epoch as UTC, to the microsecond: for an axis."""
    product = rows.product
    if product is None or product.epoch is None:
        raise SelectionError("The product's times have no epoch", fix='Take along="latitude".')
    return np.asarray(product.epoch + np.round(seconds * 1e6).astype("m8[us]"))
