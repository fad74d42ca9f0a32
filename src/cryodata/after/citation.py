"""How to cite the data, in the words of the product's table and of the granules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import xarray as xr

from cryodata.errors import ConfigurationError, close_names
from cryodata.formats.index_parquet import library_version
from cryodata.products import find, parse_name
from cryodata.products.registry import text
from cryodata.provenance import Provenance

__all__ = ["Source", "cite", "sources_of"]

STYLES = ("text", "bibtex")
_INTERNAL = "100"
"""Releases from here on were numbers of the producer's own, such as 209, without a DOI."""
_AUTHOR = "The cryodata developers"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A data set that rows came from.

    Attributes
    ----------
    product, release, title, doi : str
        Empty where unknown.
    creator, publisher : str
        As the granules say; empty where they do not, or not all alike.
    granules : int
        Number of files.
    """

    product: str
    release: str
    title: str
    doi: str
    creator: str
    publisher: str
    granules: int

    @property
    def heading(self) -> str:
        """Title, product and release."""
        known = [self.product, f"release {self.release}" if self.release else ""]
        about = ", ".join(part for part in known if part)
        return f"{self.title} ({about})" if about else self.title


def cite(dataset: xr.Dataset, style: str, accessed: str | date | None) -> str:
    """The citation; see `CryoAccessor.citation`."""
    if style not in STYLES:
        raise ConfigurationError(f"There is no style {style!r}", fix=close_names(style, STYLES))
    day = _day(accessed) if accessed is not None else _today(dataset)
    sources = sources_of(dataset)
    write = _bibtex if style == "bibtex" else _prose
    return write(sources, text(dataset.attrs.get("citation")), day)


def sources_of(dataset: xr.Dataset) -> list[Source]:
    """The data sets a Dataset's granules are of, one per product and release.

    Raises
    ------
    ConfigurationError
        The Dataset says neither which granules it is of, nor what its title is.
    """
    names = _granules(dataset)
    if names is None:
        names = np.array([f.url for f in _files(dataset)])
    counted: Counter[tuple[str, str]] = Counter()
    for name in np.unique(names.astype(str)):
        parsed = parse_name(str(name))
        known = (parsed.product, parsed.release) if parsed is not None else ("", "")
        counted[known] += 1
    if not counted:
        counted["", ""] = 0
    alone = len(counted) == 1
    return [
        _source(dataset.attrs, product, release, count, alone=alone)
        for (product, release), count in sorted(counted.items())
    ]


def _granules(dataset: xr.Dataset) -> Any:
    granules = dataset.variables.get("granule")
    return None if granules is None else np.ravel(granules.values)


def _files(dataset: xr.Dataset) -> tuple[Any, ...]:
    origin = dataset.encoding.get("cryodata")
    return origin.files if isinstance(origin, Provenance) else ()


def _source(
    attributes: Mapping[str, Any], product: str, release: str, count: int, *, alone: bool
) -> Source:
    product = product or text(attributes.get("short_name"))
    table = find(product)
    said = text(attributes.get("identifier_product_doi")) or text(attributes.get("doi"))
    said = said.removeprefix("doi:") if alone else ""
    # granules of release 002 were made with the DOI of 001 in them: the name knows better
    known = table is not None and ("0" <= release < _INTERNAL or "{release}" not in table.doi)
    listed = table.doi.format(release=release) if table is not None and known else ""
    title = text(attributes.get("title")) or (table.title if table else "")
    if not title:
        raise ConfigurationError(
            "This Dataset says neither which granules it is of, nor what its title is",
            fix="Ask the one that cryodata.open returned.",
        )
    return Source(
        product=product,
        release=release,
        title=title,
        doi=listed or said,
        creator=text(attributes.get("creator_name")),
        publisher=text(attributes.get("publisher_name")),
        granules=count,
    )


def _day(accessed: str | date) -> str:
    try:
        day = np.datetime64(accessed, "D")
    except ValueError as error:
        raise ConfigurationError(f"{accessed!r} is no day", fix='accessed="2025-07-03"') from error
    return str(day)


def _today(dataset: xr.Dataset) -> str:
    """Today, UTC, where the Dataset still reads its granules; else nobody knows."""
    return datetime.now(UTC).date().isoformat() if _files(dataset) else ""


def _prose(sources: list[Source], wish: str, day: str) -> str:
    """Sentences; one paragraph per data set."""
    paragraphs = []
    for source in sources:
        parts = [source.creator, source.heading, source.publisher]
        parts.append(f"https://doi.org/{source.doi}" if source.doi else "")
        parts.append(_count(source.granules) if source.granules else "")
        parts.append(f"accessed {day}" if day else "")
        paragraphs.append(". ".join(part.rstrip(".") for part in parts if part) + ".")
    paragraphs += [wish] if wish else []
    paragraphs.append(f"Read with cryodata {library_version()} ({_AUTHOR}).")
    return "\n\n".join(paragraphs)


def _count(granules: int) -> str:
    return "1 granule" if granules == 1 else f"{granules} granules"


def _bibtex(sources: list[Source], wish: str, day: str) -> str:
    """One entry per data set, and one for this library."""
    entries = []
    for source in sources:
        notes = [_count(source.granules) if source.granules else "", wish]
        fields = {
            "author": f"{{{_escaped(source.creator)}}}" if source.creator else "",
            "title": f"{{{_escaped(source.heading)}}}",
            "publisher": _escaped(source.publisher),
            "version": _escaped(source.release),
            "doi": source.doi,
            "url": f"https://doi.org/{source.doi}" if source.doi else "",
            "urldate": day,
            "note": _escaped(". ".join(note.rstrip(".") for note in notes if note)),
        }
        key = ".".join(part for part in (source.product, source.release) if part) or "data"
        entries.append(_entry("misc", key, fields))
    entries.append(
        _entry(
            "software",
            "cryodata",
            {
                "author": f"{{{_AUTHOR}}}",
                "title": "{cryodata}",
                "version": library_version(),
            },
        )
    )
    return "\n\n".join(entries)


def _entry(kind: str, key: str, fields: Mapping[str, str]) -> str:
    lines = [f"  {name} = {{{value}}}," for name, value in fields.items() if value]
    return "\n".join([f"@{kind}{{{key},", *lines, "}"])


def _escaped(words: str) -> str:
    """Text for TeX: the characters it takes for commands, escaped; braces cannot pair up."""
    for sign in "{}\\":
        words = words.replace(sign, " ")
    for sign in "&%$#_":
        words = words.replace(sign, f"\\{sign}")
    return words.replace("~", r"\textasciitilde{}").replace("^", r"\textasciicircum{}")
