"""``cryodata doctor``: whether everything is there that reading NASA's data takes."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from cryodata.commands.answer import Answer

__all__ = ["ABOUT", "HELP", "add_arguments", "run"]

HELP = "look at account, licence, region, clock, versions and cache"
ABOUT = (
    "Look at everything that reading NASA's data takes, and say what to do about each part that is "
    "not as it should be. Ends with 1 where there is one. Reads one byte of one granule."
)


def add_arguments(parser: ArgumentParser) -> None:
    """Of which product."""
    parser.add_argument(
        "--product",
        default="ATL06",
        metavar="NAME",
        help="one whose licence you need (%(default)s)",
    )


def run(asked: Namespace) -> Answer:
    """All checks, whatever the first ones find."""
    from cryodata.checkup import doctor

    found = doctor(asked.product)
    data = {
        "well": found.well,
        "checks": [
            {"name": check.name, "ok": check.ok, "what": check.what, "fix": check.fix}
            for check in found.checks
        ],
    }
    return Answer(str(found), data, 0 if found.well else 1)
