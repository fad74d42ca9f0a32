"""``cryodata verify``: references, or granules, against an independent reader."""

from __future__ import annotations

import tempfile
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from cryodata.commands.answer import Answer
from cryodata.commands.arguments import add_place, add_what, place_of, what_of
from cryodata.commands.exit_codes import EXIT_CODES
from cryodata.commands.tables import lines, rows
from cryodata.errors import IntegrityError
from cryodata.words import count_in_words

if TYPE_CHECKING:
    import pandas as pd

    from cryodata.references.references import References

__all__ = ["ABOUT", "HELP", "add_arguments", "run"]

HELP = "compare references, or granules, with what h5py reads"
ABOUT = (
    "Ask each granule for its version, and compare random chunks of random arrays with what h5py "
    "finds: where they lie, how they are stored, and their values bit by bit. Ends with "
    f"{EXIT_CODES[IntegrityError]} where something differs."
)


def add_arguments(parser: ArgumentParser) -> None:
    """Which, and how much of them."""
    add_what(parser, "verify")
    parser.add_argument(
        "--sample", type=int, default=8, metavar="N", help="chunks of each granule (%(default)s)"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the draw")
    add_place(parser)


def run(asked: Namespace) -> Answer:
    """Granules are indexed anew for it, and nothing of that is kept."""
    from cryodata import references
    from cryodata.references.references import is_references

    what = what_of(asked)
    if is_references(what):
        opened = what if asked.allow else references.open(what)
        opened.granules()  # leave to read them is no matter of their soundness
        return _answer_of(_verified(asked, opened))
    with tempfile.TemporaryDirectory(prefix="cryodata-verify-") as folder:
        made = references.build(what, folder, storage_options=place_of(asked))
        return _answer_of(_verified(asked, made))


def _verified(asked: Namespace, references: References) -> pd.DataFrame:
    from cryodata.references import verify

    return verify(
        references,
        sample=asked.sample,
        seed=asked.seed,
        storage_options=place_of(asked),
    )


def _answer_of(frame: pd.DataFrame) -> Answer:
    """The table of `cryodata.references.verify`."""
    bad = int((frame["problem"] != "").sum())
    columns: dict[str, Callable[[Any], str]] = {
        "name": str,
        "version": str,
        "chunks": "{:,}".format,
        "problem": str,
    }
    verdict = "all are sound" if not bad else f"{count_in_words(bad, 'granule')} not sound"
    compared = count_in_words(int(frame["chunks"].sum()), "chunk")
    text = f"{lines(frame, columns)}\n{compared} compared: {verdict}"
    data = {"sound": not bad, "table": rows(frame)}
    return Answer(text, data, EXIT_CODES[IntegrityError] if bad else 0)
