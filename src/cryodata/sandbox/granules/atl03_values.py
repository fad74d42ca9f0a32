"""Geolocated photons: some hundred in each segment of 20 m, and what is known per segment."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryodata.sandbox.granules.filler import coarse, fill_column, flag_runs
from cryodata.sandbox.granules.hdf5_writer import Column
from cryodata.sandbox.granules.template import DatasetSpec, Template
from cryodata.sandbox.granules.track import SEGMENT, Beam, FloatArray, Pass

__all__ = ["Photons", "beam_columns", "track_length"]

AnyArray = NDArray[Any]
IntArray = NDArray[np.int64]

PHOTONS_PER_SEGMENT = 170
"""Of a strong beam, on average."""
WEAK = 0.6
"""Photons of a weak beam, as a share of a strong one's."""
DARK = 0.15
"""Share of segments without any photon."""
PULSE = 1e-4
"""Time between two laser pulses, s."""
PULSES_PER_SEGMENT = 28.57
NOISE = 0.25
"""Share of photons that are background; they come in stretches."""
STRETCH = 300
"""Segments whose photons are made at once."""
STRETCHES = 10
"""Stretches kept in memory per beam: as many as all variables of a round need in turn."""
_RATES = {
    "bckgrd_atlas": 0.55,
    "signal_find_output/land": 0.32,
    "signal_find_output/ocean": 0.31,
    "signal_find_output/sea_ice": 0.3,
    "signal_find_output/land_ice": 0.29,
    "signal_find_output/inlandwater": 0.28,
}
"""Rows per segment of the groups that have a rate of their own."""


def track_length(photons: int) -> float:
    """How far a granule whose strong beams have `photons` photons reaches, m."""
    return _segments(photons) * SEGMENT


def _segments(photons: int) -> int:
    """Segments of a granule whose strong beams have `photons` photons."""
    return max(1, round(photons / PHOTONS_PER_SEGMENT))


