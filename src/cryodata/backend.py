"""The xarray engine ``cryodata``: one granule, the way h5netcdf shows it.

::

    xr.open_dataset("s3://bucket/granule.h5", engine="cryodata", group="/gt1l/heights")
    xr.open_datatree("granule.h5", engine="cryodata")
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import xarray as xr
from xarray.backends import AbstractDataStore, BackendEntrypoint
from xarray.backends.store import StoreBackendEntrypoint
from xarray.coding import strings
from xarray.core import indexing

from cryodata.errors import CryodataError, UnknownVariableError
from cryodata.granule import GranuleFile
from cryodata.index import Index, Unreadable
from cryodata.lazy import Companions, LazyArray, Part, Text, as_stored
from cryodata.netcdf import (
    HIDDEN,
    NetcdfGroup,
    NetcdfVariable,
    decode_attributes,
    encoding_of,
    netcdf_groups,
)
from cryodata.options import Options

__all__ = ["CryodataBackend", "GroupStore", "lazy_array", "members_of", "open_group", "open_groups"]

OWN_SUFFIXES = (".cryo",)
"""Files that nobody else reads; everything else needs ``engine="cryodata"`` to be said."""

Drop: TypeAlias = str | Iterable[str] | None


class GroupStore(AbstractDataStore):
    """One group of an open granule, in the form that xarray decodes.

    Parameters
    ----------
    file : GranuleFile
    group : NetcdfGroup
    drop : str or iterable of str, optional
        Variables to leave out.

    Raises
    ------
    CryodataError
        The one met when the header of a member was read that is not in `drop`.
    """

    def __init__(self, file: GranuleFile, group: NetcdfGroup, drop: Drop = None) -> None:
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
                self.arrays[name] = array = lazy_array(file, variable)
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
        return {"unlimited_dims": unlimited, "cryodata": self.file}

    def close(self) -> None:
        """Give connections back."""
        self.file.close()

    def __dask_tokenize__(self) -> tuple[Any, ...]:
        source = self.file.source
        return ("cryodata.GroupStore", source.url, source.size, source.etag, self.group.path)


def lazy_array(file: GranuleFile, variable: NetcdfVariable) -> LazyArray:
    """The values of a variable: nothing read, nothing decoded but text."""
    layout = variable.layout
    dtype, finish = layout.dtype, as_stored
    if layout.kind == "vlen string":
        dtype = strings.create_vlen_dtype(str)  # type: ignore[no-untyped-call]
        finish = Text(layout.encoding or "utf-8")
    return LazyArray(
        file,
        [Part(layout.path, layout.shape)],
        shape=variable.shape,
        dtype=dtype,
        finish=finish,
        fill=layout.fill,
        gap=max((1, *layout.piece_shape[:1])),
    )


def _as_variable(variable: NetcdfVariable, array: LazyArray, url: str) -> xr.Variable:
    layout = variable.layout
    _warn_of_lost_attributes(layout.path, layout.attributes)
    dtype = str if layout.kind == "vlen string" else layout.dtype
    encoding = {"source": url, "dtype": dtype, **encoding_of(variable)}
    data = indexing.LazilyIndexedArray(array)
    return xr.Variable(variable.dims, data, decode_attributes(layout.attributes), encoding)


def _warn_of_lost_attributes(path: str, attributes: Mapping[str, Any]) -> None:
    for name, value in attributes.items():
        if isinstance(value, Unreadable) and name not in HIDDEN:
            warnings.warn(f"Attribute {name} of {path} is left out: {value.reason}", stacklevel=2)


class CryodataBackend(BackendEntrypoint):
    """Granules in HDF5 or NetCDF4, local or remote, in few requests."""

    description = "Open HDF5 and NetCDF4 granules, local or in object stores, in few requests"
    url = "https://github.com/cryodata/cryodata"
    supports_groups = True

    def guess_can_open(self, filename_or_obj: Any) -> bool:
        """Whether the file can be nobody else's; never true of ``.h5`` or ``.nc``."""
        name = str(filename_or_obj) if hasattr(filename_or_obj, "__fspath__") else filename_or_obj
        return isinstance(name, str) and name.endswith(OWN_SUFFIXES)

    def open_dataset(
        self,
        filename_or_obj: Any,
        *,
        mask_and_scale: Any = True,
        decode_times: Any = True,
        concat_characters: Any = True,
        decode_coords: Any = True,
        drop_variables: Drop = None,
        use_cftime: Any = None,
        decode_timedelta: Any = None,
        group: str | None = None,
        storage_options: Mapping[str, Any] | None = None,
        byte_engine: str = "auto",
        options: Options | None = None,
    ) -> xr.Dataset:
        """Open one group, the root where none is named.

        Parameters
        ----------
        filename_or_obj : str, path or open fsspec file
        mask_and_scale, decode_times, concat_characters, decode_coords, drop_variables, \
use_cftime, decode_timedelta
            As in `xarray.open_dataset`.
        group : str, optional
            ``/gt1l/heights``.
        storage_options : mapping, optional
            For the store, in the words of s3fs: ``{"anon": True}``, ``{"key": ...}``.
        byte_engine : {"auto", "obstore", "fsspec"}
            Through which library the bytes come.
        options : Options, optional
        """
        decoders = {
            "mask_and_scale": mask_and_scale,
            "decode_times": decode_times,
            "concat_characters": concat_characters,
            "decode_coords": decode_coords,
            "drop_variables": drop_variables,
            "use_cftime": use_cftime,
            "decode_timedelta": decode_timedelta,
        }
        file = GranuleFile(
            filename_or_obj, options=options, storage_options=storage_options, engine=byte_engine
        )
        path = "/" + (group or "").strip("/")
        index = members_of(file, path)
        return _decode(file, netcdf_groups(index, path, below=False), decoders)[path]

    def open_groups_as_dict(
        self,
        filename_or_obj: Any,
        *,
        mask_and_scale: Any = True,
        decode_times: Any = True,
        concat_characters: Any = True,
        decode_coords: Any = True,
        drop_variables: Drop = None,
        use_cftime: Any = None,
        decode_timedelta: Any = None,
        group: str | None = None,
        storage_options: Mapping[str, Any] | None = None,
        byte_engine: str = "auto",
        options: Options | None = None,
    ) -> dict[str, xr.Dataset]:
        """Open a group and all below it; parameters as in `open_dataset`.

        Returns
        -------
        dict
            Path to Dataset: absolute; where `group` is given, relative to it.
        """
        decoders = {
            "mask_and_scale": mask_and_scale,
            "decode_times": decode_times,
            "concat_characters": concat_characters,
            "decode_coords": decode_coords,
            "drop_variables": drop_variables,
            "use_cftime": use_cftime,
            "decode_timedelta": decode_timedelta,
        }
        file = GranuleFile(
            filename_or_obj, options=options, storage_options=storage_options, engine=byte_engine
        )
        path = "/" + (group or "").strip("/")
        index = file.walk(None if path == "/" else [path])
        datasets = _decode(file, netcdf_groups(index, path), decoders)
        if not group:
            return datasets
        return {name[len(path) :].strip("/") or ".": ds for name, ds in datasets.items()}

    def open_datatree(self, filename_or_obj: Any, **settings: Any) -> xr.DataTree:
        """Open a group and all below it as a tree; parameters as in `open_dataset`.

        Raises
        ------
        ValueError
            If a group's dimensions do not fit those of the groups above it; then
            `cryodata.open_tree` or `xarray.open_groups` is the way.
        """
        groups = self.open_groups_as_dict(filename_or_obj, **settings)
        tree = xr.DataTree.from_dict(groups)
        tree.set_close(next(iter(groups.values()))._close)
        return tree


