"""xarray on a file of fsspec's HTTP filesystem, at its defaults: 5 MiB at a time."""

from __future__ import annotations

from benchmarks.peer import Peer
from benchmarks.peers.whole.xarray_file import XarrayFile

__all__ = ["PEER"]

PEER: Peer = XarrayFile(
    title="xarray + h5netcdf, fsspec over http",
    protocol="http",
)
