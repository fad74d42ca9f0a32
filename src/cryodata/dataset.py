"""``cryodata.open``: granules as one lazy Dataset."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import xarray as xr

from cryodata.chunks import Chunks, chunk_rows
from cryodata.cut import cut_rows
from cryodata.errors import (
    ConfigurationError,
    CryodataError,
    FetchError,
    FormatError,
    IntegrityError,
    SelectionError,
    UnknownVariableError,
    close_names,
)
from cryodata.granule import GranuleFile
from cryodata.grid import open_gridded
from cryodata.groups import open_group
from cryodata.join import join_columns, refuse_twice
from cryodata.locate import Wish, granules_of
from cryodata.options import Options
from cryodata.products import Product, recognise
from cryodata.provenance import Provenance, Skipped
from cryodata.ragged import Columns, ragged_dataset
from cryodata.region_input import region_of
from cryodata.selection import OnMissing, choose
from cryodata.timespan import TimeSpan
from cryodata.view import IDENTIFICATION, Words, look_ahead

__all__ = ["open", "product_of"]

SIDE_BY_SIDE = 16
"""Granules whose structure is read at once."""


def open(
    what: Any,
    *,
    region: Any = None,
    time: Any = None,
    variables: Words = "default",
    beams: Words = "all",
    group: str | None = None,
    cycle: int | Sequence[int] | None = None,
    rgt: int | Sequence[int] | None = None,
    version: str | int = "latest",
    access: str | None = None,
    chunks: Chunks | None = None,
    on_missing: OnMissing = "raise",
    storage_options: Mapping[str, Any] | None = None,
    engine: str = "auto",
    options: Options | None = None,
) -> xr.Dataset:
    """Open granules as one Dataset; their structure is read, and values when touched.

    Gridded products (ATL14, ATL15, sea ice, soil moisture, BedMachine, ...) come with the
    dimensions ``time``, ``y`` and ``x``, their projection in ``spatial_ref``, and layers of
    several files after each other in time; a region cuts them to the window around it and
    adds ``in_region``, which cells have their centre inside: see docs/grids.md.

    Granules of a known product (ATL03, ATL06) come as CF contiguous ragged arrays: all
    beams of all granules one after the other along ``photon`` or ``segment``, and a
    dimension ``track`` that says which beam of which granule has how many rows. Any other
    HDF5 or NetCDF4 file comes as its root group, one file at a time.

    Parameters
    ----------
    what : str, path-like, open fsspec file, Granule, Granules, or a list of these
        The short name of a product, ``"ATL06"``: NASA's catalogue is searched, see
        `cryodata.search`. Or a path, ``s3://``, ``https://``, with wildcards if you like;
        or results of `cryodata.search`, of earthaccess, or of CMR.
    region : optional
        Only rows inside: ``(west, south, east, north)`` in degrees, a geometry, a
        GeoDataFrame, GeoJSON or the path of a file, see `cryodata.region_input.region_of`.
        Time and place of all rows of the granules are read to find them.
    time : optional
        Only rows then, UTC: ``"2023-05"``, or a pair ``("2023-05", "2023-09")``, of which
        the end is included, see `cryodata.timespan.TimeSpan.of`.
    variables : str or list of str
        ``"default"``, ``"all"``, or names with as much of their path as you like:
        ``h_li``, ``fit_statistics/dh_fit_dx``. Variables named here are read together,
        in one round, when the first of them is touched (up to 256 MiB).
    beams : str or list of str
        ``"all"`` (those a granule has), ``"strong"``, ``"weak"``, ``"gt1l"``, ...
    group : str, optional
        Which grid of a gridded product: ``"dhdt_lag4"``; the product's first by default.
    cycle, rgt : int or list of int, optional
        Only granules of these repeat cycles and reference ground tracks.
    version : str or int
        Of the product: ``"006"``, ``6``; granules of others are left out. ``"latest"`` is
        the last version the catalogue has granules of, and lets pass all that are given.
    access : {"auto", "direct", "external"}, optional
        Way to granules of Earthdata: ``direct`` reads S3, which answers only inside its
        region; ``external`` goes over https; ``auto``, the default, asks S3 for one byte.
        The values are the same. ``CRYODATA_ACCESS`` sets it for all.
    chunks : int, str or mapping, optional
        Gives dask arrays. Rows per chunk, or ``"auto"``, or ``{}`` for the chunks of the
        file; rounded to whole HDF5 chunks, and never across two beams.
    on_missing : {"raise", "skip"}
        What becomes of a beam or variable that is named here and not there, and, among
        several granules, of one that cannot be opened: ``ds.cryo.skipped`` lists those.
    storage_options : mapping, optional
        For the store, in the words of s3fs: ``{"anon": True}``, ``{"key": ...}``. Granules
        of Earthdata are then read with these, and not with its login.
    engine : {"auto", "obstore", "fsspec"}
        Through which library the bytes come.
    options : Options, optional

    Returns
    -------
    xarray.Dataset
        Lazy. Rows have ``time`` (UTC, exact to the nanosecond that the file resolves),
        ``latitude`` and ``longitude`` under these names in every product; the file's own
        name of each variable is in its attribute ``hdf5_path``. A beam whose group is in
        the file but holds nothing has ``rowSize`` 0; a beam without group is left out, and
        so is, where rows are cut by region or time, one without a row in them.

    Raises
    ------
    NothingFoundError
        No granule fits; the message says what fits without each condition.
    RegionError
        A region that is none.
    SelectionError
        A beam that is absent, a variable on other rows, a time that is none.
    UnknownVariableError, UnknownProductError
        What does not exist; the message names the close ones.
    ConfigurationError
        Several files that no product's table can join, or a parameter that is none.
    NotLoggedInError, LoginRejectedError, EulaRequiredError, NotInRegionError
        Earthdata does not let this user, or this machine, in.
    NotFoundError, AuthError, FetchError, FormatError
        A granule cannot be had, or is no HDF5.

    Examples
    --------
    >>> ds = cryodata.open("ATL06.h5", variables=["h_li", "h_li_sigma"])  # doctest: +SKIP
    >>> ds.where(ds.atl06_quality_summary == 0)  # doctest: +SKIP
    >>> cryodata.open("ATL06", region=(-50.2, 69, -48.5, 69.4), time="2023-05")  # doctest: +SKIP
    """
    if on_missing not in {"raise", "skip"}:
        raise ConfigurationError(f"on_missing={on_missing!r}", fix='It is "raise" or "skip".')
    options = options or Options()
    if access is not None:
        options = replace(options, access=access)
    wish = Wish(
        region=None if region is None else region_of(region),
        time=None if time is None else TimeSpan.of(time),
        cycle=cycle,
        rgt=rgt,
        version=version,
    )
    files: list[GranuleFile] = []
    try:
        for granule in granules_of(what, wish, storage_options):
            file = GranuleFile(
                granule, options=options, storage_options=storage_options, engine=engine
            )
            files.append(file)
        dataset = open_gridded(files, wish, variables, beams, group, chunks, on_missing)
        if dataset is None:
            dataset = _open_files(files, wish, variables, beams, chunks, on_missing)
    except BaseException:
        Provenance(tuple(files)).close()
        raise
    dataset.set_close(Provenance(tuple(files)).close)
    return dataset


def _open_files(
    files: Sequence[GranuleFile],
    wish: Wish,
    variables: Words,
    beams: Words,
    chunks: Chunks | None,
    on_missing: OnMissing,
) -> xr.Dataset:
    """A Dataset of open granules, as `open` describes it."""
    refuse_twice([file.url for file in files])
    if len(files) > 1:
        found, origin = _find_all(files, variables, beams, on_missing)
        return _open_product(origin, join_columns(found), wish, chunks)
    columns = _find(files[0], variables, beams, on_missing)
    if columns is None:
        return _open_generic(files[0], wish, variables, beams, chunks)
    return _open_product(Provenance(tuple(files)), columns, wish, chunks)


def _open_product(
    origin: Provenance, found: Columns, wish: Wish, chunks: Chunks | None
) -> xr.Dataset:
    """Tracks and columns of a product as one Dataset, cut for dask if so asked."""
    product = found.product
    whole = ragged_dataset(found, origin, cache=chunks is None)
    dataset = cut_rows(whole, product.rows, wish.region, wish.time)
    if chunks is None:
        return dataset
    columns = [*found.coordinates, *found.columns]
    return chunk_rows(
        dataset,
        product.rows,
        chunks,
        rows=dataset["rowSize"].values.tolist(),
        piece=math.lcm(*(column.piece for column in columns)),
        token=(
            [file.source for file in origin.files],
            [(c.name, [x.path for x in c.layouts]) for c in columns],
            (wish.region, repr(wish.time)),
        ),
    )


def _find_all(
    files: Sequence[GranuleFile], variables: Words, beams: Words, on_missing: OnMissing
) -> tuple[list[Columns], Provenance]:
    """Tracks and columns of each granule, side by side; and which could not be opened."""

    def find(file: GranuleFile) -> Columns | CryodataError:
        try:
            found = _find(file, variables, beams, on_missing)
        except (FetchError, FormatError, IntegrityError, SelectionError) as error:
            return error.locate(url=file.url)
        return found or ConfigurationError(
            "it is no granule of a known product, and cannot be joined with others",
            fix="Open such files one by one: [cryodata.open(one) for one in files].",
            url=file.url,
        )

    with ThreadPoolExecutor(SIDE_BY_SIDE, thread_name_prefix="cryodata-open") as pool:
        outcomes = dict(zip(files, pool.map(find, files), strict=True))
    found = {file: one for file, one in outcomes.items() if isinstance(one, Columns)}
    failed = [Skipped(f.url, one) for f, one in outcomes.items() if isinstance(one, CryodataError)]
    if failed and (on_missing == "raise" or not found):
        raise _all_of(failed, len(files))
    return list(found.values()), Provenance(tuple(found), tuple(failed))


def _all_of(failed: Sequence[Skipped], count: int) -> CryodataError:
    """The first failure, which also says how many others there are, and which."""
    error = failed[0].error
    if len(failed) > 1:
        error.what += f" (and {len(failed) - 1} more of {count} granules failed)"
    if len(failed) < count and "on_missing" not in error.fix:
        error.fix += ' on_missing="skip" opens the others.'
    for other in failed[1:]:
        error.add_note(str(other))
    return error


def _find(
    file: GranuleFile, variables: Words, beams: Words, on_missing: OnMissing
) -> Columns | None:
    """Tracks and columns of a granule; None where no table fits.

    The product is guessed from the name first, so that all that is needed of the file's
    structure can be asked for at once; then the file has the last word.
    """
    by_name = recognise(file.url, {}, {})
    if by_name is None or by_name.grid is not None:
        file.walk([], shallow=["/", IDENTIFICATION], missing_ok=True)
    else:
        look_ahead(file, by_name, variables, beams)
    product = product_of(file)
    return choose(file, product, variables, beams, on_missing) if product else None


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
    file: GranuleFile, wish: Wish, variables: Words, beams: Words, chunks: Chunks | None
) -> xr.Dataset:
    """The root group, as ``xarray.open_dataset(..., engine="cryodata")`` gives it."""
    if wish.region is not None or wish.time is not None:
        raise SelectionError(
            "This is no granule of a known product: which rows are where is not known",
            url=file.url,
            fix="Leave region and time out, and choose rows: ds.isel(...) reads what it keeps.",
        )
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
