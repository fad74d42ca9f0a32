"""Checksums of the HDF5 format.

lookup3 (Bob Jenkins, 2006) guards the metadata written by newer libraries, Fletcher's
checksum the chunks of datasets that asked for it.
"""

from __future__ import annotations

import numpy as np
from numcodecs.jenkins import jenkins_lookup3

__all__ = ["fletcher32", "lookup3"]


def lookup3(data: memoryview) -> int:
    """Checksum of metadata: Jenkins' lookup3 with seed 0, unsigned 32 bits."""
    return int(jenkins_lookup3(data, 0))


def fletcher32(data: memoryview) -> int:
    """Fletcher's checksum over big-endian 16-bit words, as the HDF5 filter computes it.

    A last odd byte counts as the high byte of a word. Both sums are taken modulo 65535,
    where the library's own folding leaves 65535 for a non-zero sum divisible by it.

    Notes
    -----
    With words ``w[0] .. w[n-1]`` the sums are ``sum(w[i])`` and ``sum((n - i) * w[i])``.
    """
    even = len(data) // 2 * 2
    words = np.frombuffer(data[:even], ">u2").astype(np.uint64)
    if len(data) % 2:
        words = np.append(words, np.uint64(data[-1] << 8))
    low = high = 0
    # (n - i) * w[i] stays below 2**64 for pieces of 2**20 words
    for piece in np.array_split(words, max(1, -(-len(words) // (1 << 20)))):
        weights = np.arange(len(piece), 0, -1, dtype=np.uint64)
        high += low * len(piece) + int((weights * piece).sum())
        low += int(piece.sum())
    return _fold(high) << 16 | _fold(low)


def _fold(total: int) -> int:
    """`total` modulo 65535 in 1..65535, or 0 for 0."""
    return (total - 1) % 65535 + 1 if total else 0
