"""The readers that are measured, one module each, in the order of the report."""

from __future__ import annotations

import importlib

from benchmarks.peer import Peer

__all__ = ["PEERS", "load_peer"]

PEERS = ("cryodata", "h5coro", "pyfive", "xarray_blocks", "xarray_s3fs", "xarray_http")


def load_peer(name: str) -> Peer:
    """Import one peer, and only that one: a measured process holds nothing else."""
    peer: Peer = importlib.import_module(f"benchmarks.peers.{name}").PEER
    return peer
