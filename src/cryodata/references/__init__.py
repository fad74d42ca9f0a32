"""References: where the chunks of many granules lie, found out once and kept.

::

    import cryodata as cd

    granules = cd.search("ATL06", region=(-50, 69, -48, 70))
    refs = cd.references.build(granules, "s3://bucket/greenland/")
    ds = cd.open(refs, region=(-49.5, 69.1, -49.2, 69.3), time="2023")

They are a folder, here or in S3, of Parquet files that are added and never changed: any number of
processes may read it and add to it. Whoever reads granules through it pays for no walk.
"""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from cryodata.errors import CryodataError
    from cryodata.options import Options
    from cryodata.references.granule_store import GranuleStore
    from cryodata.references.icechunk_in import IcechunkView
    from cryodata.references.reference_store import ReferenceStore
    from cryodata.references.references import References

__all__ = [
    "append",
    "build",
    "describe",
    "export",
    "open",
    "open_icechunk",
    "open_kerchunk",
    "refresh",
    "verify",
    "virtual_dataset",
    "zarr_store",
]


def build(
    granules: Any,
    where: str | PathLike[str],
    *,
    parallel: Any = "threads",
    on_error: str = "raise",
    region: Any = None,
    time: Any = None,
    version: str | int = "latest",
    storage_options: Mapping[str, Any] | None = None,
    folder_options: Mapping[str, Any] | None = None,
    progress: bool | None = None,
    options: Options | None = None,
) -> References:
    """Walk granules and keep what is known of them.

    Granules that are there already are left out, so that a build that was interrupted goes on
    where it was when it is called again. What was walked is committed every few seconds.

    Parameters
    ----------
    granules : str, path-like, Granule, Granules, or a list of these
        As for `cryodata.open`: results of a search, paths, URLs, wildcards, or the short name of
        a product with `region` and `time`.
    where : str or path-like
        A folder, or ``s3://bucket/prefix``.
    parallel : {"threads", None}, concurrent.futures.Executor or dask.distributed.Client
        16 granules side by side in this process; one after the other; or spread over the
        processes of an executor, or the workers of a cluster, which log in for themselves: no
        key travels to them.
    on_error : {"raise", "skip"}
        What becomes of granules that cannot be had or read, when all others are done: one error
        tells them, or they are in ``.skipped`` of the result.
    region, time, version
        As for `cryodata.open`, where `granules` names a product.
    storage_options : mapping, optional
        For the granules, in the words of s3fs; those of Earthdata need none.
    folder_options : mapping, optional
        For `where`, the same.
    progress : bool, optional
        Show how far it is; by default on terminals and in notebooks.
    options : Options, optional

    Returns
    -------
    references : References
        All that are in the folder now. The places of the granules just walked are allowed.

    Raises
    ------
    NothingFoundError, NotFoundError
        There are no such granules.
    CryodataError
        With ``on_error="raise"``: of the first granule that failed; its notes name the others.
    AuthError, FetchError
        `where` cannot be read or written to: no half file is left, and what was committed stays.
    FormatError, UnsupportedError
        There are damaged references in it, or newer ones.
    """
    from cryodata.references.building import build_references

    return build_references(
        granules,
        where,
        parallel=parallel,
        on_error=on_error,
        region=region,
        time=time,
        version=version,
        storage_options=storage_options,
        folder_options=folder_options,
        progress=progress,
        options=options,
    )


def append(
    references: References | str | PathLike[str],
    granules: Any,
    *,
    parallel: Any = "threads",
    on_error: str = "raise",
    region: Any = None,
    time: Any = None,
    version: str | int = "latest",
    storage_options: Mapping[str, Any] | None = None,
    folder_options: Mapping[str, Any] | None = None,
    progress: bool | None = None,
    options: Options | None = None,
) -> References:
    """Add granules to references that are there; else as `build`.

    Parameters
    ----------
    references : References, str or path-like
    granules, parallel, on_error, region, time, version, storage_options, folder_options, \
progress, options
        As for `build`. With a `References`, its own folder options are used.

    Raises
    ------
    NotFoundError
        There are no references there: `build` makes them.
    CryodataError
        As `build`.
    """
    from cryodata.references.appending import append_references

    return append_references(
        references,
        granules,
        parallel=parallel,
        on_error=on_error,
        region=region,
        time=time,
        version=version,
        storage_options=storage_options,
        folder_options=folder_options,
        progress=progress,
        options=options,
    )


