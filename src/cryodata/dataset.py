"""``cryodata.open``: granules as one lazy Dataset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import xarray as xr

from cryodata.argument_names import tells_names
from cryodata.build import build_dataset
from cryodata.chunks import Chunks
from cryodata.condition import Condition
from cryodata.cost import Budget
from cryodata.find import find
from cryodata.options import Options
from cryodata.planning.plan import make_plan
from cryodata.products import Product
from cryodata.query import Query
from cryodata.tracks.request import OnMissing, Words

__all__ = ["open", "open_query"]


@tells_names
def open(
    what: Any,
    *,
    product: str | Product | None = None,
    region: Any = None,
    time: Any = None,
    where: str | Mapping[str, Any] | Condition | None = None,
    variables: Words = "default",
    beams: Words = "all",
    with_segments: Words = (),
    classify: Any = None,
    group: str | None = None,
    cycle: int | Sequence[int] | None = None,
    rgt: int | Sequence[int] | None = None,
    version: str | int = "latest",
    access: str | None = None,
    chunks: Chunks | None = None,
    exact: bool = True,
    budget: float | str | Budget | None = None,
    on_missing: OnMissing = "raise",
    storage_options: Mapping[str, Any] | None = None,
    engine: str = "auto",
    options: Options | None = None,
) -> xr.Dataset:
    """Open granules as one Dataset; their structure is read, and values when touched.

    Granules of a known product along the track (ATL03, ATL06, ...) come as CF contiguous
    ragged arrays: all beams of all granules one after the other along ``photon`` or
    ``segment``, and a dimension ``track`` that says which beam of which granule has how many
    rows. `beams` or ``ds.cryo.to_tree()`` give one beam; ``ds.sel(beam=...)`` chooses along
    ``track`` alone, and leaves the rows of all. Gridded products (ATL14, ATL15, sea ice, soil
    moisture, BedMachine, ...) come with the dimensions ``time``, ``y`` and ``x``, and their
    projection in ``spatial_ref``, see docs/grids.md. Any other HDF5 or NetCDF4 file comes as its
    root group, one at a time.

    Rows are cut before they are read. Minima and maxima of chunks, learnt when these are
    decoded and kept with the index, and the segments that photons belong to rule most chunks
    out; of the others the columns that decide are read, here; then the rows are known, and
    all else stays lazy. The result equals reading everything and filtering.

    Parameters
    ----------
    what : str, path-like, open fsspec file, Granule, Granules, or a list of these
        The short name of a product, ``"ATL06"``: NASA's catalogue is searched, see
        `cryodata.search`. Or a path, ``s3://``, ``https://``, with wildcards if you like;
        or results of `cryodata.search`, of earthaccess, or of CMR.
    product : str or Product, optional
        By which table the files are read: a short name, or a table of your own, see
        `cryodata.Product`. By default that of the product which each file says it is of;
        one that says another is refused.
    region : optional
        Only rows inside: ``(west, south, east, north)`` in degrees, a geometry, a
        GeoDataFrame, GeoJSON or the path of a file, see `cryodata.region_input.region_of`.
        Of a grid, the window around it, and ``in_region``: which cells have their centre
        inside.
    time : optional
        Only rows then, UTC: ``"2023-05"``, or a pair ``("2023-05", "2023-09")``, of which
        the end is included, see `cryodata.timespan.TimeSpan.of`.
    where : str or mapping, optional
        Only rows of which this is true: ``"h_li_sigma < 0.5 and atl06_quality_summary ==
        'best_quality'"``. Comparisons, ``in``, ``and``, ``or``, ``not``; words of flags in
        quotes; columns of flags by name, ``signal_conf_land_ice >= 'medium'``. Read, and
        never run; see `cryodata.condition.Condition.of`.
    variables : str or list of str
        ``"default"``, ``"all"``, or names with as much of their path as you like:
        ``h_li``, ``fit_statistics/dh_fit_dx``. Variables named here are read together,
        in one round (up to 256 MiB): with what decides, where that is quicker than a round
        of its own; else when the first of them is touched.
    beams : str or list of str
        ``"all"`` (those a granule has), ``"strong"``, ``"weak"``, ``"gt1l"``, ...
    with_segments : str or list of str
        Of ATL03, variables of the 20 m segments that each photon gets: ``solar_elevation``,
        ``geophys_corr/geoid``. Conditions may be on them without.
    classify : str, or granules, optional
        A product that says which class each row is of: ``"ATL08"`` gives photons of ATL03
        the variable ``classed_pc_flag``, -1 where it says none. Its granules of the same
        passes are looked for in the catalogue, where `what` comes from it, else in the same
        folder; or given here. They are read when the Dataset is opened.
    group : str, optional
        Which grid of a gridded product: ``"dhdt_lag4"``; the product's first by default.
    cycle, rgt : int or list of int, optional
        Only granules of these repeat cycles and reference ground tracks. Of ATL11, whose
        points have a value for each cycle, granules that hold any of the cycles, and of
        these no other cycles.
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
    exact : bool
        False reads nothing here: it gives whole chunks, as far as their bounds allow, and a
        lazy coordinate ``selected``, True for the rows that are wanted.
    budget : number or str, optional
        The most that it may cost: a number of bytes, ``"200 MB"``, ``"5 cents"``. What
        `cryodata.plan` says is compared with it before a row is read.
    on_missing : {"raise", "skip"}
        What becomes of a beam or variable that is named here and not there, and, among
        several granules, of one that cannot be opened. ``"raise"`` tells all of them in one
        error. ``"skip"`` goes on without, and lists them in ``ds.cryo.skipped``: without the
        granule where others have the variable, without the beam where others of its granule
        have it, without the variable where none has.
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
        so is, where rows are cut by region or time, one without a row in them. Granules of
        ATL11 with other cycles than others are joined on all of them, dimension ``cycle``;
        what a granule does not have is missing.

    Raises
    ------
    BudgetExceededError
        It may cost more than `budget`.
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
        A granule cannot be had, is no HDF5, or has nothing that the table of `product` names.

    Examples
    --------
    >>> ds = cryodata.open("ATL06.h5", variables=["h_li", "h_li_sigma"])  # doctest: +SKIP
    >>> cryodata.open("ATL06.h5", where="atl06_quality_summary == 0")  # doctest: +SKIP
    >>> cryodata.open("ATL06", region=(-50.2, 69, -48.5, 69.4), time="2023-05")  # doctest: +SKIP
    """
    query = Query.of(
        product=product,
        region=region,
        time=time,
        where=where,
        variables=variables,
        beams=beams,
        with_segments=with_segments,
        classify=classify,
        group=group,
        cycle=cycle,
        rgt=rgt,
        version=version,
        access=access,
        chunks=chunks,
        exact=exact,
        budget=budget,
        on_missing=on_missing,
        storage_options=storage_options,
        engine=engine,
        options=options,
    )
    return open_query(what, query)


def open_query(what: Any, query: Query) -> xr.Dataset:
    """Open granules as one Dataset, as `open` does, of which this is all but the words."""
    found = find(what, query)
    try:
        if query.budget is not None:
            make_plan(found, query).check(query.budget)
        return build_dataset(found, query)
    except BaseException:
        found.origin.close()
        raise
