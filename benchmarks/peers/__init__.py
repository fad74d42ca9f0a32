"""The readers, by name.

`whole` for jobs that want all rows, `cut` for those with a box, `both` for either kind.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator

from benchmarks.peer import Peer
from benchmarks.workload import Workload

__all__ = ["BOTH", "CUT", "LOCAL", "PEERS", "WHOLE", "all_peers", "load_peer", "peers_for"]

BOTH = (
    "cryodata_references",
    "virtualizarr",
    "virtualizarr_default",
    "kerchunk",
    "icechunk",
    "hidefix",
    "download",
    "h5py",
    "xarray_local",
)
REMOTE = tuple(name for name in BOTH if name not in {"h5py", "xarray_local"})
WHOLE = ("cryodata", "h5coro", "pyfive", *REMOTE, "xarray_blocks", "xarray_s3fs", "xarray_http")
CUT = ("cryodata", "h5coro", "pyfive", *REMOTE, "notebook")
LOCAL = ("cryodata", "h5coro", "pyfive", "hidefix", "h5py", "xarray_local")
"""Those that read files of this machine, whatever the job."""
PEERS = tuple(dict.fromkeys(WHOLE + CUT + LOCAL))


def peers_for(workload: Workload, *, local: bool = False) -> tuple[str, ...]:
    """Names of those that do this kind of job, cryodata first."""
    if local:
        return LOCAL
    return CUT if workload.box else WHOLE


def load_peer(name: str, workload: Workload) -> Peer:
    """Import one peer, and only that one: a measured process holds nothing else."""
    return _load("cut" if workload.box else "whole", name)


def all_peers() -> Iterator[Peer]:
    """Every peer there is."""
    for kind, names in (("whole", WHOLE), ("cut", CUT), ("both", BOTH)):
        for name in names:
            yield _load(kind, name)


def _load(kind: str, name: str) -> Peer:
    folder = "both" if name in BOTH else kind
    peer: Peer = importlib.import_module(f"benchmarks.peers.{folder}.{name}").PEER
    return peer
