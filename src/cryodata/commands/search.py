"""``cryodata search``: which granules there are."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING, Any

from cryodata.commands.answer import Answer
from cryodata.commands.arguments import add_search, search_of

if TYPE_CHECKING:
    from cryodata.earthdata.granule import Granule

__all__ = ["ABOUT", "HELP", "add_arguments", "run"]

HELP = "find granules in NASA's catalogue"
ABOUT = "Find granules in NASA's catalogue. Needs no account."


def add_arguments(parser: ArgumentParser) -> None:
    """Conditions, and where the list goes."""
    parser.add_argument("product", metavar="PRODUCT", help="short name, as ATL06")
    add_search(parser)
    parser.add_argument("--limit", type=int, metavar="N", help="at most so many")
    parser.add_argument(
        "--save", metavar="FILE", help="keep the list, as GeoParquet: the other commands take it"
    )


def run(asked: Namespace) -> Answer:
    """Ask the catalogue."""
    from cryodata.catalogue import search

    found = search(asked.product, limit=asked.limit, **search_of(asked))
    if asked.save:
        found.save(asked.save)
    data = {"granules": [_of(granule) for granule in found], "size": found.size}
    return Answer(repr(found), data)


def _of(granule: Granule) -> dict[str, Any]:
    parsed = granule.parsed
    return {
        "name": granule.name,
        "product": granule.product,
        "version": granule.version,
        "start": granule.start,
        "end": granule.end,
        "size": granule.size,
        "s3": granule.s3,
        "https": granule.https,
        "cycle": None if parsed is None else parsed.cycle,
        "rgt": None if parsed is None else parsed.rgt,
    }
