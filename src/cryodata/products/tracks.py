"""Beams, spots, and which of them are strong.

ATLAS flies in one of two orientations. Forward, the right beam of each pair is strong;
backward, the left one is. Odd spots are strong in both.

Sources: ATL03 data dictionary (``orbit_info/sc_orient``, ``gtx`` group attributes); the
table of spots agrees with the 20 real files it was compared with.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryodata.products.registry import text

__all__ = [
    "BACKWARD",
    "FORWARD",
    "TRANSITION",
    "Spot",
    "spot_from_attributes",
    "spots_from_orientation",
]

BACKWARD, FORWARD, TRANSITION = 0, 1, 2
"""Values of ``orbit_info/sc_orient``."""

_SPOTS_FORWARD = {"gt1l": 6, "gt1r": 5, "gt2l": 4, "gt2r": 3, "gt3l": 2, "gt3r": 1}


@dataclass(frozen=True, slots=True)
class Spot:
    """One laser spot on the ground.

    Attributes
    ----------
    number : int
        1-6; 0 where undefined, because the spacecraft was turning or the file does not say.
    """

    number: int

    @property
    def strong(self) -> bool:
        """A strong beam; False where undefined."""
        return self.number % 2 == 1

    @property
    def weak(self) -> bool:
        """A weak beam; False where undefined."""
        return self.number > 0 and not self.strong


UNDEFINED = Spot(0)


def spot_from_attributes(attributes: Mapping[str, Any]) -> Spot:
    """The spot a track's own group attributes name.

    Parameters
    ----------
    attributes : mapping
        Of the group ``gtxx``: ``atlas_spot_number``, ``sc_orientation``. Either may be
        a fixed string, a text, or an array of one.

    Returns
    -------
    Spot
        Undefined in transition, and where the attributes are missing or contradict
        each other (``atlas_beam_type``).
    """
    if text(attributes.get("sc_orientation")).lower().startswith("trans"):
        return UNDEFINED
    number = text(attributes.get("atlas_spot_number"))
    if number not in {"1", "2", "3", "4", "5", "6"}:
        return UNDEFINED
    spot = Spot(int(number))
    said = text(attributes.get("atlas_beam_type")).lower()
    if said in {"strong", "weak"} and (said == "strong") != spot.strong:
        return UNDEFINED
    return spot


def spots_from_orientation(sc_orient: NDArray[np.integer[Any]]) -> dict[str, Spot]:
    """The spot of each track from the spacecraft's orientation.

    Parameters
    ----------
    sc_orient : (change,) int
        0 backward, 1 forward, 2 transition: one value per change of orientation.

    Returns
    -------
    dict
        Track name to spot. Undefined for all where the orientation changed inside the
        granule or the spacecraft was turning: the same track is then strong in one part
        of the rows and weak in another.
    """
    values = set(np.asarray(sc_orient).ravel().tolist())
    if values == {FORWARD}:
        return {track: Spot(number) for track, number in _SPOTS_FORWARD.items()}
    if values == {BACKWARD}:
        return {track: Spot(7 - number) for track, number in _SPOTS_FORWARD.items()}
    return dict.fromkeys(_SPOTS_FORWARD, UNDEFINED)
