"""xarray on a file of s3fs, at its defaults: 50 MiB of readahead."""

from __future__ import annotations

from benchmarks.peer import Peer
from benchmarks.peers.whole.xarray_file import XarrayFile

__all__ = ["PEER"]

PEER: Peer = XarrayFile(
    title="xarray + h5netcdf, s3fs",
    protocol="s3",
)