def open(
    where: str | PathLike[str],
    *,
    allow: Any = (),
    storage_options: Mapping[str, Any] | None = None,
    options: Options | None = None,
) -> References:
    """Open references; reads their catalogue, and no index.

    Parameters
    ----------
    where : str or path-like
        A folder, or ``s3://bucket/prefix``.
    allow : str, path-like, or several
        Places that granules may lie in, besides those of NASA's Earthdata: ``s3://bucket``,
        ``https://host/folder``, a folder. References that come from others could otherwise have
        this machine read its own files, or ask servers that only it can reach.
    storage_options : mapping, optional
        For `where`, in the words of s3fs.
    options : Options, optional

    Returns
    -------
    references : References
        `cryodata.open` takes it in place of granules. ``.select(region=...)`` gives some of
        them, ``.to_pandas()`` a table.

    Raises
    ------
    NotFoundError
        There are none.
    FormatError, UnsupportedError
        They are damaged, or of a newer version of the library.
    AuthError, FetchError
        They cannot be read.
    """
    from cryodata.references.references import open_references

    return open_references(where, allow=allow, storage_options=storage_options, options=options)


def refresh(
    references: References | str | PathLike[str],
    *,
    parallel: Any = "threads",
    on_error: str = "raise",
    storage_options: Mapping[str, Any] | None = None,
    progress: bool | None = None,
    options: Options | None = None,
) -> References:
    """Bring references up to date with their granules.

    Each granule is asked for its version, which takes one request. One that was replaced is
    walked again. One that is gone, or of which a newer revision is among them, is retired: it is
    read no longer, and stays in the files as history.

    Parameters
    ----------
    references : References, str or path-like
    parallel, on_error, storage_options, progress, options
        As for `build`.

    Returns
    -------
    references : References
        As they are now; granules that could not be asked are in ``.skipped``, and unchanged.

    Raises
    ------
    UnsafeReferenceError
        A granule lies in a place that is not allowed.
    CryodataError
        As `build`.
    """
    from cryodata.references.refreshing import refresh_references

    return refresh_references(
        _held(references),
        parallel=parallel,
        on_error=on_error,
        storage_options=storage_options,
        progress=progress,
        options=options,
    )


def verify(
    references: References | str | PathLike[str],
    *,
    sample: int = 8,
    seed: int = 0,
    storage_options: Mapping[str, Any] | None = None,
    progress: bool | None = None,
    options: Options | None = None,
) -> pd.DataFrame:
    """Compare references with their granules, by another reader: h5py.

    Each granule is asked for its version. Of those that are the same, random chunks of random
    arrays are compared: type, shape and shape of chunks; first byte, stored bytes and filter
    mask; and the values, bit by bit, as h5py finds them and as they are read by the index.
    Arrays that cannot be read here are not among them; where h5py lacks a filter or a type, the
    values are not compared.

    Parameters
    ----------
    references : References, str or path-like
    sample : int
        Chunks per granule; all are compared of a granule that has no more. 0 asks for versions
        only. It costs about five rounds of requests a granule, and up to 1 MB for each chunk
        beside the chunk itself.
    seed : int
        Draws others.
    storage_options, progress, options
        As for `build`.

    Returns
    -------
    table : DataFrame
        One row per granule, in their order: ``name``, ``url``; ``version``, "same", "changed",
        "gone" or "unknown" where it could not be asked; ``chunks``, how many were compared;
        ``problem``, empty where all is sound.

    Raises
    ------
    ConfigurationError
        `sample` is no number of chunks.
    MissingDependencyError
        h5py is not installed. Nothing else is raised: it is said in ``problem``.

    Notes
    -----
    h5py opens no file but the granule. That one it hands to libhdf5, in this process, which is
    written in C: a file that was made to crash it can. References of others are opened without
    that risk by `cryodata.open`, which never calls it.
    """
    from cryodata.references.verifying import verify_references

    return verify_references(
        _held(references),
        sample=sample,
        seed=seed,
        storage_options=storage_options,
        progress=progress,
        options=options,
    )


