"""The command ``cryodata``: which commands there are, and how each ends."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version

from cryodata.commands.answer import tell, tell_error
from cryodata.commands.arguments import joined
from cryodata.commands.exit_codes import INTERRUPTED, exit_code
from cryodata.errors import CryodataError

__all__ = ["COMMANDS", "main"]

COMMANDS = (
    *("demo", "doctor", "search", "plan", "open", "get"),
    *("index", "verify", "refs", "bench"),
)
"""Each is a module of `cryodata.commands`."""
TALKERS = ("demo",)
"""Commands that print as they go, and have no answer."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    arguments : sequence of str, optional
        What follows the name of the program; `sys.argv` if None.

    Returns
    -------
    int
        Exit code: 0 for success; of errors, as in `cryodata.commands.exit_codes`.
    """
    asked = _parser().parse_args(joined(sys.argv[1:] if arguments is None else arguments))
    as_json = getattr(asked, "json", False)
    command = importlib.import_module(f"cryodata.commands.{asked.command}")
    try:
        answer = command.run(asked)
        return 0 if answer is None else tell(answer, as_json=as_json)
    except CryodataError as error:
        tell_error(error, as_json=as_json)
        return exit_code(error)
    except KeyboardInterrupt:
        sys.stderr.write("cryodata: stopped\n")
        return INTERRUPTED
    except BrokenPipeError:  # as `| head` does; what is left of the answer goes nowhere
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="cryodata", description="ICESat-2 and other HDF5 granules from S3, lazily and fast."
    )
    parser.add_argument("--version", action="version", version=version("cryodata-earth"))
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    for name in COMMANDS:
        module = importlib.import_module(f"cryodata.commands.{name}")
        command = commands.add_parser(name, help=module.HELP, description=module.ABOUT)
        if name not in TALKERS and name != "refs":  # whose verbs have one each
            command.add_argument("--json", action="store_true", help="answer as JSON")
        module.add_arguments(command)
    return parser
