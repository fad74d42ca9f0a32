"""xarray with the cache it chooses itself for a URL: blocks of 4 MiB."""

from __future__ import annotations

from benchmarks.peer import Peer
from benchmarks.peers.whole.xarray_file import XarrayFile

__all__ = ["PEER"]

PEER: Peer = XarrayFile(
    title="xarray + h5netcdf, 4 MiB blocks",
    protocol="s3",
    open_options={"cache_type": "blockcache", "block_size": 4 << 20},
)