def describe(references: References | str | PathLike[str]) -> pd.DataFrame:
    """What variables there are, how they are stored, and how well that reads from the cloud.

    Reads all indexes, and nothing of the granules.

    Parameters
    ----------
    references : References, str or path-like

    Returns
    -------
    table : DataFrame
        One row per variable and product, sorted by path:

        ``product``, ``path``
            The product is empty where nobody knows.
        ``granules``
            That have it.
        ``dtype``, ``chunk_shape``, ``codecs``
            In words, as ``float32``, ``10000 x 5``, ``shuffle, deflate 6``; "various" where
            granules differ. In place of the shape of chunks: "contiguous"; "inline", in the
            object header; "none", nowhere in the file.
        ``chunks``, ``stored_bytes``
            In the files; data that is contiguous counts as one chunk.
        ``decoded_bytes``
            Of all elements, those never written too; 16 bytes for each text or sequence of
            variable length, which lie elsewhere.
        ``ratio``
            Decoded to stored; NaN where nothing is stored.
        ``mean_chunk_bytes``
            Stored.
        ``cloud``
            0 to 100, see below; NaN where there are no bytes to fetch, or they cannot be read.

        ``.attrs`` holds the number of ``granules`` and ``variables``, and the sums of ``chunks``,
        ``stored_bytes`` and ``decoded_bytes``.

    Raises
    ------
    CacheError
        An index is damaged, or of another format: `verify` tells which are.
    AuthError, FetchError
        An index cannot be read.

    Notes
    -----
    ``cloud = 100 * t(1, stored) / t(requests, fetched)``. `stored` are the bytes of the variable
    in the granule in which it has most of them; `requests` and `fetched` are those that would
    be made to read all of it there, alone, planned for the latency L (40 ms), bandwidth B
    (85 MB/s) and F requests in flight (96) of a default `Network`. As `cryodata.plan` has it,

    ``t(requests, nbytes) = 2 * L + max(0, requests - F) / F * L + nbytes / B``

    with 2 L for the slowest of requests side by side. So 100 is what one run of bytes would
    take; many small chunks far apart, and bytes in between that are read along, make it less.
    """
    from cryodata.references.describing import describe_references

    return describe_references(_held(references))


def _held(references: References | str | PathLike[str]) -> References:
    """References, or those at a place."""
    if isinstance(references, str | PathLike):
        return open(references)
    return references


def export(
    granules: Any,
    where: str | PathLike[str],
    *,
    form: str = "kerchunk",
    on_unsupported: str = "raise",
    storage_options: Mapping[str, Any] | None = None,
    folder_options: Mapping[str, Any] | None = None,
    options: Options | None = None,
) -> dict[str, dict[str, CryodataError]]:
    """Write references in a form that other libraries read.

    What a form cannot hold is refused by name, never dropped or filled with zeros.

    Parameters
    ----------
    granules : References, or anything that `cryodata.open` takes
    where : str or path-like
        A folder, or ``s3://bucket/prefix``.
    form : {"kerchunk", "kerchunk-parquet", "icechunk"}
        ``<granule>.json`` for each granule; a folder ``<granule>.parq`` for each; or one Icechunk
        repository, with one granule at its root or several in groups of their names. The first
        two know no version of a granule: whoever reads a granule that was replaced by them gets
        other values, without a word.
    on_unsupported : {"raise", "skip"}
        What becomes of variables that the form cannot hold: an error before anything of their
        granule is written, or they are left out, and returned.
    storage_options : mapping, optional
        For the granules.
    folder_options : mapping, optional
        For `where`.
    options : Options, optional

    Returns
    -------
    dict
        Name of a granule to what was left out of it, path to why; empty where all was written.

    Raises
    ------
    UnsupportedError
        A granule has what the form cannot hold.
    MissingDependencyError
        The form needs a package that is not installed.
    CryodataError
        A granule cannot be had, or `where` not be written.
    """
    from cryodata.references.exporting import export_references

    return export_references(
        granules,
        where,
        form=form,
        on_unsupported=on_unsupported,
        storage_options=storage_options,
        folder_options=folder_options,
        options=options,
    )


def zarr_store(
    granule: Any,
    *,
    on_unsupported: str = "raise",
    storage_options: Mapping[str, Any] | None = None,
    options: Options | None = None,
) -> GranuleStore:
    """A granule as a read-only store of Zarr version 3.

    ``zarr.open(store)`` and ``xarray.open_zarr(store, group=..., consolidated=False)`` read it;
    its bytes come from the granule, chunk by chunk, and of the version that was indexed.

    Parameters
    ----------
    granule : str, path-like, Granule or References of one granule
    on_unsupported : {"raise", "skip"}
        What becomes of variables that Zarr cannot hold; those left out are in ``.refused``.
    storage_options, options : optional
        As for `cryodata.open`.

    Raises
    ------
    UnsupportedError
        Zarr cannot hold a variable of the granule.
    MissingDependencyError
        zarr is not installed.
    ConfigurationError
        There are several granules.
    """
    from cryodata.granule import GranuleFile
    from cryodata.locate import one_granule
    from cryodata.references.granule_store import GranuleStore

    one = one_granule(granule, storage_options)
    file = GranuleFile(one, storage_options=storage_options, options=options)
    return GranuleStore(file, on_unsupported=on_unsupported)


