"""Gridded products through the door of `cryodata.open`: one lazy Dataset in rows and columns."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numpy as np
import xarray as xr
from xarray.backends import AbstractDataStore
from xarray.core import indexing

from cryodata.attributes import decode_attributes
from cryodata.cells import Cells
from cryodata.errors import (
    CryodataError,
    FetchError,
    FormatError,
    IntegrityError,
    SelectionError,
    UnknownVariableError,
)
from cryodata.granule import GranuleFile
from cryodata.grid_fields import Field, choose_fields, common
from cryodata.grid_place import InRegion, cells_of
from cryodata.grid_together import SameWindow
from cryodata.locate import Wish
from cryodata.products import Product, read_name, recognise
from cryodata.provenance import Provenance, Skipped
from cryodata.region import Region
from cryodata.slabs import Slab, find_slabs
from cryodata.timespan import TimeSpan
from cryodata.types import AnyArray
from cryodata.view import IDENTIFICATION, Words

__all__ = ["GridStore", "grid_dataset", "grid_product", "open_grid", "open_gridded"]

SIDE_BY_SIDE = 16
"""Files whose structure is read at once."""

ELSEWHERE = "/Metadata/DatasetIdentification"
"""Where SMAP says which product it is."""

Rows = slice | np.ndarray[tuple[int, ...], np.dtype[np.intp]]


def grid_product(file: GranuleFile) -> Product | None:
    """The gridded product that a file belongs to; None for any other file."""
    by_name = recognise(file.url, {}, {})
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
        product = recognise(file.url, attributes, said)
        if product is not None:
            return product if product.grid is not None else None
    return None


def open_gridded(
    files: Sequence[GranuleFile],
    wish: Wish,
    variables: Words,
    beams: Words,
    group: str | None,
    chunks: Any,
    on_missing: str,
) -> xr.Dataset | None:
    """What `cryodata.open` gives of files of a gridded product; None of any others.

    Raises
    ------
    SelectionError
        Beams of a grid, or a grid of what has none; and as `open_grid`.
    """
    product = _product(files, skip=on_missing == "skip")
    if product is None:
        if group is not None:
            raise SelectionError(
                "group= chooses among the grids of a gridded product, and this is none",
                url=files[0].url,
                fix=f"cryodata.open_tree(...)[{group!r}] opens a group of any file.",
            )
        return None
    if beams != "all":
        raise SelectionError(
            f"{product.short_name} is a grid, and has no beams", fix="Leave beams out."
        )
    return open_grid(
        files,
        product,
        region=wish.region,
        time=wish.time,
        variables=variables,
        group=group,
        chunks=chunks,
        skip=on_missing == "skip",
    )


def _product(files: Sequence[GranuleFile], *, skip: bool) -> Product | None:
    """The gridded product of the first file; of the first that can be read, where so asked."""
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
    slabs, skipped = _slabs(_then(files, product, time), product, group, skip=skip)
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
    """The Dataset of the slabs of one grid, as `open_grid` describes it."""
    slabs = _in_order(slabs)
    fields = choose_fields(slabs, product, variables, skip=skip)
    cells = None if region is None else cells_of(slabs[0])
    window: dict[str, Rows] = {}
    if cells is not None and region is not None:
        found = cells.window(region)
        if found is None:
            _warn(f"No cell has its centre in {region}: no rows and columns are left", 6)
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
    files: Sequence[GranuleFile], product: Product, group: str | None, *, skip: bool
) -> tuple[list[Slab], list[Skipped]]:
    """The grid of each file, side by side; and which files could not be opened."""

    def find(file: GranuleFile) -> list[Slab] | CryodataError:
        try:
            other = grid_product(file)
            if other is None or other.short_name != product.short_name:
                return SelectionError(
                    f"it is no file of {product.short_name}, like the first",
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


def _in_order(slabs: Sequence[Slab]) -> list[Slab]:
    """Slabs by their times; an error where they are not layers of one grid."""
    if len(slabs) == 1:
        return list(slabs)
    _refuse_releases(slabs)
    first = slabs[0]
    for slab in slabs[1:]:
        if not _same_grid(first, slab):
            raise SelectionError(
                f"{_name(first)} and {_name(slab)} lie on different grids",
                fix="Choose by name, cd.search(..., name='*_10km_*'), or open each by itself;"
                " cryodata.open_tree takes several resolutions.",
            )
    if any(slab.times is None for slab in slabs):
        nameless = next(slab for slab in slabs if slab.times is None)
        raise SelectionError(
            f"Neither {_name(nameless)} nor its name tells a time to join it by",
            fix="Open it by itself, or give files under the names of their producer.",
        )
    ordered = sorted(slabs, key=_begin)
    times = np.concatenate([slab.values["time"] for slab in ordered])
    every, count = np.unique(times, return_counts=True)
    if (count > 1).any():
        twice = every[count > 1][0]
        holding = [_name(slab) for slab in ordered if twice in slab.values["time"]]
        raise SelectionError(
            f"{' and '.join(holding[:2])} both hold a layer of {str(twice)[:19]}",
            fix="Keep the newer of them.",
        )
    if (np.diff(times) < np.timedelta64(0)).any():
        pairs = pairwise([slab for slab in ordered if len(slab.values["time"])])
        a, b = next((a, b) for a, b in pairs if a.values["time"][-1] > b.values["time"][0])
        raise SelectionError(
            f"The layers of {_name(a)} and {_name(b)} lie between each other",
            fix="Open each by itself.",
        )
    return ordered


def _begin(slab: Slab) -> int:
    """Nanoseconds of its first layer; what has none comes first."""
    return min(slab.values["time"].astype("i8").tolist(), default=0)


def _name(slab: Slab) -> str:
    return slab.file.url.rstrip("/").rsplit("/", 1)[-1]


def _same_grid(a: Slab, b: Slab) -> bool:
    if ("x" in a.values) != ("x" in b.values):
        return False
    axes = [axis for axis in ("x", "y") if axis in a.values]
    same = all(np.array_equal(a.values[axis], b.values[axis]) for axis in axes)
    places = [slab.places and slab.places[0].shape for slab in (a, b)]
    return same and (bool(axes) or places[0] == places[1]) and a.projection == b.projection


def _refuse_releases(slabs: Sequence[Slab]) -> None:
    """Raise where names tell of two releases, or of two revisions of one file."""
    names = {id(slab.file): slab.name for slab in slabs if slab.name is not None}
    releases = sorted({name.release for name in names.values() if name.release})
    if len(releases) > 1:
        raise SelectionError(
            f"files of releases {', '.join(releases)}: their layers must not be mixed",
            fix="Keep the files of one release.",
        )


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
        _warn(f"No layer is of {time}: none is left of those from {span}", 7)
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


def _warn(text: str, depth: int) -> None:
    warnings.warn(text, stacklevel=depth)  # where cryodata.open was called
