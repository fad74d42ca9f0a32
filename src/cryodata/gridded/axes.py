"""Which axes of a variable are layers, rows and columns of its grid."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from cryodata.gridded.slabs import MADE_UP, Slab
from cryodata.netcdf import NetcdfVariable

__all__ = ["place"]


def place(
    slab: Slab, variable: NetcdfVariable, made_up: Sequence[str]
) -> tuple[tuple[str, ...], str]:
    """Names of the axes of a variable, and its kind.

    Parameters
    ----------
    slab : Slab
    variable : NetcdfVariable
        Of its group.
    made_up : sequence of str
        Names for axes before rows and columns, where the file names none.

    Returns
    -------
    dims : tuple of str
        ``time``, ``y`` and ``x`` under these names, others as the file calls them.
    kind : {"layers", "layer", "still"}
        As of `grid_fields.Field`.
    """
    dims = list(variable.dims)
    at = _rows_at(slab, variable)
    if at is not None:
        dims[at : at + 2] = ["y", "x"]
        nameless = [i for i in range(at) if slab.lattice is not None or MADE_UP in dims[i]]
        for i, name in zip(reversed(nameless), reversed(made_up), strict=False):
            dims[i] = name
    times = slab.times
    if times is None:
        return tuple(dims), "still"
    time = slab.axes.get("time")
    layered = time is not None and time.dims and dims and dims[0] == time.dims[0]
    if layered and variable.shape[0] == len(times):
        return ("time", *dims[1:]), "layers"
    alike = time is not None and time.shape == variable.shape == times.shape
    if alike and MADE_UP in dims[0]:
        return ("time",), "layers"
    if at is not None and len(times) == 1:
        return ("time", *dims), "layer"
    return tuple(dims), "still"


def _rows_at(slab: Slab, variable: NetcdfVariable) -> int | None:
    """Which axis counts rows, the next one columns; None where none does."""
    names = (slab.axes["y"].dims[0], slab.axes["x"].dims[0]) if "x" in slab.axes else ("", "")
    pairs = list(itertools.pairwise(variable.dims))
    if names in pairs and names[0] != names[1]:
        return pairs.index(names)
    if "x" in slab.values:
        size = len(slab.values["y"]), len(slab.values["x"])
    elif slab.places is not None:
        size = slab.places[0].shape[-2], slab.places[0].shape[-1]
    else:
        return None
    free = not names[0] or MADE_UP in names[0]
    sizes = list(itertools.pairwise(variable.shape))
    found = [
        at for at, pair in enumerate(sizes) if pair == size and (free or MADE_UP in pairs[at][0])
    ]
    return found[-1] if found else None
