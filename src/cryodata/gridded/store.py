"""The slabs of one grid as a lazy Dataset, cut to a window and to layers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from xarray.backends import AbstractDataStore
from xarray.core import indexing

from cryodata.attributes import decode_attributes
from cryodata.caution import warn_user
from cryodata.errors import SelectionError
from cryodata.gridded.fields import Field, choose_fields, common
from cryodata.gridded.join import in_order
from cryodata.gridded.place import InRegion, cells_of
from cryodata.gridded.slabs import Slab
from cryodata.gridded.together import SameWindow
from cryodata.grids.cells import Cells
from cryodata.products import Product
from cryodata.provenance import Provenance
from cryodata.region.region import Region
from cryodata.timespan import TimeSpan
from cryodata.tracks.request import Words
from cryodata.types import AnyArray

__all__ = ["GridStore", "grid_dataset"]

Rows = slice | np.ndarray[tuple[int, ...], np.dtype[np.intp]]


def grid_dataset(
    slabs: Sequence[Slab],
    product: Product,
    origin: Provenance,
    *,
    region: Region | None = None,
    time: TimeSpan | None = None,
    variables: Words = "default",
    chunks: Any = None,
    skip: bool = False,
) -> xr.Dataset:
    """The Dataset of the slabs of one grid, as `grid.open_grid` describes it."""
    slabs = in_order(slabs)
    fields = choose_fields(slabs, product, variables, skip=skip)
    cells = None if region is None else cells_of(slabs[0])
    window: dict[str, Rows] = {}
    if cells is not None and region is not None:
        found = cells.window(region)
        if found is None:
            warn_user(f"No cell has its centre in {region}: no rows and columns are left")
        window["y"], window["x"] = found or (slice(0, 0), slice(0, 0))
    layers = _layers(slabs, time)
    if layers is not None:
        window["time"] = layers
    store = GridStore(slabs, fields, origin, window, cells, region)
    if chunks is None:
        store.read_together(field.name for field in fields if field.named)
    settings: dict[str, Any] = {} if chunks is None else {"chunks": chunks}
    dataset = xr.open_dataset(store, engine="store", cache=chunks is None, **settings)
    extra = [name for name in store.extra_coordinates if name in dataset.variables]
    return dataset.set_coords(extra)


class GridStore(AbstractDataStore):
    """Fields and axes of a grid, cut to a window, in the form that xarray decodes."""

    def __init__(
        self,
        slabs: Sequence[Slab],
        fields: Sequence[Field],
        origin: Provenance,
        window: Mapping[str, Rows],
        cells: Cells | None,
        region: Region | None,
    ) -> None:
        self._slabs = slabs
        self._origin = origin
        self._window = dict(window)
        self._token = (region, [(field.name, field.kind) for field in fields], repr(window))
        self._arrays = {field.name: field.array() for field in fields}
        self._variables = {field.name: self._cut(field) for field in fields}
        self.extra_coordinates = ["spatial_ref", "in_region"]
        self.extra_coordinates += [
            field.name
            for field in fields
            if any(
                v is place
                for slab in slabs
                for place in slab.places or ()
                for _, v in field.sources
            )
        ]
        for axis in ("x", "y", "time"):
            if axis in slabs[0].values:
                self._variables[axis] = self._axis(axis)
        if slabs[0].projection:
            self._variables["spatial_ref"] = xr.Variable((), np.int32(0), dict(slabs[0].projection))
        if cells is not None and region is not None:
            inside = xr.Variable(
                ("y", "x"),
                indexing.LazilyIndexedArray(InRegion(cells, region)),
                {"long_name": f"centre of the cell is in {region}"},
            )
            self._variables["in_region"] = inside[self._key(inside.dims)]

    def read_together(self, names: Iterable[str]) -> None:
        """Read some variables with the first of them that is touched."""
        SameWindow(self._arrays[name] for name in names)

    def get_variables(self) -> Mapping[str, xr.Variable]:
        """Variables as stored, not decoded, nothing read but axes."""
        return self._variables

    def get_attrs(self) -> Mapping[str, Any]:
        """What all files say of themselves alike."""
        return common([slab.attributes for slab in self._slabs])

    def get_dimensions(self) -> Mapping[str, int]:
        """Lengths, after the cut."""
        return {str(n): s for v in self._variables.values() for n, s in v.sizes.items()}

    def get_encoding(self) -> dict[str, Any]:
        """The files, for `ds.cryo`."""
        return {"cryodata": self._origin}

    def close(self) -> None:
        """Give connections back."""
        self._origin.close()

    def __dask_tokenize__(self) -> tuple[Any, ...]:
        sources = [slab.file.source for slab in self._slabs]
        return (
            "cryodata.GridStore",
            [(source.url, source.size, source.etag) for source in sources],
            [slab.group for slab in self._slabs],
            self._token,
        )

    def _key(self, dims: Sequence[Any]) -> tuple[Rows, ...]:
        return tuple(self._window.get(str(dim), slice(None)) for dim in dims)

    def _cut(self, field: Field) -> xr.Variable:
        variable = field.variable(self._arrays[field.name])
        cut = variable[self._key(variable.dims)]
        cut.encoding = dict(variable.encoding)
        cut.encoding["preferred_chunks"] = {
            dim: _chunks_within(lengths, self._window.get(dim, slice(None)))
            for dim, lengths in zip(field.dims, field.chunks(), strict=True)
        }
        return cut

    def _axis(self, axis: str) -> xr.Variable:
        slab = self._slabs[0]
        values = slab.values[axis]
        if axis == "time":
            values = np.concatenate([slab.values["time"] for slab in self._slabs])
            attributes: dict[str, Any] = {"standard_name": "time", "long_name": "UTC time"}
        elif axis in slab.axes:
            attributes = decode_attributes(slab.axes[axis].layout.attributes)
            attributes.pop("_FillValue", None)
            attributes["hdf5_path"] = slab.axes[axis].layout.path.strip("/")
            attributes.setdefault("standard_name", f"projection_{axis}_coordinate")
        else:
            attributes = {"standard_name": f"projection_{axis}_coordinate", "units": "m"}
        return xr.Variable((axis,), values[self._key([axis])], attributes)


def _layers(slabs: Sequence[Slab], time: TimeSpan | None) -> Rows | None:
    """Layers within a span of time; None where all are kept."""
    if time is None:
        return None
    if any(slab.times is None for slab in slabs):
        raise SelectionError(
            "Neither the file nor its name tells the time of its layers",
            url=slabs[0].file.url,
            fix="Leave time out.",
        )
    times: AnyArray = np.concatenate([slab.values["time"] for slab in slabs])
    kept = np.flatnonzero(time.contains(times))
    if not len(kept):
        span = f"{str(times.min())[:19]} to {str(times.max())[:19]}" if len(times) else "none"
        warn_user(f"No layer is of {time}: none is left of those from {span}")
        return slice(0, 0)
    if len(kept) == kept[-1] - kept[0] + 1:
        return slice(int(kept[0]), int(kept[-1]) + 1)
    return kept


def _chunks_within(lengths: Sequence[int], key: Rows) -> tuple[int, ...]:
    """Lengths of chunks that are left of an axis when it is cut."""
    edges = np.cumsum([0, *lengths])
    if isinstance(key, slice):
        start, stop, _ = key.indices(int(edges[-1]))
        cut = np.clip(edges, start, max(start, stop))
        kept = np.diff(cut)
    else:
        kept = np.diff(np.searchsorted(key, edges))
    return tuple(int(n) for n in kept if n) or (0,)