def open_group(file: GranuleFile, path: str, *, chunks: Any = None) -> xr.Dataset:
    """One group of an open granule as a Dataset, as `xarray.open_dataset` would give it."""
    (group,) = netcdf_groups(members_of(file, path), path, below=False)
    store = GroupStore(file, group)
    _join_companions([store])
    return xr.open_dataset(store, engine="store", chunks=chunks)


def open_groups(file: GranuleFile, path: str) -> dict[str, xr.Dataset]:
    """A group of an open granule and all below it: absolute path to Dataset.

    Lazy, CF-decoded, without indexes; what is read is kept in the Datasets.
    """
    index = file.walk(None if path == "/" else [path])
    datasets = _decode(file, netcdf_groups(index, path), {"drop_variables": None})
    for dataset in datasets.values():
        for variable in dataset.variables.values():
            variable.data = _kept(variable._data)
    return datasets


def _kept(data: Any) -> Any:
    """Lazy data that stays once it was read, and does not change with its copies."""
    unchanged = indexing.CopyOnWriteArray(data)
    return indexing.MemoryCachedArray(unchanged)  # type: ignore[no-untyped-call]


def members_of(file: GranuleFile, path: str) -> Index:
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


def _join_companions(stores: Iterable[GroupStore]) -> None:
    """Read what xarray loads at open in one plan: labels of dimensions, and texts."""
    arrays = [
        store.arrays[name]
        for store in stores
        for name, variable in store.get_variables().items()
        if variable.dims == (name,) or variable.encoding["dtype"] is str
    ]
    Companions().join(arrays, arrays)


def _decode(
    file: GranuleFile, groups: Sequence[NetcdfGroup], decoders: Mapping[str, Any]
) -> dict[str, xr.Dataset]:
    """Path to Dataset, CF-decoded by xarray."""
    stores = {group.path: GroupStore(file, group, decoders["drop_variables"]) for group in groups}
    _join_companions(stores.values())
    entry = StoreBackendEntrypoint()
    return {path: entry.open_dataset(store, **decoders) for path, store in stores.items()}
