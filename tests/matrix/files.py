"""The file as a whole: where it begins, how wide its addresses are, how its space is managed."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from h5py import h5f, h5p

from tests.matrix.case import LIBVERS, Case, sample
from tests.matrix.native import hdf5_library

__all__ = ["CASES"]

DATASPACE, DATATYPE, FILL_VALUE, FILTERS, ATTRIBUTE = 1, 3, 5, 11, 12


def bit_of_everything(file: h5py.File, *, limit: int | None = None) -> None:
    """A group, links, attributes in numbers, strings in a heap, and each layout."""
    group = file.create_group("gt1l/heights")
    group["h_ph"] = sample("<f4", (500,), "h")
    group.create_dataset("lat", data=np.arange(500.0), chunks=(64,), compression="gzip")
    group.create_dataset("n", data=np.arange(90), chunks=(4,), maxshape=(limit,), shuffle=True)
    file["text"] = "somewhere"
    file["again"] = h5py.SoftLink("/gt1l/heights/lat")
    for number in range(12):
        group.attrs[f"a{number}"] = f"value {number}"
        file["text"].attrs[f"a{number}"] = np.arange(number)
    for number in range(40):
        file[f"many/n{number}"] = number


def narrow(sizes: tuple[int, int], path: Path, libver: str, _: Mapping[str, Any]) -> h5py.File:
    """Addresses and lengths of other sizes than 8 bytes."""
    fcpl = h5p.create(h5p.FILE_CREATE)
    fcpl.set_sizes(*sizes)
    return _create(fcpl, path, libver)


def sharing(indexes: int, path: Path, libver: str, _: Mapping[str, Any]) -> h5py.File:
    """Messages that are equal are kept once in the file (SOHM): all types, in one or two tables."""
    fcpl = h5p.create(h5p.FILE_CREATE)
    library = hdf5_library()
    if library is None:
        raise LookupError("the HDF5 library of h5py is not reachable")
    library.H5Pset_shared_mesg_nindexes(fcpl.id, indexes)
    structure = 1 << DATASPACE | 1 << DATATYPE
    content = 1 << FILL_VALUE | 1 << FILTERS | 1 << ATTRIBUTE
    split = [structure | content] if indexes == 1 else [structure, content]
    for number, types in enumerate(split):
        library.H5Pset_shared_mesg_index(fcpl.id, number, types, 8)
    return _create(fcpl, path, libver)


def _create(fcpl: Any, path: Path, libver: str) -> h5py.File:
    fapl = h5p.create(h5p.FILE_ACCESS)
    low = {"earliest": h5f.LIBVER_EARLIEST, "v108": h5f.LIBVER_V18, "v110": h5f.LIBVER_V110}
    fapl.set_libver_bounds(low.get(libver, h5f.LIBVER_LATEST), h5f.LIBVER_LATEST)
    fapl.set_fclose_degree(h5f.CLOSE_STRONG)
    return h5py.File(h5f.create(bytes(path), h5f.ACC_TRUNC, fcpl, fapl))


def repeated(count: int, file: h5py.File) -> None:
    """Datasets and attributes that repeat the same types, spaces, fills and values."""
    bit_of_everything(file)
    for number in range(count):
        made = file.create_dataset(
            f"d{number}",
            data=np.arange(20, dtype="<i2"),
            chunks=(6,),
            compression="gzip",
            fillvalue=number % 3,
        )
        made.attrs["units"] = np.bytes_("meters")
        made.attrs["about"] = "the same long description for every one of these datasets"
        made.attrs["number"] = number % 5


OPTIONS: dict[str, Mapping[str, Any]] = {
    "plain": {},
    "user-block-512": {"userblock_size": 512},
    "user-block-2048": {"userblock_size": 2048},
    "paged": {"fs_strategy": "page", "fs_page_size": 4096},
    "paged-large": {"fs_strategy": "page", "fs_page_size": 65536, "fs_persist": True},
    "aggregated": {"fs_strategy": "aggregate"},
    "free-space": {"fs_strategy": "fsm", "fs_persist": True},
    "small-metadata-blocks": {"meta_block_size": 64},
}
NARROW = {  # libhdf5 itself cannot read newer structures with addresses this short
    "addresses-2": ((2, 2), ("earliest",)),
    "addresses-4": ((4, 4), ("earliest", "v108")),
    "addresses-4-lengths-8": ((4, 8), LIBVERS),
    "addresses-8-lengths-4": ((8, 4), ("earliest", "v108")),
}
CASES = (
    *(
        Case(f"file/{what}/{libver}", bit_of_everything, libver, options)
        for what, options in OPTIONS.items()
        for libver in LIBVERS
    ),
    *(
        # no unlimited axis: libhdf5 gives its length back as 2**32 - 1
        Case(
            f"file/{what}/{libver}",
            partial(bit_of_everything, limit=90),
            libver,
            create=partial(narrow, sizes),
        )
        for what, (sizes, libvers) in NARROW.items()
        for libver in libvers
    ),
    *(
        Case(
            f"file/{what}/{libver}",
            partial(repeated, count),
            libver,
            create=partial(sharing, indexes),
        )
        for what, indexes, count in (("shared-messages", 1, 5), ("shared-messages-tree", 2, 80))
        if hdf5_library() is not None
        for libver in LIBVERS
    ),
)
