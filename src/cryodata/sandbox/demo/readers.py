"""The same arrays from the same object, read in the ways that are compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import fsspec
import xarray as xr

import cryodata
from cryodata.sandbox.sky import Sky
from cryodata.types import AnyArray

__all__ = ["OURS", "READERS", "Arrays", "Reader", "Wanted", "open_ours"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is read: one beam of one granule in the sandbox.

    Attributes
    ----------
    url : str
        ``s3://public/...``.
    beam : str
        ``gt1l``.
    group : str
        Group of the beam that holds the variables.
    variables : tuple of str
        Names in that group.
    """

    url: str
    beam: str
    group: str
    variables: tuple[str, ...]


Arrays: TypeAlias = Mapping[str, AnyArray]


@dataclass(frozen=True, slots=True)
class Reader:
    """One way to read, its name in the table, and whether it is cryodata."""

    title: str
    read: Callable[[Sky, Wanted], Arrays]
    ours: bool = False


def _with_xarray(file: Any, wanted: Wanted) -> Arrays:
    group = f"{wanted.beam}/{wanted.group}"
    with file, xr.open_dataset(file, engine="h5netcdf", group=group) as dataset:
        return {name: dataset[name].values for name in wanted.variables}


def _over_http(sky: Sky, wanted: Wanted) -> Arrays:
    return _with_xarray(fsspec.filesystem("http").open(sky.https(wanted.url)), wanted)


def _over_s3fs(sky: Sky, wanted: Wanted) -> Arrays:
    filesystem = fsspec.filesystem("s3", **sky.storage_options)
    return _with_xarray(filesystem.open(wanted.url), wanted)


def open_ours(sky: Sky, wanted: Wanted) -> xr.Dataset:
    """The lazy Dataset of cryodata."""
    return cryodata.open(
        wanted.url,
        beams=[wanted.beam],
        variables=wanted.variables,
        storage_options=sky.storage_options,
    )


def _ours(sky: Sky, wanted: Wanted) -> Arrays:
    with open_ours(sky, wanted) as dataset:
        return {name: dataset[name].values for name in wanted.variables}


OURS = Reader("cryodata", _ours, ours=True)
READERS = (
    Reader("xarray, file over http", _over_http),
    Reader("xarray, file of s3fs", _over_s3fs),
    OURS,
    Reader("cryodata, once more", _ours, ours=True),
)
"""In the order of the table. The last one finds the index that the one before it kept."""
