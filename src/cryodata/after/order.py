"""Whether rows follow a track, or were sorted by something else since they were opened."""

from __future__ import annotations

import numpy as np

from cryodata.errors import SelectionError
from cryodata.types import AnyArray

__all__ = ["check_order"]

_STEPS = 2_000
"""Steps looked at: sorted rows show at once."""
_SHARE = 0.1
"""Of the steps that may be odd: a sort makes nearly all of them so, a glitch a few."""
_BACK = 1e-6
"""s that time may go back: the last bit of a double at 3e8 s is 6e-8."""
_JUMP, _SPEED, _RADIUS = 1.0, 10.0, 6371.0
"""km between neighbours at one time, which is less than pairs of beams are apart (3.3); km/s, which
is more than any spot moves (7); and of the Earth, km."""


def check_order(beam: str, time: AnyArray, latitude: AnyArray, longitude: AnyArray) -> None:
    """Raise where neighbouring rows of a track cannot be neighbours.

    Rows that were sorted keep their number, so that ``rowSize`` still fits. Their times then
    go back, or their places jump from beam to beam. Two beams of one pair, sorted by time,
    are too close to be told apart.

    Parameters
    ----------
    beam : str
        For the message.
    time, latitude, longitude : (row,) array
        Of rows of one track, in their order.

    Raises
    ------
    SelectionError
        In more than a tenth of the steps time goes back, or the place jumps.
    """
    some = slice(0, _STEPS + 1)
    seconds = np.diff(time[some]) / np.timedelta64(1, "s")  # NaN beside NaT
    lat, lon = np.radians(latitude[some].astype("f8")), np.radians(longitude[some].astype("f8"))
    point = np.array([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
    distance = _RADIUS * np.linalg.norm(np.diff(point), axis=0)
    odd = (seconds < -_BACK) | (distance > _JUMP + _SPEED * np.abs(seconds))
    if np.count_nonzero(odd) > max(2.0, _SHARE * len(odd)):
        raise SelectionError(
            f"the rows of {beam} do not follow a track: they were sorted, or are another track's",
            fix="Leave the rows in the order they were opened in, and sort the table instead.",
        )
