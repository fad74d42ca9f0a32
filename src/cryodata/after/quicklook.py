"""The rows that a quick look shows: few enough to draw, and few enough to read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from cryodata.after.drawing import Bins, Labels, draw
from cryodata.after.envelope import bins_of_bounds
from cryodata.after.rows import TrackRows, track_rows
from cryodata.arrays.together import load_together
from cryodata.errors import ConfigurationError, SelectionError, UnknownVariableError, close_names
from cryodata.products.registry import text
from cryodata.types import AnyArray, IntArray

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["MOST_BINS", "MOST_ROWS", "bins_of", "height_of", "look"]

MOST_ROWS = 1 << 20
"""Rows read, about: of more, runs at even distances are."""

MOST_BINS = 20_000
"""Points drawn, about: of more rows, neighbours are put together."""

RUN = 10_000
"""Rows of a run: a chunk of the products, so that no chunk is decoded for a part of it."""

ALONG = ("time", "latitude")
_HEIGHTS = (
    *("h_li", "h_ph", "height_segment_height", "beam_fb_height", "h_te_best_fit", "h_corr"),
    *("ht_ortho", "ortho_h", "d_elev", "elevation", "surface_height", "h"),
)
"""What heights are called; none of these names means anything else in another product."""


def look(
    dataset: xr.Dataset, variable: str | None, along: str | None, *, read: bool = True
) -> Figure:
    """A map and a profile; see `CryoAccessor.quicklook`."""
    rows = track_rows(dataset)
    granules = np.unique(rows.label("granule").astype(str))
    timed = len(granules) <= 1 and "time" in dataset.variables
    along = along or ("time" if timed else "latitude")
    if along not in ALONG:
        raise ConfigurationError(f"along={along!r}", fix=close_names(along, ALONG))
    height = height_of(rows, variable)
    if read:
        bins, share = bins_of(rows, height, along)
    else:
        bins, share = bins_of_bounds(rows, height, along), 0.0
    attributes = dataset[height].attrs if height in dataset.variables else {}
    about = Labels(
        title=_title(rows, granules),
        height=text(attributes.get("long_name")) or height or "height",
        units=text(attributes.get("units")),
        along=along,
        share=share,
        groups=_groups(rows),
    )
    return draw(bins, about)


def height_of(rows: TrackRows, variable: str | None) -> str:
    """The variable to draw: named, or the height, as products call it."""
    dataset = rows.dataset
    if variable is not None:
        if variable not in dataset.variables:
            raise UnknownVariableError(
                f"The Dataset has no variable {variable!r}",
                fix=close_names(variable, map(str, dataset.data_vars)),
            )
        _check(rows, variable)
        return variable
    found = next((name for name in _HEIGHTS if name in dataset.variables), "")
    if not found and rows.total:
        raise SelectionError(
            "The Dataset has no height to draw",
            fix="Open it with one, or name what is to be drawn: quicklook(variable=...).",
        )
    _check(rows, found)
    return found


def _check(rows: TrackRows, name: str) -> None:
    """Raise `SelectionError` where a variable is not one number per row."""
    variable = rows.dataset.variables.get(name)
    if variable is None or not rows.total:
        return
    if variable.dims != (rows.dimension,) or variable.dtype.kind not in "iuf":
        raise SelectionError(
            f"{name} is not one number per row: {variable.dtype} along "
            + ", ".join(map(str, variable.dims)),
            fix="Choose a place along the other axes first, ds.isel(...), or another variable.",
        )


def bins_of(rows: TrackRows, height: str, along: str) -> tuple[Bins, float]:
    """Rows put together to what is drawn, and the share of the rows that was read.

    Parameters
    ----------
    rows : TrackRows
    height : str
        Variable of one number per row; m.
    along : {"time", "latitude"}
        Axis of the profile.

    Raises
    ------
    SelectionError
        The rows have no place, or no time.
    """
    if not rows.total:
        none = np.empty(0)
        x = none.astype("M8[ns]") if along == "time" else none
        return Bins(np.empty(0, np.int64), none, none, x, none, none, none), 1.0
    rows.need("longitude", "latitude", along)
    chosen, starts = _chosen(rows.offsets)
    names = {"longitude", "latitude", along, height}
    selected = slice(None) if len(chosen) == rows.total else chosen
    loaded = load_together(rows.only(names).isel({rows.dimension: selected}))
    longitude, latitude, x = (loaded[name].values for name in ("longitude", "latitude", along))
    values = loaded[height].values.astype("f8")
    size = -(-len(chosen) // MOST_BINS)
    edges = _edges(starts, len(chosen), size)
    middle = (edges + np.append(edges[1:], len(chosen))) // 2
    known = np.isfinite(values)
    count = np.add.reduceat(known.astype("f8"), edges)
    total = np.add.reduceat(np.where(known, values, 0.0), edges)
    with np.errstate(invalid="ignore"):
        mean = total / count  # NaN where no height is known
    bins = Bins(
        track=np.searchsorted(rows.offsets, chosen[edges], side="right") - 1,
        longitude=longitude[middle],
        latitude=latitude[middle],
        x=x[middle],
        low=np.fmin.reduceat(values, edges),
        high=np.fmax.reduceat(values, edges),
        height=mean,
    )
    return bins, len(chosen) / rows.total


def _chosen(offsets: IntArray) -> tuple[IntArray, IntArray]:
    """Rows to read, and where among them tracks and runs begin."""
    total = int(offsets[-1])
    pieces = []
    for start, stop in zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True):
        count = stop - start
        runs = max(1, round(count * MOST_ROWS / total / RUN))
        if total <= MOST_ROWS or count <= runs * RUN:
            pieces += [np.arange(start, stop)] if count else []
            continue
        # on multiples of a run, counted from the track's first row, as its chunks are
        every = np.unique(np.linspace(0, count // RUN - 1, runs).astype(np.int64))
        pieces += [start + RUN * i + np.arange(RUN) for i in every]
    starts = np.cumsum([0, *(len(piece) for piece in pieces[:-1])])
    return np.concatenate(pieces), starts.astype(np.int64)


def _edges(starts: IntArray, total: int, size: int) -> IntArray:
    """Where bins of at most `size` rows begin; none holds rows of two runs."""
    stops = np.append(starts[1:], total)
    runs = zip(starts.tolist(), stops.tolist(), strict=True)
    return np.concatenate([np.arange(start, stop, size) for start, stop in runs])


def _groups(rows: TrackRows) -> tuple[str, ...]:
    """Each track by its beam; by its cycle where several are compared."""
    cycles = rows.label("cycle")
    if len(np.unique(cycles)) > 1:
        return tuple(f"cycle {cycle}" for cycle in cycles)
    return tuple(str(beam) for beam in rows.label("beam"))


def _title(rows: TrackRows, granules: AnyArray) -> str:
    product = rows.product
    name = product.short_name if product is not None else "Heights"
    if len(granules) <= 1:
        return str(granules[0]) if len(granules) else name
    return f"{name}, {len(granules)} granules, {len(rows.counts)} tracks"
