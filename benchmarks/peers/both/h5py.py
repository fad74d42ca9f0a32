"""h5py on a local file."""

from __future__ import annotations

from benchmarks.peer import Peer
from benchmarks.peers.both.download import Download

__all__ = ["PEER"]

PEER: Peer = Download(title="h5py", packages=("h5py",))