def open_kerchunk(
    where: str | PathLike[str] | Mapping[str, Any],
    *,
    allow: Any = (),
    storage_options: Mapping[str, Any] | None = None,
    folder_options: Mapping[str, Any] | None = None,
    options: Options | None = None,
) -> ReferenceStore:
    """References of kerchunk as a read-only store of Zarr version 2, read strictly.

    ``xarray.open_zarr(store, group=..., consolidated=False, zarr_format=2)`` reads it. Templates
    are replaced as text, and nothing is evaluated; what a file says of itself is checked before
    any of it is used. The version of each granule is learnt at the first read, and demanded at
    all that follow.

    Parameters
    ----------
    where : str, path-like or mapping
        A JSON file, a folder of Parquet (its name ends in a slash, or it is one of this
        machine), or the references themselves.
    allow : str, path-like, or several
        Places that chunks may lie in, besides those of NASA's Earthdata, as for `open`.
    storage_options : mapping, optional
        For the granules.
    folder_options : mapping, optional
        For `where`.
    options : Options, optional

    Raises
    ------
    UnsafeReferenceError
        A chunk lies in a place that is not allowed.
    FormatError, UnsupportedError, LimitExceededError
        These are no references, or such as are not read.
    MissingDependencyError
        zarr is not installed.
    NotFoundError, AuthError, FetchError
        They cannot be read.
    """
    from cryodata.references.opening import open_kerchunk as opened

    return opened(
        where,
        allow=allow,
        storage_options=storage_options,
        folder_options=folder_options,
        options=options,
    )


def open_icechunk(
    where: str | PathLike[str],
    *,
    allow: Any = (),
    branch: str = "main",
    storage_options: Mapping[str, Any] | None = None,
    folder_options: Mapping[str, Any] | None = None,
) -> IcechunkView:
    """An Icechunk repository as a read-only store of Zarr version 3.

    ``xarray.open_zarr(store, group=..., consolidated=False)`` reads it. Which servers are asked,
    and with which keys, is as said here, whatever the repository says.

    Parameters
    ----------
    where : str or path-like
        A folder, or ``s3://bucket/prefix``.
    allow : str, path-like, or several
        Places that chunks may lie in, as for `open`.
    branch : str
    storage_options : mapping, optional
        For the granules.
    folder_options : mapping, optional
        For `where`.

    Raises
    ------
    ConfigurationError
        There is no repository.
    UnsafeReferenceError, GranuleChangedError, FetchError
        While reading: a chunk lies in a place that is not allowed, was replaced, or cannot be had.
    MissingDependencyError
        icechunk is not installed.
    """
    from cryodata.references.icechunk_in import open_icechunk as opened

    return opened(
        where,
        allow,
        branch=branch,
        storage_options=storage_options,
        folder_options=folder_options,
    )


def virtual_dataset(
    granule: Any,
    *,
    group: str = "/",
    on_unsupported: str = "raise",
    storage_options: Mapping[str, Any] | None = None,
    options: Options | None = None,
) -> xr.Dataset:
    """A group of a granule as a virtual dataset of VirtualiZarr.

    Its variables are manifests, to be combined and written by VirtualiZarr. What does not lie in
    the granule as Zarr reads it is loaded instead.

    Parameters
    ----------
    granule : str, path-like, Granule or References of one granule
    group : str
        Path, ``gt1l/land_ice_segments``.
    on_unsupported : {"raise", "skip"}
        What becomes of variables that a manifest cannot hold.
    storage_options, options : optional
        As for `cryodata.open`.

    Raises
    ------
    UnsupportedError
        A manifest cannot hold a variable of the group.
    UnknownVariableError
        There is no such group.
    MissingDependencyError
        VirtualiZarr is not installed.
    ConfigurationError
        There are several granules.
    """
    from cryodata.granule import GranuleFile
    from cryodata.locate import one_granule
    from cryodata.references.virtual import virtual_dataset as made

    one = one_granule(granule, storage_options)
    with GranuleFile(one, storage_options=storage_options, options=options) as file:
        return made(file, group, on_unsupported=on_unsupported)
