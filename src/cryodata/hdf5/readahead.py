"""How much to read around what a walk waits for.

Headers, heaps and tree nodes lie near the structures that point to them, so that reading
a little more now saves whole rounds later. How much depends on the file: all of a small
one, large windows of a paged one (whose metadata is packed together), small windows
where a large file has its metadata scattered between the data.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from cryodata.hdf5.rounds import Held
from cryodata.types import ByteRange

__all__ = ["TAIL", "beginning", "both_ends", "widen"]

KiB = 1024
MiB = 1024 * KiB

HEAD = 1 * MiB
"""First bytes, read before anything is known: superblock, and the objects made first."""
TAIL = 256 * KiB
"""Last bytes, read in the same round: what was added before the file was closed."""
SMALL = 4 * MiB
"""A file up to this size is read whole in the second round."""
WINDOW_LEAST, WINDOW_MOST = 4 * KiB, 256 * KiB
ROUND_BYTES = 128 * KiB
"""Bytes of one round in a file that is not paged, unless more is needed."""
PAGED_WINDOW = 4 * MiB
REQUESTS = 32
"""Requests of one round, as far as their places can be merged: the slowest is waited for."""
NEAR = 64 * KiB
"""Two places this far apart are read with one request where there are too many of them."""
REQUEST = 1 * MiB
"""Longer ranges are split, so that connections share them."""


def beginning(*, paged: bool) -> list[ByteRange]:
    """What is read of a file before anything is known of it, from its first byte on.

    Parameters
    ----------
    paged : bool
        The file is expected to keep its metadata in pages: then most of it is in the first
        `PAGED_WINDOW`. Ranges may lie beyond the end of a file that is short.
    """
    return _split(ByteRange(0, PAGED_WINDOW if paged else HEAD))


def both_ends(size: int, *, paged: bool = False) -> list[ByteRange]:
    """`beginning` and the last `TAIL` bytes of a file whose size is known, disjoint.

    Pages are filled from the beginning: of a paged file the end is left out.
    """
    if paged:
        return _split(ByteRange(0, min(size, PAGED_WINDOW)))
    if size <= HEAD + TAIL:
        return [ByteRange(0, size)]
    return [ByteRange(0, HEAD), ByteRange(size - TAIL, size)]


def widen(needs: Sequence[ByteRange], held: Held, *, paged: bool) -> list[ByteRange]:
    """Ranges to fetch so that all `needs` are held: disjoint, ascending, not yet held.

    Parameters
    ----------
    needs : sequence of ByteRange
        Ascending by start; inside the file.
    held : Held
        What is there already.
    paged : bool
        The file keeps its metadata in pages of its own.
    """
    if not needs:
        return []
    if held.size <= SMALL:
        wide = [ByteRange(0, held.size)]
    else:
        window = _window(needs)
        wide = _union(
            (_aligned(n, held.size) if paged else _around(n, window, held.size) for n in needs),
            gap=WINDOW_LEAST,
        )
        wide = _merge_near(wide)
    missing = [gap for start, stop in wide for gap in held.missing(start, stop)]
    return [piece for gap in missing for piece in _split(gap)]


def _window(needs: Sequence[ByteRange]) -> int:
    """A round's bytes, shared among the places waited for."""
    places = len(_union(needs, gap=WINDOW_MOST))
    return max(WINDOW_LEAST, min(WINDOW_MOST, ROUND_BYTES // places))


def _aligned(need: ByteRange, size: int) -> ByteRange:
    """The windows of a paged file that hold `need`: its neighbours on both sides matter."""
    start = need.start // PAGED_WINDOW * PAGED_WINDOW
    return ByteRange(start, min(size, -(-need.stop // PAGED_WINDOW) * PAGED_WINDOW))


def _around(need: ByteRange, window: int, size: int) -> ByteRange:
    """A window that holds `need` near its beginning: structures are read forwards."""
    start = max(0, need.start - window // 8)
    return ByteRange(start, min(size, max(need.stop, start + window)))


def _union(ranges: Iterable[ByteRange], gap: int) -> list[ByteRange]:
    """Ranges merged where they overlap or lie at most `gap` apart; `ranges` ascend."""
    merged: list[ByteRange] = []
    for start, stop in ranges:
        if merged and start <= merged[-1].stop + gap:
            merged[-1] = ByteRange(merged[-1].start, max(stop, merged[-1].stop))
        else:
            merged.append(ByteRange(start, stop))
    return merged


def _merge_near(ranges: list[ByteRange]) -> list[ByteRange]:
    """No more than `REQUESTS` ranges, as far as the gaps between them are short."""
    gaps = sorted(b.start - a.stop for a, b in pairwise(ranges))
    surplus = len(ranges) - REQUESTS
    return _union(ranges, gap=min(NEAR, gaps[surplus - 1])) if surplus > 0 else ranges


def _split(gap: ByteRange) -> list[ByteRange]:
    """Pieces of nearly equal length, none longer than `REQUEST`."""
    count = -(-(gap.stop - gap.start) // REQUEST)
    edges = [gap.start + (gap.stop - gap.start) * i // count for i in range(count + 1)]
    return [ByteRange(a, b) for a, b in pairwise(edges)]
