"""``cryodata demo``: the same heights with xarray as it comes and with cryodata."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from cryodata.errors import MissingDependencyError

__all__ = ["ABOUT", "HELP", "add_arguments", "run"]

HELP = "read the same heights with xarray as it comes and with cryodata"
ABOUT = (
    "Start a small S3 on this machine, at the latency of a real one, and read the same heights "
    "from it with xarray as it comes and with cryodata. Needs neither an account nor the internet."
)


def add_arguments(parser: ArgumentParser) -> None:
    """Only where the picture goes."""
    parser.add_argument(
        "--picture",
        type=Path,
        default=Path("cryodata-demo.png"),
        help="where to write the elevation profile (default: %(default)s)",
    )


def run(asked: Namespace) -> None:
    """It prints as it goes."""
    try:
        from cryodata.sandbox.demo import run_demo  # the one place where a layer knows the sandbox
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            f"The demo needs {error.name}",
            fix='In a clone: pip install ".[earthdata,geo,plot,s3fs,sandbox]", or make demo.',
        ) from error
    run_demo(asked.picture)
