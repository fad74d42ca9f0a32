"""Small files that ask for much: memory, time, recursion, or the bytes of somebody else.

Each is a sound file of h5py's with one lie in it. `BOMBS` says for each what must be
refused, with which error, while the dataset ``/fine`` beside it is still read.
"""

from tests.hostile.bombs import circles, counts, inflating, many, shapes, strangers
from tests.hostile.bombs.base import FINE, Bomb

__all__ = ["BOMBS", "FINE", "Bomb"]

BOMBS = (
    *inflating.BOMBS,
    *shapes.BOMBS,
    *many.BOMBS,
    *circles.BOMBS,
    *counts.BOMBS,
    *strangers.BOMBS,
)
