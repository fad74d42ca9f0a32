"""The command ``cryodata``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from cryodata.errors import CryodataError

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    arguments : sequence of str, optional
        What follows the name of the program; `sys.argv` if None.

    Returns
    -------
    int
        Exit code: 0 for success, 1 for an error that was printed.
    """
    parser = argparse.ArgumentParser(
        prog="cryodata", description="ICESat-2 and other HDF5 granules from S3, lazily and fast."
    )
    parser.add_argument("--version", action="version", version=version("cryodata-earth"))
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    demo = commands.add_parser(
        "demo",
        help="read the same heights with xarray as it comes and with cryodata",
        description="Start a small S3 on this machine, at the latency of a real one, and read "
        "the same heights from it with xarray as it comes and with cryodata. Needs neither an "
        "account nor the internet.",
    )
    demo.add_argument(
        "--picture",
        type=Path,
        default=Path("cryodata-demo.png"),
        help="where to write the elevation profile (default: %(default)s)",
    )
    asked = parser.parse_args(arguments)
    try:
        _demo(asked.picture)
    except CryodataError as error:
        print(f"cryodata: {error}", file=sys.stderr)
        return 1
    return 0


def _demo(picture: Path) -> None:
    from cryodata.sandbox.demo import run_demo  # the one place where a layer knows the sandbox

    run_demo(picture)
