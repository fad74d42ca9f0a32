"""``cryodata refs``: references built, kept up and given away."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from cryodata.commands import index
from cryodata.commands.answer import Answer
from cryodata.commands.arguments import (
    add_place,
    add_search,
    add_what,
    place_of,
    search_of,
    what_of,
)
from cryodata.words import count_in_words

if TYPE_CHECKING:
    from cryodata.references.references import References

__all__ = ["ABOUT", "HELP", "add_arguments", "run"]

HELP = "references to granules: build, append, refresh, show, describe, export"
ABOUT = "References say where each chunk of many granules lies: nobody who opens them walks a file."

_FORMS = ("kerchunk", "kerchunk-parquet", "icechunk")


def add_arguments(parser: ArgumentParser) -> None:
    """One more command below this one."""
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="verb")
    for name, (help_, add, _) in _VERBS.items():
        verb = verbs.add_parser(name, help=help_, description=f"{help_[0].upper()}{help_[1:]}.")
        verb.add_argument("--json", action="store_true", help="answer as JSON")
        verb.add_argument("where", metavar="WHERE", help="a folder, or s3://bucket/prefix/")
        add(verb)


def run(asked: Namespace) -> Answer:
    """One of the verbs."""
    _, _, act = _VERBS[asked.verb]
    return act(asked)


def _add_granules(parser: ArgumentParser) -> None:
    add_what(parser, "index")
    add_search(parser, tracks=False)
    _add_on_error(parser)
    add_place(parser)


def _add_on_error(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--skip", action="store_true", help="report granules that fail, and end well all the same"
    )


def _add_reading(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--allow", action="append", default=[], metavar="PLACE", help="that references may name"
    )
    add_place(parser)


def _add_refreshing(parser: ArgumentParser) -> None:
    _add_on_error(parser)
    _add_reading(parser)


def _add_exporting(parser: ArgumentParser) -> None:
    parser.add_argument("--to", required=True, metavar="FOLDER", help="where they go")
    parser.add_argument("--form", choices=_FORMS, default="kerchunk", help="(default: %(default)s)")
    parser.add_argument(
        "--skip", action="store_true", help="leave out and name what the form cannot hold"
    )
    _add_reading(parser)


def _build(asked: Namespace) -> Answer:
    from cryodata.references import build

    return _shown(build(what_of(asked), asked.where, **_how(asked)))


def _append(asked: Namespace) -> Answer:
    from cryodata.references import append

    return _shown(append(asked.where, what_of(asked), **_how(asked)))


def _how(asked: Namespace) -> dict[str, Any]:
    return {
        **search_of(asked),
        "on_error": "skip" if asked.skip else "raise",
        "storage_options": place_of(asked),
    }


def _refresh(asked: Namespace) -> Answer:
    from cryodata.references import refresh

    how = "skip" if asked.skip else "raise"
    return _shown(refresh(_opened(asked), on_error=how, storage_options=place_of(asked)))


def _show(asked: Namespace) -> Answer:
    return _shown(_opened(asked))


def _describe(asked: Namespace) -> Answer:
    from cryodata.references import describe

    return index.answer_of(describe(_opened(asked)))


def _export(asked: Namespace) -> Answer:
    from cryodata.references import export

    refs = _opened(asked)
    refused = export(
        refs,
        asked.to,
        form=asked.form,
        on_unsupported="skip" if asked.skip else "raise",
        storage_options=place_of(asked),
    )
    left_out = {
        granule: {path: str(error) for path, error in lost.items()}
        for granule, lost in refused.items()
    }
    told = [f"{g}: {path}: {why}" for g, lost in left_out.items() for path, why in lost.items()]
    text = "\n".join(
        [f"{count_in_words(len(refs), 'granule')} as {asked.form} in {asked.to}", *told]
    )
    data = {"granules": len(refs), "form": asked.form, "to": asked.to, "left_out": left_out}
    return Answer(text, data)


def _opened(asked: Namespace) -> References:
    from cryodata.references import open as open_references

    return open_references(asked.where, allow=asked.allow)


def _shown(refs: References) -> Answer:
    granules = [
        {
            "name": row.granule.name,
            "url": row.source.url,
            "product": row.granule.product,
            "size": row.source.size,
            "arrays": row.arrays,
            "chunks": row.chunks,
        }
        for row in refs
    ]
    skipped = [str(one) for one in refs.skipped]
    text = "\n".join([repr(refs), *(f"skipped: {one}" for one in skipped)])
    return Answer(text, {"url": refs.url, "granules": granules, "skipped": skipped})


_VERBS: dict[str, tuple[str, Callable[[ArgumentParser], None], Callable[[Namespace], Answer]]] = {
    "build": ("index granules, or go on where an earlier build ended", _add_granules, _build),
    "append": ("index more granules", _add_granules, _append),
    "refresh": (
        "index replaced granules anew, and retire those that are gone",
        _add_refreshing,
        _refresh,
    ),
    "show": ("list the granules", _add_reading, _show),
    "describe": ("show how each variable is stored", _add_reading, _describe),
    "export": ("write them in the forms of kerchunk or Icechunk", _add_exporting, _export),
}
