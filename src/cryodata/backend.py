"""The xarray engine ``cryodata``: one granule, the way h5netcdf shows it.

::

    xr.open_dataset("s3://bucket/granule.h5", engine="cryodata", group="/gt1l/heights")
    xr.open_datatree("granule.h5", engine="cryodata")
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import xarray as xr
from xarray.backends import BackendEntrypoint

from cryodata.granule import GranuleFile
from cryodata.groups import Drop, decode_group, decode_groups
from cryodata.options import Options

__all__ = ["CryodataBackend"]


class CryodataBackend(BackendEntrypoint):
    """Granules in HDF5 or NetCDF4, local or remote, in few requests.

    xarray never guesses this engine: it is used where ``engine="cryodata"`` is said.
    """

    description = "Open HDF5 and NetCDF4 granules, local or in object stores, in few requests"
    supports_groups = True

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
        return decode_group(file, path, decoders)

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
        datasets = decode_groups(file, path, decoders)
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
