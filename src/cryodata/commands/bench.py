"""``cryodata bench``: several ways to read, on files and a network of your own."""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace

from cryodata.commands.answer import Answer
from cryodata.commands.arguments import add_place, add_what, names_of, place_of, what_of
from cryodata.commands.exit_codes import EXIT_CODES
from cryodata.errors import IntegrityError

__all__ = ["ABOUT", "HELP", "add_arguments", "run"]

HELP = "compare ways to read, on your own files and network"
ABOUT = (
    "Read the same arrays with cryodata, cold and with the index kept, with xarray as it comes, "
    "and from copies, and say what each cost and whether all are equal. Ends with "
    f"{EXIT_CODES[IntegrityError]} where values differ."
)


def add_arguments(parser: ArgumentParser) -> None:
    """What, and how long."""
    add_what(parser, "read")
    parser.add_argument("--group", metavar="PATH", default="/", help="as gt1l/land_ice_segments")
    parser.add_argument("--variables", metavar="NAME,...", help="of the group; by default all")
    parser.add_argument(
        "--download-to", metavar="FOLDER", help="copy the granules there and read the copies, too"
    )
    parser.add_argument(
        "--patience",
        type=float,
        default=120.0,
        metavar="S",
        help="give xarray up after so many seconds (default: %(default).0f)",
    )
    add_place(parser)


def run(asked: Namespace) -> Answer:
    """One run of each."""
    from cryodata.bench import compare

    found = compare(
        what_of(asked),
        group=asked.group,
        variables=names_of(asked.variables),
        download_to=asked.download_to,
        patience=asked.patience,
        storage_options=place_of(asked),
    )
    code = 0 if found.agree else EXIT_CODES[IntegrityError]
    return Answer(str(found), json.loads(found.to_json()), code)
