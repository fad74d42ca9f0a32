"""VirtualiZarr with as many requests at once as zarr makes by default."""

from __future__ import annotations

from benchmarks.peer import Peer
from benchmarks.peers.both.virtualizarr import VirtualiZarr

__all__ = ["PEER"]

PEER: Peer = VirtualiZarr(at_once=10)
