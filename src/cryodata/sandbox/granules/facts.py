"""What a granule says about itself: name, times, orbit, extent."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from cryodata.products import Product
from cryodata.products.tracks import FORWARD
from cryodata.sandbox.granules.names import file_name, said_region, said_start
from cryodata.sandbox.granules.template import Attributes
from cryodata.sandbox.granules.track import SEGMENT, FloatArray, Pass

__all__ = ["Facts"]

_SDP_GPS_EPOCH = 1198800018.0
"""GPS seconds of 2018-01-01T00:00:00 UTC, leap seconds included."""
_WEEK = 7 * 86400
_CONTROL_BYTES = 100_000
_ISO_BYTES = 24_000
"""Size of the two XML documents in ``/METADATA`` of a real granule, about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """One granule.

    Attributes
    ----------
    product : Product
    release : str
        ``006``.
    revision : int
        Of the granule, from 1.
    along : Pass
        Where it was taken.
    seed : int
        What it was made from.
    orientations : tuple of int
        How the spacecraft flies: from before the start on, and after each of the changes,
        which come at equal distances.
    cycles : int
        How many cycles the granule holds.
    """

    product: Product
    release: str
    revision: int
    along: Pass
    seed: int
    orientations: tuple[int, ...] = (FORWARD,)
    cycles: int = 1

    @property
    def _last(self) -> float:
        return self.along.begin + self.along.length

    @property
    def noise_seed(self) -> int:
        """Seed of all but the terrain, which is the same at each visit."""
        along = self.along
        return ((self.seed * 2000 + along.rgt) * 100 + along.cycle) * 100 + self.revision

    @property
    def file_name(self) -> str:
        """As NASA names granules."""
        return file_name(
            self.product.short_name,
            self.along,
            release=self.release,
            revision=self.revision,
            cycles=self.cycles,
        )

    def fixed(self) -> Mapping[str, Any]:
        """Datasets without rows, by path."""
        along = self.along
        name_of_product = self.product.short_name
        asked = along.utc(said_start(name_of_product, along)), along.utc(self._last)
        values: dict[str, Any] = {
            "atlas_sdp_gps_epoch": _SDP_GPS_EPOCH,
            "control": self._control(),
            "release": f"{self.release:<80}",  # text is padded with blanks
            "version": f"{self.revision:02d}".ljust(80),
        }
        for name, x, utc in zip(("start", "end"), (along.begin, self._last), asked, strict=True):
            seconds = float(along.delta_time(x))
            gps = seconds + _SDP_GPS_EPOCH
            values[f"data_{name}_utc"] = _iso(along.utc(x))
            values[f"granule_{name}_utc"] = _iso(utc.replace(microsecond=0))
            values[f"{name}_delta_time"] = seconds
            values[f"{name}_gpsweek"] = int(gps // _WEEK)
            values[f"{name}_gpssow"] = gps % _WEEK
            values[f"{name}_geoseg"] = int(x / SEGMENT)
            values[f"{name}_rgt"] = along.rgt
            values[f"{name}_orbit"] = along.orbit
            values[f"{name}_region"] = said_region(name_of_product, along)
            values[f"{name}_cycle"] = along.cycle + (self.cycles - 1) * (name == "end")
        return {f"/ancillary_data/{name}": value for name, value in values.items()}

    def orbit(self) -> Mapping[str, Any]:
        """Datasets of ``/orbit_info``, by path: a row per crossing and per orientation."""
        along = self.along
        parts = len(self.orientations)
        changes = [along.begin - 1e6, *(along.begin + along.length * np.arange(1, parts) / parts)]
        values = {
            "crossing_time": along.delta_time(0.0),
            "cycle_number": along.cycle,
            "lan": along.lan,
            "orbit_number": along.orbit,
            "rgt": along.rgt,
            "sc_orient": self.orientations,
            "sc_orient_time": along.delta_time(np.array(changes)),
        }
        return {f"/orbit_info/{name}": np.atleast_1d(value) for name, value in values.items()}

    def attributes(
        self, latitude: Sequence[FloatArray], longitude: Sequence[FloatArray]
    ) -> Mapping[str, Attributes]:
        """Attributes of this granule, by path.

        Parameters
        ----------
        latitude, longitude : sequence of (row,) float64
            Of each beam, degrees; empty sequences where there is no beam with rows.
        """
        north, south = _extremes(latitude)
        east, west = _extremes(longitude)
        begin, end = self.along.utc(self.along.begin), self.along.utc(self._last)
        made = _iso(end + timedelta(days=40))
        identity = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{self.file_name} seed {self.seed}"))
        release = str(int(self.release))
        product = self.product.short_name
        doi = self.product.doi.format(release=self.release)
        return {
            "/": {
                "synthetic": f"cryodata sandbox, seed {self.seed}",
                "citation": "Synthetic data of the cryodata sandbox. Not to be cited.",
                "contributor_name": "cryodata sandbox",
                "contributor_role": "Data Producer",
                "history": f"{made};{identity};Created by the cryodata sandbox",
                "license": "As the cryodata package.",
                "date_created": made,
                "geospatial_lat_max": north,
                "geospatial_lat_min": south,
                "geospatial_lon_max": east,
                "geospatial_lon_min": west,
                "identifier_file_uuid": identity,
                "identifier_product_doi": f"doi:{doi}",
                "time_coverage_duration": np.float64((end - begin).total_seconds()),
                "time_coverage_end": _iso(end),
                "time_coverage_start": _iso(begin),
            },
            "/METADATA": {f"iso_19139_{part}_xml": _xml(part) for part in ("dataset", "series")},
            "/METADATA/DatasetIdentification": {
                "VersionID": release.zfill(3),
                "creationDate": made,
                "fileName": self.file_name,
                "shortName": product,
                "uuid": identity,
            },
            "/METADATA/SeriesIdentification": {"VersionID": release.zfill(3)},
            "/METADATA/Extent": {
                "eastBoundLongitude": east,
                "northBoundLatitude": north,
                "rangeBeginningDateTime": _iso(begin),
                "rangeEndingDateTime": _iso(end),
                "southBoundLatitude": south,
                "westBoundLongitude": west,
            },
        }

    def _control(self) -> bytes:
        """The control file of the writer, padded to its fixed size."""
        lines = [f"OUT_{self.product.short_name}={self.file_name}", f"SEED={self.seed}"]
        lines += [f"PARAMETER_{i:04d}={i * 7919 % 10_007}" for i in range(2000)]
        return "\n".join(lines).encode().ljust(_CONTROL_BYTES)[:_CONTROL_BYTES]


def _iso(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S.%f}Z"


def _extremes(values: Sequence[FloatArray]) -> tuple[np.float64, np.float64]:
    """Largest and smallest of all; NaN where there is nothing."""
    known = [v for v in values if len(v)]
    if not known:
        return np.float64("nan"), np.float64("nan")
    return np.float64(max(v.max() for v in known)), np.float64(min(v.min() for v in known))


def _xml(part: str) -> str:
    """A document as long as the real one."""
    line = f"  <gco:CharacterString>Synthetic {part} metadata</gco:CharacterString>\n"
    return '<?xml version="1.0"?>\n' + line * (_ISO_BYTES // len(line))
