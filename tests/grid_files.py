"""Small gridded files, written with h5py as netCDF-4 would, from recorded structures."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

__all__ = ["STRUCTURES", "structure", "write_grid"]

STRUCTURES = Path(__file__).resolve().parent / "data" / "structure"
ONLY = b"This is a netCDF dimension but not a netCDF variable."


def structure(short_name: str) -> dict[str, Any]:
    """The recorded structure of a product's file."""
    found: dict[str, Any] = json.loads((STRUCTURES / f"{short_name.lower()}.json").read_text())
    return found


def write_grid(
    path: Path,
    recorded: Mapping[str, Any],
    sizes: Mapping[int, int],
    values: Mapping[str, Any],
    *,
    leave_out: tuple[str, ...] = (),
) -> Path:
    """Write a file of that structure.

    Parameters
    ----------
    sizes : mapping of int to int
        Length of an axis in the structure to the one written; others stay.
    values : mapping of str to array
        What datasets hold; the others hold their fill value.
    leave_out : tuple of str
        Beginnings of paths that are not written.
    """
    with h5py.File(path, "w", libver=("earliest", "v110"), track_order=True) as file:
        for group, attributes in recorded["groups"].items():
            if not group.startswith(leave_out or ("\0",)):
                _attributes(file.require_group(group), attributes)
        written = {
            name: spec
            for name, spec in recorded["arrays"].items()
            if not name.startswith(leave_out or ("\0",))
        }
        for name, spec in written.items():
            _dataset(file, name, spec, sizes, values.get(name))
        for name, spec in written.items():
            for axis, scale in enumerate(spec["dims"]):
                if scale and scale != name:
                    file[name].dims[axis].attach_scale(file[scale])
    return path


def _dataset(
    file: h5py.File, name: str, spec: Mapping[str, Any], sizes: Mapping[int, int], values: Any
) -> None:
    shape = tuple(sizes.get(size, size) for size in spec["shape"])
    settings: dict[str, Any] = {}
    if spec["chunks"] and shape:
        settings["chunks"] = tuple(
            max(1, min(c, n)) for c, n in zip(spec["chunks"], shape, strict=True)
        )
        settings |= {"compression": "gzip", "compression_opts": 2, "shuffle": True}
    fill = spec["attributes"].get("_FillValue")
    if spec["dtype"] == "text":
        made = file.create_dataset(name, data="", dtype=h5py.string_dtype())
    else:
        if isinstance(fill, dict):
            settings["fillvalue"] = np.dtype(spec["dtype"]).type(fill["value"][0])
        made = file.create_dataset(name, shape, spec["dtype"], **settings)
        if values is not None:
            made[...] = values
    if spec.get("scale") == "only":
        made.make_scale((ONLY + b"%10d" % shape[0]).decode())
    elif spec.get("scale"):
        made.make_scale(name.rpartition("/")[2])
    _attributes(made, spec["attributes"])


def _attributes(made: Any, attributes: Mapping[str, Any]) -> None:
    for name, value in attributes.items():
        if isinstance(value, dict):
            numbers = [np.nan if one is None else one for one in value["value"]]
            array = np.array(numbers, value["dtype"])
            made.attrs[name] = array[0] if value["scalar"] else array
        elif isinstance(value, list):
            made.attrs[name] = np.array(value, "S")
        else:
            made.attrs[name] = np.bytes_(value.encode())
