"""``cryodata get``: read, and write a file."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from cryodata.commands.answer import Answer
from cryodata.commands.arguments import add_query, add_what, query_of, what_of
from cryodata.errors import ConfigurationError, MissingDependencyError, NothingFoundError
from cryodata.words import size_in_words

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["ABOUT", "HELP", "add_arguments", "run"]

HELP = "read, and write GeoParquet or netCDF"
ABOUT = "Read what is wanted and write it as GeoParquet (.parquet) or netCDF (.nc)."


def add_arguments(parser: ArgumentParser) -> None:
    """What, and where it goes."""
    add_what(parser, "read")
    parser.add_argument(
        "--to", type=Path, required=True, metavar="FILE", help="FILE.parquet or FILE.nc"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace FILE")
    add_query(parser)


def run(asked: Namespace) -> Answer:
    """Refuse what cannot be written before anything is read."""
    from cryodata.dataset import open as open_dataset

    target: Path = asked.to
    write = _WRITERS.get(target.suffix.lower())
    if write is None:
        raise ConfigurationError(
            f"{target.name} is a file of no kind that can be written",
            fix=f"Its name ends in {' or '.join(_WRITERS)}.",
        )
    if target.exists() and not asked.overwrite:
        raise ConfigurationError(
            "The file is there already", fix="--overwrite replaces it.", path=str(target)
        )
    with open_dataset(what_of(asked), **query_of(asked)) as ds:
        if ds.data_vars and not any(variable.size for variable in ds.data_vars.values()):
            raise NothingFoundError(
                "there is nothing inside: no file was written",
                fix="Leave --region, --time or --where out, or widen them.",
            )
        write(ds, target)
        receipt, sizes = str(ds.cryo.receipt), dict(ds.sizes)
    nbytes = target.stat().st_size
    data = {"file": str(target), "bytes": nbytes, "sizes": sizes, "receipt": receipt}
    return Answer(f"{target}: {size_in_words(nbytes)}\n{receipt}", data)


def _write_parquet(ds: xr.Dataset, target: Path) -> None:
    ds.cryo.to_geoparquet(target, overwrite=True)


def _write_netcdf(ds: xr.Dataset, target: Path) -> None:
    """Beside its place, and there when it is whole."""
    if find_spec("h5netcdf") is None:
        raise MissingDependencyError("netCDF needs h5netcdf", fix="pip install h5netcdf")
    part = target.with_name(f".{target.name}.part")
    try:
        ds.cryo.load().to_netcdf(part, engine="h5netcdf")
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


_WRITERS: dict[str, Callable[[xr.Dataset, Path], None]] = {
    ".parquet": _write_parquet,
    ".nc": _write_netcdf,
}
