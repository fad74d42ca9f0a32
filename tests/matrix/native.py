"""The HDF5 library that h5py brings, for the few settings h5py does not offer."""

from __future__ import annotations

import ctypes
from functools import cache
from pathlib import Path

import h5py

__all__ = ["hdf5_library"]


@cache
def hdf5_library() -> ctypes.CDLL | None:
    """The library already loaded by h5py; None where h5py was not installed from a wheel."""
    package = Path(h5py.__file__).parent
    places = (package.parent / "h5py.libs", package / ".dylibs")
    found = sorted(path for place in places for path in place.glob("libhdf5[-.]*"))
    if not found:
        return None
    library = ctypes.CDLL(str(found[0]))
    library.H5Pset_chunk_opts.argtypes = [ctypes.c_int64, ctypes.c_uint]
    library.H5Pset_shared_mesg_nindexes.argtypes = [ctypes.c_int64, ctypes.c_uint]
    library.H5Pset_shared_mesg_index.argtypes = [ctypes.c_int64, *[ctypes.c_uint] * 3]
    library.H5Pset_shared_mesg_phase_change.argtypes = [ctypes.c_int64, *[ctypes.c_uint] * 2]
    return library
