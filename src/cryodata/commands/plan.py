"""``cryodata plan``: what a read would cost."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from cryodata.commands.answer import Answer
from cryodata.commands.arguments import add_query, add_what, query_of, what_of

__all__ = ["ABOUT", "HELP", "add_arguments", "run"]

HELP = "say what a read would cost, before it is made"
ABOUT = "Requests, bytes, seconds and cents of what `get` with the same arguments would read."


def add_arguments(parser: ArgumentParser) -> None:
    """As of `get`."""
    add_what(parser, "read")
    add_query(parser)


def run(asked: Namespace) -> Answer:
    """Plan, and read no more than that takes."""
    from cryodata.planning.plan import plan

    made = plan(what_of(asked), **query_of(asked))
    estimates = [
        {
            "way": estimate.way.title,
            "seconds": estimate.seconds,
            "you_pay": estimate.compute,
            "owner_pays": estimate.requests + estimate.egress,
        }
        for estimate in made.estimates
    ]
    data = {
        "granules": made.granules,
        "tracks": made.tracks,
        "rows": made.rows,
        "exact": made.exact,
        "requests": made.requests,
        "rounds": made.rounds,
        "bytes": made.nbytes,
        "stored_bytes": made.stored,
        "estimates": estimates,
        "savings": made.savings,
        "prices_of": made.prices_of,
    }
    return Answer(repr(made), data)
