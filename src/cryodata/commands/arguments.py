"""Arguments that several commands share, and what they mean to the library."""

from __future__ import annotations

import re
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cryodata.errors import ConfigurationError, RegionError

__all__ = [
    "add_place",
    "add_query",
    "add_search",
    "add_what",
    "joined",
    "names_of",
    "place_of",
    "query_of",
    "search_of",
    "what_of",
]

_NEGATIVE = re.compile(r"-\.?[0-9]")


def joined(arguments: Sequence[str]) -> list[str]:
    """``--region -50,69,-48,70`` as ``--region=-50,69,-48,70``: a value, and no other option."""
    found: list[str] = []
    for argument in arguments:
        if found and found[-1] == "--region" and _NEGATIVE.match(argument):
            found[-1] = f"--region={argument}"
        else:
            found.append(argument)
    return found


def add_what(parser: ArgumentParser, verb: str) -> None:
    """What is read."""
    parser.add_argument(
        "what",
        nargs="+",
        metavar="WHAT",
        help=f"{verb}: a product (ATL06), paths, globs, s3:// or https:// addresses, references, "
        "or a file that search --save wrote",
    )
    parser.add_argument(
        "--allow",
        action="append",
        default=[],
        metavar="PLACE",
        help="a folder or bucket that references may name; may be given several times",
    )


def what_of(asked: Namespace) -> Any:
    """As `cryodata.open` takes it."""
    if len(asked.what) > 1:
        return asked.what
    what = asked.what[0]
    if what.endswith(".parquet") and Path(what).is_file():
        from cryodata.earthdata.granules import Granules

        return Granules.load(what)
    if asked.allow:
        from cryodata import references
        from cryodata.references.references import is_references

        if is_references(what):
            return references.open(what, allow=asked.allow)
    return what


def add_search(parser: ArgumentParser, *, tracks: bool = True) -> None:
    """Conditions on granules; without `tracks`, those that building references takes."""
    parser.add_argument(
        "--region", metavar="W,S,E,N", help="degrees, or a file of shapes such as GeoJSON"
    )
    parser.add_argument(
        "--time", metavar="FROM[/TO]", help="UTC, as 2023, 2023-05, or 2023-05/2023-09-15"
    )
    if tracks:
        parser.add_argument("--cycle", metavar="N,...", help="repeat cycles")
        parser.add_argument("--rgt", metavar="N,...", help="reference ground tracks, 1 to 1387")
    parser.add_argument("--version", metavar="V", default="latest", help="of the product: 007")


def search_of(asked: Namespace) -> dict[str, Any]:
    """As keywords of `cryodata.search` and `cryodata.open`."""
    found = {
        "region": _region(asked.region),
        "time": _time(asked.time),
        "cycle": _numbers(getattr(asked, "cycle", None), "--cycle"),
        "rgt": _numbers(getattr(asked, "rgt", None), "--rgt"),
        "version": asked.version,
    }
    return {name: value for name, value in found.items() if value is not None}


def add_query(parser: ArgumentParser) -> None:
    """All that says which rows and columns are wanted."""
    add_search(parser)
    parser.add_argument("--where", metavar="CONDITION", help='as "h_li_sigma < 0.5"')
    parser.add_argument("--variables", metavar="NAME,...", help="or all; by default the usual ones")
    parser.add_argument("--beams", metavar="NAME,...", help="as gt1l,gt2l; strong; weak")
    parser.add_argument("--group", metavar="PATH", help="of a file of no known product")
    parser.add_argument("--budget", metavar="LIMIT", help='as "200 MB" or "5 cents"')
    add_place(parser)


def add_place(parser: ArgumentParser) -> None:
    """How S3 that is not NASA's is asked."""
    parser.add_argument(
        "--anon", action="store_true", help="ask S3 without keys; needs no account there"
    )
    parser.add_argument("--endpoint-url", metavar="URL", help="of another S3 than Amazon's")


def place_of(asked: Namespace) -> dict[str, Any] | None:
    """As `storage_options`."""
    options: dict[str, Any] = {"anon": True} if asked.anon else {}
    if asked.endpoint_url:
        options["client_kwargs"] = {"endpoint_url": asked.endpoint_url}
    return options or None


def query_of(asked: Namespace) -> dict[str, Any]:
    """As keywords of `cryodata.open` and `cryodata.plan`."""
    found = {
        "where": asked.where,
        "variables": names_of(asked.variables),
        "beams": names_of(asked.beams),
        "group": asked.group,
        "budget": asked.budget,
        "storage_options": place_of(asked),
    }
    return search_of(asked) | {name: value for name, value in found.items() if value is not None}


def _region(text: str | None) -> Any:
    if text is None or not re.fullmatch(r"[-+.0-9eE,\s]+", text):
        return text
    try:
        west, south, east, north = map(float, text.split(","))
    except ValueError:
        raise RegionError(
            f"--region {text!r} is no box", fix="West, south, east, north: --region -50,69,-48,70."
        ) from None
    return west, south, east, north


def _time(text: str | None) -> Any:
    if text is None or "/" not in text:
        return text
    begin, _, end = text.partition("/")
    return begin or None, end or None


def _numbers(text: str | None, option: str) -> list[int] | None:
    if text is None:
        return None
    try:
        return [int(number) for number in text.split(",")]
    except ValueError:
        raise ConfigurationError(
            f"{option} {text!r} is no list of numbers", fix=f"As {option} 20 or {option} 20,21."
        ) from None


def names_of(text: str | None) -> str | list[str] | None:
    """``a,b`` as a list of names; one of them, or none, as it is."""
    if text is None or "," not in text:
        return text
    return [name.strip() for name in text.split(",") if name.strip()]
