"""Land and vegetation heights: what the photons of an ATL03 granule are, and 100 m of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryodata.sandbox.granules.atl03_values import Photons
from cryodata.sandbox.granules.track import SEGMENT, Beam, FloatArray, Pass

__all__ = ["classified"]

AnyArray = NDArray[Any]
IntArray = NDArray[np.int64]

NOISE, GROUND, CANOPY, TOP = 0, 1, 2, 3
"""Values of ``classed_pc_flag``."""
SEGMENTS = 5
"""Segments of 20 m in a land segment."""
_SURE = 2
"""From this confidence on, a photon of ATL03 is signal."""
_CANOPY, _TOP, _ABOVE = 2.0, 20.0, 30.0
"""Above ground, m: where leaves begin, the top of canopy begins, and all ends."""
_DOUBTFUL = 0.1
"""Share of the background photons that are looked at, and found to be noise."""


def classified(
    along: Pass, beam: Beam, photons: Photons, seed: int
) -> tuple[Mapping[str, FloatArray], Mapping[str, AnyArray]]:
    """One beam of ATL08 over the photons of the same beam of ATL03.

    Parameters
    ----------
    along, beam
        Where both look.
    photons : Photons
        Of ATL03.
    seed : int
        `Facts.noise_seed` of the granule of ATL08.

    Returns
    -------
    x : mapping of str to (row,) float64
        Where the rows of ``land_segments`` and ``signal_photons`` look, m along track. Land
        segments without a photon that was classified have no row.
    known : mapping of str to (row,) array
        Variables by their path below the beam, as far as they follow from the photons.
    """
    pieces = [_stretch(photons, number, seed, beam) for number in photons.stretches()]
    made = {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]}
    segment = made.pop("segment")
    x, land = _land(along, segment, photons.segment_id, made)
    return (
        {"land_segments": x, "signal_photons": along.begin + segment * SEGMENT},
        {
            **{f"signal_photons/{name}": values for name, values in made.items()},
            **{f"land_segments/{name}": values for name, values in land.items()},
        },
    )


def _stretch(photons: Photons, number: int, seed: int, beam: Beam) -> dict[str, AnyArray]:
    """Variables of ``signal_photons`` for one stretch, and the index of the segment."""
    rng = np.random.default_rng([seed, 8, beam.number, number])
    seen = photons.stretch(number)
    segment = seen["segment"]
    above = seen["h_ph"] - seen["ground"]
    signal = seen["signal_class_ph"] >= _SURE
    canopy = ~signal & (above > _CANOPY) & (above < _ABOVE)
    found = np.select([signal, canopy & (above > _TOP), canopy], [GROUND, TOP, CANOPY], NOISE)
    kept = signal | canopy | (rng.random(len(segment)) < _DOUBTFUL)
    place = np.arange(len(segment)) - np.searchsorted(segment, segment)  # inside its segment
    return {
        "segment": segment[kept],
        "delta_time": seen["delta_time"][kept],
        "ph_h": above[kept],
        "ph_segment_id": photons.segment_id[segment[kept]],
        "classed_pc_indx": 1 + place[kept],
        "classed_pc_flag": found[kept],
        "d_flag": (found[kept] != NOISE).astype(np.int8),
    }


def _land(
    along: Pass, segment: IntArray, segment_id: IntArray, photons: Mapping[str, AnyArray]
) -> tuple[FloatArray, dict[str, AnyArray]]:
    """Middles of the land segments with photons, m along track, and their variables."""
    row, first, count = np.unique(segment // SEGMENTS, return_index=True, return_counts=True)
    of_row = np.repeat(np.arange(len(row)), count)
    found = photons["classed_pc_flag"]

    def number(kind: int) -> IntArray:
        return np.bincount(of_row[found == kind], minlength=len(row))

    begin = row * SEGMENTS
    middle: FloatArray = along.begin + SEGMENT * (begin.astype(np.float64) + SEGMENTS / 2)
    return middle, {
        "delta_time_beg": photons["delta_time"][first],
        "delta_time_end": photons["delta_time"][first + count - 1],
        "segment_id_beg": segment_id[begin],
        "segment_id_end": segment_id[np.minimum(begin + SEGMENTS, len(segment_id)) - 1],
        "ph_ndx_beg": 1 + first,
        "n_seg_ph": count,
        "terrain/n_te_photons": number(GROUND),
        "canopy/n_ca_photons": number(CANOPY),
        "canopy/n_toc_photons": number(TOP),
    }
