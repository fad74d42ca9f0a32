"""Gridded products through the door of `cryodata.open`: one lazy Dataset in rows and columns."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import xarray as xr

from cryodata.errors import (
    CryodataError,
    FetchError,
    FormatError,
    IntegrityError,
    SelectionError,
    UnknownVariableError,
)
from cryodata.granule import GranuleFile
from cryodata.gridded.groups import find_slabs
from cryodata.gridded.slabs import Slab
from cryodata.gridded.store import grid_dataset
from cryodata.products import Product, read_name, recognise, said_of
from cryodata.provenance import Provenance, Skipped
from cryodata.region.region import Region
from cryodata.timespan import TimeSpan
from cryodata.tracks.request import Words
from cryodata.tracks.view import IDENTIFICATION

__all__ = ["grid_product", "gridded_product", "open_grid"]

SIDE_BY_SIDE = 16
"""Files whose structure is read at once."""

ELSEWHERE = "/Metadata/DatasetIdentification"
"""Where SMAP says which product it is."""


def grid_product(file: GranuleFile, given: Product | None = None) -> Product | None:
    """The gridded product that a file belongs to; None for any other file.

    Parameters
    ----------
    file : GranuleFile
    given : Product, optional
        What it is to be read as, where it does not say that it is of another product.
    """
    by_name = recognise(file.url, {}, {}) if given is None else None
    if by_name is not None and by_name.grid is None:
        return None
    index = file.walk([], shallow=["/", IDENTIFICATION], missing_ok=True)
    root = index.groups[index.resolve("/")]
    attributes = root.attributes or {}
    for path in (IDENTIFICATION, ELSEWHERE):
        if path == ELSEWHERE and "Metadata" in root.links and by_name is None:
            index = file.walk([], shallow=[path], missing_ok=True)
        group = index.groups.get(index.resolve(path))
        said = (group.attributes or {}) if group is not None else {}
        if given is not None:
            name = said_of(file.url, attributes, said)
            if name and name.upper() != given.short_name.upper():
                return None
            continue
        product = recognise(file.url, attributes, said)
        if product is not None:
            return product if product.grid is not None else None
    return given


def gridded_product(files: Sequence[GranuleFile], *, skip: bool) -> Product | None:
    """The gridded product of several files, which the first of them tells; None of others.

    Parameters
    ----------
    files : sequence of GranuleFile
    skip : bool
        Let the first that can be read tell.
    """
    for file in files[:-1] if skip else ():
        try:
            return grid_product(file)
        except (FetchError, FormatError, IntegrityError):
            continue
    return grid_product(files[-1] if skip else files[0])


def open_grid(
    files: Sequence[GranuleFile],
    product: Product,
    *,
    region: Region | None = None,
    time: TimeSpan | None = None,
    variables: Words = "default",
    group: str | None = None,
    chunks: Any = None,
    skip: bool = False,
    given: bool = False,
) -> xr.Dataset:
    """One grid of one file, or the layers of several, as a Dataset.

    Parameters
    ----------
    files : sequence of GranuleFile
        Of one product.
    product : Product
        With a grid.
    region : Region, optional
        Only the smallest window of rows and columns that holds all cells whose centre is
        inside; ``in_region`` says which these are. Nothing is masked.
    time : TimeSpan, optional
        Only layers then.
    variables : str or list of str
    group : str, optional
        Which grid of the product, ``dhdt_lag4``.
    chunks : int, str or mapping, optional
        Gives dask arrays, as `xarray.open_dataset`; ``{}`` for the chunks of the file.
    skip : bool
        Leave out files that cannot be opened, and variables that are not there.
    given : bool
        Files that do not say what they are, are of that product.

    Raises
    ------
    SelectionError
        The files lie on several grids, hold a layer twice or are of several releases; or
        it is not known where cells lie, or when layers are.
    UnknownVariableError
        There is no such grid, or variable.
    FormatError, FetchError, AuthError
        A file cannot be read.

    Warns
    -----
    UserWarning
        Nothing is inside: rows and columns, or layers, are none.
    """
    slabs, skipped = _slabs(_then(files, product, time), product, group, skip=skip, given=given)
    origin = Provenance(
        tuple({id(slab.file): slab.file for slab in slabs}.values()), tuple(skipped)
    )
    return grid_dataset(
        slabs,
        product,
        origin,
        region=region,
        time=time,
        variables=variables,
        chunks=chunks,
        skip=skip,
    )


def _then(
    files: Sequence[GranuleFile], product: Product, time: TimeSpan | None
) -> Sequence[GranuleFile]:
    """Files whose names do not tell that they are of another time; one is always left.

    Only where names are all that tells the time, and so before any file is looked at.
    """
    if time is None or product.grid is None or product.grid.time:
        return files
    names = [read_name(product, file.url) for file in files]
    kept = [
        file
        for file, name in zip(files, names, strict=True)
        if name is None or name.start is None or time.contains(np.array([name.start]))[0]
    ]
    return kept or files[:1]


def _slabs(
    files: Sequence[GranuleFile], product: Product, group: str | None, *, skip: bool, given: bool
) -> tuple[list[Slab], list[Skipped]]:
    """The grid of each file, side by side; and which files could not be opened."""

    def find(file: GranuleFile) -> list[Slab] | CryodataError:
        try:
            other = grid_product(file, product if given else None)
            if other is None or other.short_name != product.short_name:
                return SelectionError(
                    f"it is no file of {product.short_name}" + ", like the first" * (not given),
                    url=file.url,
                    fix="Open each product by itself.",
                )
            return find_slabs(file, product, group)
        except (FetchError, FormatError, IntegrityError, UnknownVariableError) as error:
            return error.locate(url=file.url)

    with ThreadPoolExecutor(SIDE_BY_SIDE, thread_name_prefix="cryodata-open") as pool:
        outcomes = list(zip(files, pool.map(find, files), strict=True))
    found = [slab for _, one in outcomes if not isinstance(one, CryodataError) for slab in one]
    failed = [Skipped(file.url, one) for file, one in outcomes if isinstance(one, CryodataError)]
    if failed and (not skip or not found):
        error = failed[0].error
        if len(failed) > 1:
            error.what += f" (and {len(failed) - 1} more of {len(files)} files failed)"
        for other in failed[1:]:
            error.add_note(str(other))
        raise error
    return found, failed
