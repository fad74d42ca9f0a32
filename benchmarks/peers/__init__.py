"""The readers, by name: `whole` for jobs that want all rows, `cut` for those with a box."""

from __future__ import annotations

import importlib
from collections.abc import Iterator

from benchmarks.peer import Peer
from benchmarks.workload import Workload

__all__ = ["CUT", "PEERS", "WHOLE", "all_peers", "load_peer", "peers_for"]

WHOLE = ("cryodata", "h5coro", "pyfive", "xarray_blocks", "xarray_s3fs", "xarray_http")
CUT = ("cryodata", "h5coro", "pyfive", "virtualizarr", "notebook")
PEERS = tuple(dict.fromkeys(WHOLE + CUT))


def peers_for(workload: Workload) -> tuple[str, ...]:
    """Names of those that do this kind of job."""
    return CUT if workload.box else WHOLE


def load_peer(name: str, workload: Workload) -> Peer:
    """Import one peer, and only that one: a measured process holds nothing else."""
    return _load("cut" if workload.box else "whole", name)


def all_peers() -> Iterator[Peer]:
    """Every peer there is."""
    for kind, names in (("whole", WHOLE), ("cut", CUT)):
        for name in names:
            yield _load(kind, name)


def _load(kind: str, name: str) -> Peer:
    peer: Peer = importlib.import_module(f"benchmarks.peers.{kind}.{name}").PEER
    return peer
