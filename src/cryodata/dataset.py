"""``cryodata.open``: one granule as one lazy Dataset."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from typing import Any

import xarray as xr

from cryodata.chunks import Chunks, chunk_rows
from cryodata.errors import ConfigurationError, SelectionError, UnknownVariableError, close_names
from cryodata.granule import GranuleFile
from cryodata.groups import open_group
from cryodata.locate import one_granule
from cryodata.options import Options
from cryodata.products import Product, recognise
from cryodata.ragged import ragged_dataset
from cryodata.selection import Chosen, OnMissing, choose
from cryodata.view import IDENTIFICATION, Words, look_ahead

__all__ = ["open", "product_of"]


def open(
    what: Any,
    *,
    variables: Words = "default",
    beams: Words = "all",
    chunks: Chunks | None = None,
    region: Any = None,
    on_missing: OnMissing = "raise",
    storage_options: Mapping[str, Any] | None = None,
    engine: str = "auto",
    options: Options | None = None,
) -> xr.Dataset:
    """Open a granule; nothing but its structure is read.

    Granules of a known product (ATL03, ATL06) come as CF contiguous ragged arrays: all
    beams one after the other along ``photon`` or ``segment``, and a dimension ``track``
    that says which beam has how many rows. Any other HDF5 or NetCDF4 file comes as its
    root group.

    Parameters
    ----------
    what : str, path-like, open fsspec file, or a list of one of these
        A path, ``s3://``, ``https://``; wildcards if they match one granule.
    variables : str or list of str
        ``"default"``, ``"all"``, or names with as much of their path as you like:
        ``h_li``, ``fit_statistics/dh_fit_dx``. Variables named here are read together,
        in one round, when the first of them is touched (up to 256 MiB).
    beams : str or list of str
        ``"all"`` (those the granule has), ``"strong"``, ``"weak"``, ``"gt1l"``, ...
    chunks : int, str or mapping, optional
        Gives dask arrays. Rows per chunk, or ``"auto"``, or ``{}`` for the chunks of the
        file; rounded to whole HDF5 chunks, and never across two beams.
    region
        Not available yet: anything but None is refused.
    on_missing : {"raise", "skip"}
        What becomes of a beam or variable that is named here and not there.
    storage_options : mapping, optional
        For the store, in the words of s3fs: ``{"anon": True}``, ``{"key": ...}``.
    engine : {"auto", "obstore", "fsspec"}
        Through which library the bytes come.
    options : Options, optional

    Returns
    -------
    xarray.Dataset
        Lazy. Rows have ``time`` (UTC, exact to the nanosecond that the file resolves),
        ``latitude`` and ``longitude`` under these names in every product; the file's own
        name of each variable is in its attribute ``hdf5_path``. A beam whose group is in
        the file but holds nothing has ``rowSize`` 0; a beam without group is left out.

    Raises
    ------
    SelectionError
        A beam that is absent, a variable on other rows, a region.
    UnknownVariableError
        A variable that does not exist; the message names the close ones.
    ConfigurationError
        Several granules, or a parameter that is none.
    NotFoundError, AuthError, FetchError, FormatError
        The granule cannot be had, or is no HDF5.

    Examples
    --------
    >>> ds = cryodata.open("ATL06.h5", variables=["h_li", "h_li_sigma"])  # doctest: +SKIP
    >>> ds.where(ds.atl06_quality_summary == 0)  # doctest: +SKIP
    """
    if region is not None:
        raise SelectionError(
            "region= is not available yet",
            fix="Open without it and choose rows: ds.isel(...) reads only what it keeps.",
        )
    if on_missing not in {"raise", "skip"}:
        raise ConfigurationError(f"on_missing={on_missing!r}", fix='It is "raise" or "skip".')
    granule = one_granule(what, storage_options)
    file = GranuleFile(granule, options=options, storage_options=storage_options, engine=engine)
    try:
        found = _find(file, variables, beams, on_missing)
        if found is None:
            dataset = _open_generic(file, variables, beams, chunks)
        else:
            dataset = _open_product(file, *found, chunks)
    except BaseException:
        file.close()
        raise
    dataset.set_close(file.close)
    return dataset


def _open_product(
    file: GranuleFile, product: Product, chosen: Chosen, chunks: Chunks | None
) -> xr.Dataset:
    """Tracks and columns of a product as one Dataset, cut for dask if so asked."""
    dataset = ragged_dataset(
        file,
        product,
        chosen.tracks,
        chosen.coordinates,
        chosen.columns,
        chosen.labels,
        chosen.attributes,
        cache=chunks is None,
    )
    if chunks is None:
        return dataset
    columns = [*chosen.coordinates, *chosen.columns]
    return chunk_rows(
        dataset,
        product.rows,
        chunks,
        rows=[track.rows for track in chosen.tracks],
        piece=math.lcm(*(column.piece for column in columns)),
        token=(file.source, [(c.name, [x.path for x in c.layouts]) for c in columns]),
    )


def _find(
    file: GranuleFile, variables: Words, beams: Words, on_missing: OnMissing
) -> tuple[Product, Chosen] | None:
    """Product, tracks and columns; None where no table fits.

    The product is guessed from the name first, so that all that is needed of the file's
    structure can be asked for at once; then the file has the last word.
    """
    by_name = recognise(file.url, {}, {})
    if by_name is None:
        file.walk([], shallow=["/", IDENTIFICATION], missing_ok=True)
    else:
        look_ahead(file, by_name, variables, beams)
    product = product_of(file)
    chosen = choose(file, product, variables, beams, on_missing) if product else None
    return (product, chosen) if product and chosen else None


def product_of(file: GranuleFile) -> Product | None:
    """The product whose table fits a granule, or None.

    Looks at the root's attributes, at ``/METADATA/DatasetIdentification`` where it is
    known already, and at the name.
    """
    index = file.walk([], shallow=["/"])
    groups = [index.groups.get(index.resolve(path)) for path in ("/", IDENTIFICATION)]
    root, identification = [(group and group.attributes) or {} for group in groups]
    return recognise(file.url, root, identification)


def _open_generic(
    file: GranuleFile, variables: Words, beams: Words, chunks: Chunks | None
) -> xr.Dataset:
    """The root group, as ``xarray.open_dataset(..., engine="cryodata")`` gives it."""
    if beams != "all":
        raise SelectionError(
            "This is no granule of a known product, so it has no beams",
            url=file.url,
            fix="Leave beams out; cryodata.open_tree shows what there is.",
        )
    dataset = open_group(file, "/", chunks=chunks)
    if not dataset.variables:
        warnings.warn(
            f"The root group of {file.url} has no variables; cryodata.open_tree shows the others",
            stacklevel=3,
        )
    names = [variables] if isinstance(variables, str) else list(variables)
    if set(names) & {"default", "all"}:
        return dataset
    if unknown := [name for name in names if name not in dataset.variables]:
        raise UnknownVariableError(
            f"The root group has no variable {unknown[0]!r}",
            url=file.url,
            fix=close_names(unknown[0], map(str, dataset.variables)),
        )
    return dataset[names]
