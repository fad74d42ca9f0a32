"""A whole file as groups and arrays of Zarr, and what of it Zarr cannot hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cryodata.errors import CryodataError
from cryodata.formats.zarr_arrays import ZarrArray, needs_values, plain_attributes, zarr_array
from cryodata.index import Index
from cryodata.netcdf import NetcdfVariable, netcdf_groups
from cryodata.types import AnyArray

__all__ = ["Read", "ZarrTree", "zarr_tree"]

Read = Callable[[list[str]], Sequence[AnyArray]]
"""Paths of datasets to all of their values."""


@dataclass(frozen=True, slots=True, eq=False)
class ZarrTree:
    """Groups and arrays by path, without a slash at either end; the root is ``""``.

    Attributes
    ----------
    url : str
        The file that the chunks lie in.
    groups : mapping of str to dict
        Attributes, as JSON has them.
    arrays : mapping of str to ZarrArray
    refused : mapping of str to CryodataError
        What is in the file and cannot be written, and why.
    """

    url: str
    groups: Mapping[str, dict[str, Any]]
    arrays: Mapping[str, ZarrArray]
    refused: Mapping[str, CryodataError]


def zarr_tree(index: Index, read: Read) -> ZarrTree:
    """All of a file.

    Parameters
    ----------
    index : Index
        Of the whole file.
    read : function
        Gives the values that have to stand among the references themselves; asked once.
    """
    groups: dict[str, dict[str, Any]] = {}
    variables: dict[str, NetcdfVariable] = {}
    refused: dict[str, CryodataError] = {}
    for group in netcdf_groups(index):
        name = group.path.strip("/")
        below = f"{name}/" if name else ""
        groups[name] = plain_attributes(group.attributes)
        refused.update({f"{below}{member}": e for member, e in group.unreadable.items()})
        variables.update({f"{below}{member}": v for member, v in group.variables.items()})
    values = _values(variables, read)
    arrays: dict[str, ZarrArray] = {}
    for path, variable in variables.items():
        try:
            arrays[path] = zarr_array(variable, values.get(variable.layout.path))
        except CryodataError as error:
            refused[path] = error.locate(url=index.source.url, path=f"/{path}")
    return ZarrTree(index.source.url, groups, arrays, refused)


def _values(variables: Mapping[str, NetcdfVariable], read: Read) -> dict[str, AnyArray]:
    """Values of all that Zarr cannot read where they are."""
    layouts = [variable.layout for variable in variables.values()]
    paths = list(
        dict.fromkeys(
            layout.path
            for layout in layouts
            if needs_values(layout) and not layout.is_null and not layout.problem
        )
    )
    return dict(zip(paths, read(paths), strict=True)) if paths else {}
