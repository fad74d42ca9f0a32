"""cryodata beside other ways to read, on files and a network of your own.

::

    import cryodata as cd

    print(cd.bench.compare("s3://bucket/ATL06.h5", group="gt1l/land_ice_segments"))
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cryodata.bench.comparison import Comparison
    from cryodata.options import Options

__all__ = ["compare"]


def compare(
    what: Any,
    *,
    variables: str | Sequence[str] | None = None,
    group: str = "/",
    download_to: str | PathLike[str] | None = None,
    patience: float = 120.0,
    storage_options: Mapping[str, Any] | None = None,
    options: Options | None = None,
) -> Comparison:
    """Read the same arrays in several ways, and say what each cost.

    In this order: cryodata, knowing nothing of the granules; cryodata once more, with the index
    that the first read left; xarray with h5netcdf as it comes; and, where there is a folder for
    copies, the whole granules first, and h5py on the copies. Of local granules the last is h5py
    on the granules themselves. One run of each; what a server or this machine has cached after
    the first of them is to the good of the others.

    Parameters
    ----------
    what : str, path-like, Granule, Granules, or a list of these
        Paths, URLs or results of a search, as for `cryodata.open`.
    variables : str or list of str, optional
        Names in `group`, with as much of a path below it as needed, or absolute paths. All
        granules have to have them. By default all arrays of the group, those of groups below it
        left out, as far as they can be read.
    group : str
        ``gt1l/land_ice_segments``.
    download_to : str or path-like, optional
        A folder; the copies are removed after they were read.
    patience : float
        Seconds after which xarray is ended.
    storage_options : mapping, optional
        In the words of s3fs, for all readers.
    options : Options, optional
        Of cryodata; the folder for indexes is a new one in any case.

    Returns
    -------
    comparison : Comparison
        Printed it is a table; `Comparison.to_json` is for keeping. Arrays are compared as they
        are stored, bit by bit, neither masked nor scaled.

    Raises
    ------
    UnknownVariableError
        A variable or group does not exist.
    ConfigurationError
        There is nothing to read in the group.
    CryodataError
        cryodata itself cannot read it. What others cannot do is said in their row.
    """
    from cryodata.bench.comparing import compare_readers

    return compare_readers(
        what,
        variables=variables,
        group=group,
        download_to=download_to,
        patience=patience,
        storage_options=storage_options,
        options=options,
    )
