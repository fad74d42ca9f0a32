"""``cryodata open``: what there is, as a Dataset shows it."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING, Any

from cryodata.commands.answer import Answer
from cryodata.commands.arguments import add_query, add_what, query_of, what_of

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["ABOUT", "HELP", "add_arguments", "run"]

HELP = "show what there is, as a Dataset"
ABOUT = "Open granules as one Dataset and show it. Values are not read."


def add_arguments(parser: ArgumentParser) -> None:
    """As of `get`."""
    add_what(parser, "open")
    add_query(parser)


def run(asked: Namespace) -> Answer:
    """Open, show, close."""
    from cryodata.dataset import open as open_dataset

    with open_dataset(what_of(asked), **query_of(asked)) as ds:
        receipt = str(ds.cryo.receipt)
        data = {
            "sizes": dict(ds.sizes),
            "variables": {str(name): _of(ds[name]) for name in ds.data_vars},
            "coordinates": {str(name): _of(ds[name]) for name in ds.coords},
            "receipt": receipt,
        }
        return Answer(f"{ds}\n{receipt}", data)


def _of(array: xr.DataArray) -> dict[str, Any]:
    return {
        "dimensions": list(array.dims),
        "dtype": str(array.dtype),
        "units": array.attrs.get("units"),
        "bytes": array.nbytes,
    }
