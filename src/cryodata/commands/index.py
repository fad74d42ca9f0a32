"""``cryodata index``: how the variables of granules are stored."""

from __future__ import annotations

import math
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any

from cryodata.commands.answer import Answer
from cryodata.commands.arguments import (
    add_place,
    add_search,
    add_what,
    place_of,
    search_of,
    what_of,
)
from cryodata.commands.tables import lines, rows
from cryodata.words import count_in_words, size_in_words

if TYPE_CHECKING:
    import pandas as pd

    from cryodata.index import Index

__all__ = ["ABOUT", "HELP", "add_arguments", "answer_of", "run"]

HELP = "show how the variables of granules are stored"
ABOUT = (
    "Learn where each chunk lies, keep that in the cache, and show how each variable is stored: "
    "shape of chunks, codecs, bytes, and how well it reads from a cloud, 0 to 100."
)


def add_arguments(parser: ArgumentParser) -> None:
    """Which granules."""
    add_what(parser, "index")
    add_search(parser)
    add_place(parser)


def run(asked: Namespace) -> Answer:
    """Walk them whole."""
    from cryodata.references.describing import describe_indexes

    frame = describe_indexes(_indexes(asked))
    return answer_of(frame)


def answer_of(frame: pd.DataFrame) -> Answer:
    """The table of `cryodata.references.describe`, the largest first."""
    about = frame.attrs
    frame = frame.sort_values("stored_bytes", ascending=False, kind="stable")
    head = (
        f"{count_in_words(about['granules'], 'granule')}, "
        f"{count_in_words(about['variables'], 'variable')}, "
        f"{count_in_words(about['chunks'], 'chunk')}, "
        f"{size_in_words(about['stored_bytes'])} stored"
    )
    columns: dict[str, Callable[[Any], str]] = {
        "path": str,
        "dtype": str,
        "chunk_shape": str,
        "codecs": str,
        "chunks": "{:,}".format,
        "stored_bytes": size_in_words,
        "ratio": _or_nothing("{:.1f}".format),
        "mean_chunk_bytes": _or_nothing(size_in_words),
        "cloud": _or_nothing("{:.0f}".format),
    }
    return Answer(f"{head}\n{lines(frame, columns)}", {**about, "table": rows(frame)})


def _or_nothing(write: Callable[[float], str]) -> Callable[[float], str]:
    """Nothing where there is no number, as of variables without bytes."""
    return lambda value: "" if math.isnan(value) else write(value)


def _indexes(asked: Namespace) -> Iterator[tuple[str, Index]]:
    from cryodata.granule import GranuleFile
    from cryodata.locate import Wish, granules_of
    from cryodata.products import recognise
    from cryodata.region_input import region_of
    from cryodata.timespan import TimeSpan

    found: dict[str, Any] = search_of(asked)
    if "region" in found:
        found["region"] = region_of(found["region"])
    if "time" in found:
        found["time"] = TimeSpan.of(found["time"])
    wish = Wish(**found)
    options = place_of(asked)
    for granule in granules_of(what_of(asked), wish, options):
        with closing(GranuleFile(granule, storage_options=options)) as file:
            index = file.walk()
            root = index.groups.get("/")
            attributes = (root.attributes if root else None) or {}
            name = file.url.rpartition("/")[2]
            product = recognise(name, attributes, {})
            yield ("" if product is None else product.short_name), index
