"""Groups of an open granule as Datasets, decoded by xarray."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import Any, TypeAlias

import numpy as np
import xarray as xr
from xarray.backends import AbstractDataStore
from xarray.backends.store import StoreBackendEntrypoint
from xarray.coding import strings
from xarray.core import indexing

from cryodata.accessor import CryoAccessor
from cryodata.arrays.lazy import LazyArray, Part, reading_ahead
from cryodata.arrays.together import Companions
from cryodata.attributes import HIDDEN, decode_attributes
from cryodata.caution import warn_user
from cryodata.decoding.finish import Text, UtcTime, as_stored, epoch_of
from cryodata.errors import CryodataError, FormatError, IntegrityError, UnknownVariableError
from cryodata.granule import GranuleFile
from cryodata.index import Index
from cryodata.layout import ArrayLayout, Unreadable
from cryodata.netcdf import NetcdfGroup, NetcdfVariable, encoding_of, netcdf_groups
from cryodata.provenance import Provenance

__all__ = ["Drop", "GroupStore", "decode_group", "decode_groups", "open_group", "open_groups"]

_ = CryoAccessor  # importing it registers ``Dataset.cryo``

Drop: TypeAlias = str | Iterable[str] | None
"""Names of variables to leave out."""


class GroupStore(AbstractDataStore):
    """One group of an open granule, in the form that xarray decodes.

    Parameters
    ----------
    file : GranuleFile
    group : NetcdfGroup
    drop : str or iterable of str, optional
        Variables to leave out.
    utc : bool
        Decode seconds since an epoch here: lazily, where xarray looks at the first and
        last value of each when it opens; and exactly, where xarray is up to 16 ns off.

    Raises
    ------
    CryodataError
        The one met when the header of a member was read that is not in `drop`.
    """

    def __init__(
        self, file: GranuleFile, group: NetcdfGroup, drop: Drop = None, *, utc: bool = False
    ) -> None:
        self.file = file
        self.group = group
        left_out = {drop} if isinstance(drop, str) else set(drop or ())
        for name, problem in group.unreadable.items():
            if name not in left_out:
                error = copy.copy(problem)
                error.fix = f"Open the rest with drop_variables={name!r}."
                raise error
        self.arrays: dict[str, LazyArray] = {}
        self._variables: dict[str, xr.Variable] = {}
        for name, variable in group.variables.items():
            if name not in left_out:
                epoch = _epoch(variable.layout) if utc else None
                self.arrays[name] = array = _lazy_array(file, variable, epoch)
                self._variables[name] = _as_variable(variable, array, file.url)

    def get_variables(self) -> Mapping[str, xr.Variable]:
        """Variables as stored, not decoded, nothing read."""
        return self._variables

    def get_attrs(self) -> Mapping[str, Any]:
        """Attributes of the group."""
        return self.group.attributes

    def get_dimensions(self) -> Mapping[str, int]:
        """Dimensions defined in this group."""
        return {name: dimension.size for name, dimension in self.group.dimensions.items()}

    def get_encoding(self) -> dict[str, Any]:
        """Names of unlimited dimensions, and the granule for `ds.cryo`."""
        unlimited = {name for name, d in self.group.dimensions.items() if d.unlimited}
        return {"unlimited_dims": unlimited, "cryodata": Provenance((self.file,))}

    def close(self) -> None:
        """Give connections back."""
        self.file.close()

    def __dask_tokenize__(self) -> tuple[Any, ...]:
        source = self.file.source
        return ("cryodata.GroupStore", source.url, source.size, source.etag, self.group.path)


def _epoch(layout: ArrayLayout) -> UtcTime | None:
    """How to decode a variable of plain seconds since an epoch; None for any other."""
    attributes = decode_attributes(layout.attributes)
    start = epoch_of(attributes.get("units", ""))
    calendar = attributes.get("calendar", "standard")
    packed = {"scale_factor", "add_offset", "missing_value"} & set(attributes)
    if start is None or packed or layout.dtype.kind not in "fiu":
        return None
    if calendar not in {"standard", "gregorian", "proleptic_gregorian"}:
        return None
    fill = attributes.get("_FillValue")
    return UtcTime(start, None if fill is None else float(fill))


def _lazy_array(file: GranuleFile, variable: NetcdfVariable, utc: UtcTime | None) -> LazyArray:
    """The values of a variable: nothing read, nothing decoded but text and seconds."""
    layout = variable.layout
    settings: dict[str, Any] = {"dtype": layout.dtype, "finish": as_stored}
    if layout.kind == "vlen string":
        settings["dtype"] = strings.create_vlen_dtype(str)  # type: ignore[no-untyped-call]  # xarray's
        settings["finish"] = Text(layout.encoding or "utf-8")
    elif utc is not None:
        settings = {"dtype": np.dtype("M8[ns]"), "finish": utc}
    return LazyArray(
        [Part(file, layout.path, layout.shape)],
        shape=variable.shape,
        fill=layout.fill,
        gap=max((1, *layout.piece_shape[:1])),
        **settings,
    )


def _as_variable(variable: NetcdfVariable, array: LazyArray, url: str) -> xr.Variable:
    layout = variable.layout
    _warn_of_lost_attributes(layout.path, layout.attributes)
    attributes = decode_attributes(layout.attributes)
    dtype = str if layout.kind == "vlen string" else layout.dtype
    encoding = {"source": url, "dtype": dtype, **encoding_of(variable)}
    if isinstance(array.finish, UtcTime):
        for name in {"units", "calendar", "_FillValue"} & set(attributes):
            encoding[name] = attributes.pop(name)
    return xr.Variable(variable.dims, indexing.LazilyIndexedArray(array), attributes, encoding)


def _warn_of_lost_attributes(path: str, attributes: Mapping[str, Any]) -> None:
    for name, value in attributes.items():
        if isinstance(value, Unreadable) and name not in HIDDEN:
            warn_user(f"Attribute {name} of {path} is left out: {value.reason}")


def open_group(file: GranuleFile, path: str, *, chunks: Any = None) -> xr.Dataset:
    """One group of an open granule as a Dataset, as `xarray.open_dataset` would give it."""
    (group,) = netcdf_groups(_members_of(file, path), path, below=False)
    store = GroupStore(file, group)
    with _few_reads([store], times=True):
        return xr.open_dataset(store, engine="store", chunks=chunks)


def open_groups(file: GranuleFile, path: str) -> dict[str, xr.Dataset]:
    """A group of an open granule and all below it: absolute path to Dataset.

    Lazy, CF-decoded, without indexes; what is read is kept in the Datasets.
    """
    index = file.walk(None if path == "/" else [path])
    stores = [GroupStore(file, group, utc=True) for group in netcdf_groups(index, path)]
    datasets = _decode(stores, {})
    for dataset in datasets.values():
        for variable in dataset.variables.values():
            variable.data = _kept(variable._data)
    return datasets


def decode_group(file: GranuleFile, path: str, decoders: Mapping[str, Any]) -> xr.Dataset:
    """One group as `StoreBackendEntrypoint.open_dataset` gives it with these settings."""
    (group,) = netcdf_groups(_members_of(file, path), path, below=False)
    return _decode([GroupStore(file, group, decoders["drop_variables"])], decoders)[path]


def decode_groups(
    file: GranuleFile, path: str, decoders: Mapping[str, Any]
) -> dict[str, xr.Dataset]:
    """As `decode_group`, with all groups below; absolute path to Dataset."""
    index = file.walk(None if path == "/" else [path])
    drop = decoders["drop_variables"]
    stores = [GroupStore(file, group, drop) for group in netcdf_groups(index, path)]
    return _decode(stores, decoders)


def _decode(stores: Sequence[GroupStore], decoders: Mapping[str, Any]) -> dict[str, xr.Dataset]:
    entry = StoreBackendEntrypoint()
    with _few_reads(stores, times=decoders.get("decode_times") is not False):
        return {store.group.path: entry.open_dataset(store, **decoders) for store in stores}


@contextmanager
def _few_reads(stores: Sequence[GroupStore], *, times: bool) -> Iterator[None]:
    """Read in one plan each what xarray reads array by array when it opens.

    It looks at the first and last value of every time to choose how to decode it, turns
    texts into arrays of fixed width, and afterwards loads the labels of dimensions.
    """
    labels, ends = [], []
    for store in stores:
        for name, variable in store.get_variables().items():
            array = store.arrays[name]
            if variable.dims == (name,) or variable.encoding["dtype"] is str:
                labels.append(array)
            dated = times and " since " in str(variable.attrs.get("units"))
            if dated and array.ndim == 1 and array.size:
                ends += [(array, (slice(i, i + 1, 1),)) for i in (0, array.size - 1)]
    Companions().join(labels, labels)
    with ExitStack() as stack:
        with suppress(FormatError, IntegrityError):  # xarray will touch, and name, the one
            stack.enter_context(reading_ahead(ends))
        yield


def _kept(data: Any) -> Any:
    """Lazy data that stays once it was read, and does not change with its copies."""
    unchanged = indexing.CopyOnWriteArray(data)
    return indexing.MemoryCachedArray(unchanged)  # type: ignore[no-untyped-call]  # xarray's


def _members_of(file: GranuleFile, path: str) -> Index:
    """What is known once a group and everything directly in it was looked at.

    Raises
    ------
    UnknownVariableError
        There is no such group.
    """
    index = file.walk([], shallow=[path])
    group = index.groups.get(index.resolve(path))
    if group is None:
        raise UnknownVariableError(
            f"{path} is a variable, not a group",
            url=file.url,
            fix=f"Open the group {path.rpartition('/')[0] or '/'!r} and take the variable from it.",
        )
    children = [f"{path.rstrip('/')}/{name}" for name in group.links]
    try:
        return file.walk([], shallow=children)
    except CryodataError:  # a member cannot be read: the walk of all notes which, and goes on
        return file.walk([path])