class Photons:
    """The photons of one beam, made in stretches: a beam may be larger than memory.

    Parameters
    ----------
    along, beam
        Where it looks.
    photons : int
        Of a strong beam.
    seed : int
        Makes them repeatable: `Facts.noise_seed` of the ATL03 granule.

    Attributes
    ----------
    count : (segment,) int64
        Photons per segment of 20 m.
    """

    def __init__(self, along: Pass, beam: Beam, photons: int, seed: int) -> None:
        self._along = along
        self._beam = beam
        self._seed = seed
        rng = np.random.default_rng([seed, 3, beam.number, 1])
        segments = _segments(photons)
        self.count = _photons_per_segment(
            round(photons * (1 if beam.strong else WEAK)), segments, rng
        )
        self._stop = np.concatenate([[0], np.cumsum(self.count)])
        self._knots = _distances(along, segments + 1)
        self._latitude, self._longitude = along.position(self._knots, beam.offset)
        self._height = along.height(self._knots, beam.offset)
        self.stretch = lru_cache(maxsize=STRETCHES)(self._stretch)  # asked for once per variable

    @property
    def segment_id(self) -> IntArray:
        """Number of each segment, counted along the track from the equator, (segment,)."""
        return (self._knots[:-1] / SEGMENT).round().astype(np.int64)

    def stretches(self) -> range:
        """Numbers of the stretches."""
        return range(-(-len(self.count) // STRETCH))

    def rows(self, number: int) -> slice:
        """Photons of a stretch."""
        first = number * STRETCH
        last = min(first + STRETCH, len(self.count))
        return slice(int(self._stop[first]), int(self._stop[last]))

    def _stretch(self, number: int) -> Mapping[str, AnyArray]:
        """Variables of ``heights`` for the photons of one stretch.

        And what ``heights`` has not: ``segment``, the index of each photon's segment, and
        ``ground``, the height of the ground under it.
        """
        rng = np.random.default_rng([self._seed, 3, self._beam.number, 2, number])
        first = number * STRETCH
        own = self.count[first : first + STRETCH]
        segment = first + np.repeat(np.arange(len(own)), own)
        count = len(segment)
        place = np.sort(segment + rng.random(count))  # stays inside its segment
        pulse = np.floor(place * PULSES_PER_SEGMENT)
        shot = pulse / PULSES_PER_SEGMENT
        inside = np.clip(shot - segment, 0.0, 1.0) * SEGMENT
        noise = flag_runs(rng, count, np.array([False, True]), change=0.15, share=NOISE)
        knots = np.arange(len(self._knots))
        ground = np.interp(shot, knots, self._height)
        height = ground + 0.2 * rng.standard_normal(count)
        height[noise] += rng.uniform(-60, 60, noise.sum())
        across = self._beam.offset + rng.standard_normal(count)
        slant = 1e-7 * rng.standard_normal(count)
        sure = flag_runs(rng, count, np.array([4, 3, 2]), change=0.05, share=0.2)
        level = np.where(noise, flag_runs(rng, count, np.array([0, 1]), change=0.02), sure)
        time = self._along.delta_time(self._along.begin) + pulse * PULSE
        return {
            "segment": segment,
            "ground": ground,
            "delta_time": time,
            "lat_ph": np.interp(place, knots, self._latitude) + slant,
            "lon_ph": _between(place, knots, self._longitude) + slant,
            "h_ph": height,
            "dist_ph_along": inside + 0.5 * rng.random(count),
            "dist_ph_across": coarse(across.astype("f4"), 17),
            "signal_conf_ph": _confidence(level),
            "quality_ph": flag_runs(rng, count, np.array([0, 1, 2]), change=0.0015),
            "signal_class_ph": level,
            "ph_id_channel": (1 if self._beam.strong else 60) + rng.integers(0, 8, count),
            "ph_id_count": 1 + _place_in_pulse(pulse),
            "ph_id_pulse": pulse % 200,
            "pce_mframe_cnt": 33_000_000 + (pulse // 200),
            "weight_ph": np.where(noise, 0, 255 - np.abs(50 * (height - ground)).clip(0, 200)),
        }

    def column(self, spec: DatasetSpec, name: str) -> Column:
        """One variable of ``heights``."""

        def take(start: int, stop: int) -> AnyArray:
            pieces = [np.empty((0, *spec.trail), spec.dtype)]
            for number in self.stretches():
                rows = self.rows(number)
                if rows.start < stop and rows.stop > start:
                    own = slice(max(0, start - rows.start), stop - rows.start)
                    pieces.append(self.stretch(number)[name][own].astype(spec.dtype))
            return np.concatenate(pieces)

        return Column(int(self._stop[-1]), take)


def _between(place: FloatArray, knots: AnyArray, longitude: FloatArray) -> FloatArray:
    """Longitude at `place`, -180..180 degrees, also where it jumps at the antimeridian."""
    smooth = np.unwrap(longitude, period=360.0)
    between: FloatArray = (np.interp(place, knots, smooth) + 180.0) % 360.0 - 180.0
    return between


def _confidence(level: IntArray) -> IntArray:
    """(photon, surface type): -1 where the surface type does not apply here."""
    away = np.full_like(level, -1)
    return np.stack([level, away, away, level, away], axis=1)


def _place_in_pulse(pulse: FloatArray) -> IntArray:
    """0 for the first photon of each pulse, 1 for the second, ..."""
    first = np.concatenate([[True], np.diff(pulse) > 0])
    rows = np.arange(len(pulse))
    return rows - np.maximum.accumulate(np.where(first, rows, 0))


def beam_columns(
    along: Pass, beam: Beam, template: Template, photons: int, seed: int
) -> tuple[Mapping[str, Column], FloatArray, FloatArray]:
    """Datasets with rows of one beam by absolute path, and where its segments are.

    Returns
    -------
    columns : mapping of str to Column
    latitude, longitude : (segment,) float64
        Degrees.
    """
    rng = np.random.default_rng([seed, 3, beam.number])
    made = Photons(along, beam, photons, seed)
    segments = len(made.count)
    known = _geolocation(along, beam, made, rng)
    columns: dict[str, Column] = {}
    for path, spec in template.beam_datasets().items():
        group, _, name = path.rpartition("/")
        rows = round(segments * _RATES.get(group, 1.0))
        if group == "heights":
            column = made.column(spec, name)
        elif path in known:
            column = Column.of(known[path].astype(spec.dtype))
        elif name == "delta_time":
            x: FloatArray = np.linspace(along.begin, along.begin + along.length, rows)
            column = Column.of(along.delta_time(x))
        else:
            column = Column.of(fill_column(rng, spec, rows))
        columns[f"/{beam.name}/{path}"] = column
    return (
        columns,
        known["geolocation/reference_photon_lat"],
        known["geolocation/reference_photon_lon"],
    )


def _distances(along: Pass, segments: int) -> FloatArray:
    """Where segments begin, m from the equator."""
    return (along.begin + np.arange(segments) * SEGMENT).astype(np.float64)


def _photons_per_segment(photons: int, segments: int, rng: np.random.Generator) -> IntArray:
    """Photons of each segment; their sum is `photons`, and stretches have none."""
    weight = rng.gamma(100, 1 / 100, segments)
    run = max(1, segments // 400)
    dark = np.repeat(rng.random(-(-segments // run)) < DARK, run)[:segments]
    if not dark.all():
        weight[dark] = 0
    return rng.multinomial(photons, weight / weight.sum())


def _geolocation(
    along: Pass, beam: Beam, photons: Photons, rng: np.random.Generator
) -> dict[str, AnyArray]:
    count = photons.count
    segments = len(count)
    x = _distances(along, segments)
    middle = x + SEGMENT * rng.uniform(0.3, 0.7, segments)
    latitude, longitude = along.position(middle, beam.offset)
    first = np.concatenate([[0], np.cumsum(count)[:-1]]) + 1
    degraded = flag_runs(rng, segments, np.array([0, 1]), change=0.001, share=0.02)
    return {
        "geolocation/delta_time": along.delta_time(x),
        "geolocation/segment_id": photons.segment_id,
        "geolocation/segment_dist_x": x,
        "geolocation/segment_length": np.full(segments, SEGMENT),
        "geolocation/segment_ph_cnt": count,
        "geolocation/ph_index_beg": np.where(count, first, 0),
        "geolocation/reference_photon_index": np.where(count, 1 + count // 2, 0),
        "geolocation/reference_photon_lat": latitude,
        "geolocation/reference_photon_lon": coarse(longitude, 50),
        "geolocation/solar_elevation": -12 + 3 * np.sin(x / 1e6),
        "geolocation/surf_type": np.tile(np.array([1, 0, 0, 1, 0]), (segments, 1)),
        "geolocation/podppd_flag": degraded,
        "geophys_corr/delta_time": along.delta_time(x),
        "geophys_corr/geoid": 30 + 5 * np.sin(x / 2e5),
        "geophys_corr/dem_h": along.height(x, beam.offset) + rng.standard_normal(segments),
    }
