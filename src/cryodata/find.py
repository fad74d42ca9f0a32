"""From what a user points at to open granules, their tracks and their columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from cryodata.errors import (
    CacheError,
    ConfigurationError,
    CryodataError,
    FetchError,
    FormatError,
    IntegrityError,
    SelectionError,
    UnknownVariableError,
)
from cryodata.granule import GranuleFile
from cryodata.gridded.grid import gridded_product
from cryodata.locate import granules_of
from cryodata.no_garbage import nothing_collected
from cryodata.products import Product, recognise, said_of
from cryodata.provenance import Provenance, Skipped, all_of
from cryodata.query import Query
from cryodata.tracks.choose import choose
from cryodata.tracks.classes import Classes, find_classes
from cryodata.tracks.columns import Columns
from cryodata.tracks.join import join_columns, refuse_twice
from cryodata.tracks.labels import with_axes
from cryodata.tracks.nested import with_counts
from cryodata.tracks.request import Request
from cryodata.tracks.view import IDENTIFICATION, look_ahead

__all__ = ["Found", "find", "product_of"]

SIDE_BY_SIDE = 16
"""Granules whose structure is read at once."""
FEW = 64
"""Granules that may hold bytes of their structure, and of values, for the read that follows."""
_OF_ONE = (FetchError, FormatError, IntegrityError, SelectionError, UnknownVariableError)
"""Errors that concern one granule among several."""


@dataclass(frozen=True, slots=True)
class Found:
    """Open granules, and what a query asks for of them.

    Attributes
    ----------
    origin : Provenance
    columns : Columns or None
        None where it is one file of no known product, or they are gridded.
    grid : Product or None
        The gridded product that they are of.
    classes : Classes or None
        What classifies the rows.
    """

    origin: Provenance
    columns: Columns | None
    grid: Product | None = None
    classes: Classes | None = None


def find(what: Any, query: Query) -> Found:
    """Open the granules and find what is asked for; of structure what is needed is read.

    Raises
    ------
    NothingFoundError, UnknownProductError, NotFoundError
        There is no such granule.
    SelectionError, UnknownVariableError
        What is asked for is not in them.
    ConfigurationError
        Several files that no product's table can join.
    AuthError, FetchError, FormatError
        A granule cannot be had, or is no HDF5.
    """
    opening: dict[str, Any] = {
        "options": query.options,
        "storage_options": query.storage_options,
        "engine": query.engine,
    }
    files: list[GranuleFile] = []
    try:
        granules = granules_of(what, query.wish, query.storage_options)
        files.extend(GranuleFile(granule, **opening) for granule in granules)
        gridded = _gridded(files, query.request)
        if gridded is not None:
            return Found(Provenance(tuple(files)), None, gridded)
        refuse_twice([file.url for file in files])
        found = _find_one(files[0], query.request) if len(files) == 1 else None
        found = found or _find_all(files, query.request)
        if query.classify is None or found.columns is None:
            return found
        classes = find_classes(query.classify, found.columns, granules, query.wish, opening)
        everybody = (*found.origin.files, *classes.partners.values())
        return replace(found, origin=replace(found.origin, files=everybody), classes=classes)
    except BaseException:
        Provenance(tuple(files)).close()
        raise


def _find_one(file: GranuleFile, request: Request) -> Found:
    """Tracks and columns of one granule, or of a file of no known product."""
    one = _find_known(file, request)
    skipped = one.skipped if one else ()
    _refuse(skipped, request, 1)  # of a granule without rows
    columns = one and with_counts(with_axes(one, request.cycles))
    return Found(Provenance((file,), skipped), columns)


def _gridded(files: Sequence[GranuleFile], request: Request) -> Product | None:
    """The gridded product that files are of, or are to be read as; None of others."""
    if request.product is None:
        return gridded_product(files, skip=request.on_missing == "skip")
    return request.product if request.product.grid is not None else None


def _find_all(files: Sequence[GranuleFile], request: Request) -> Found:
    """Tracks and columns of each granule, side by side; and what was left out of them."""
    request = replace(request, few=len(files) <= FEW)

    def find(file: GranuleFile) -> Columns | CryodataError:
        try:
            found = _find_known(file, request)
            if not request.few:
                file.let_go()
        except _OF_ONE as error:
            return error.locate(url=file.url)
        return found or ConfigurationError(
            "it is no granule of a known product, and cannot be joined with others",
            fix="Open such files one by one: [cryodata.open(one) for one in files].",
            url=file.url,
        )

    with (
        nothing_collected(),
        ThreadPoolExecutor(SIDE_BY_SIDE, thread_name_prefix="cryodata-open") as pool,
    ):
        outcomes = dict(zip(files, pool.map(find, files), strict=True))
    found = {file: one for file, one in outcomes.items() if isinstance(one, Columns)}
    failed = [Skipped(f.url, one) for f, one in outcomes.items() if isinstance(one, CryodataError)]
    if failed and (request.on_missing == "raise" or not found):
        raise all_of(failed, len(files))
    having = _having(found)
    rows = {f for f, one in found.items() if any(track.stored for track in one.tracks)}
    skipped = [
        entry
        for file, one in outcomes.items()
        for entry in (one.skipped if isinstance(one, Columns) else [Skipped(file.url, one)])
        if entry.beam or not rows or file in rows or file not in found  # no row lacks anything
    ]
    _refuse(skipped, request, len(files))
    if not having:
        raise all_of(skipped, len(files))
    columns = with_counts(with_axes(join_columns(list(having.values())), request.cycles))
    return Found(Provenance(tuple(having), tuple(skipped)), columns)


def _refuse(skipped: Sequence[Skipped], request: Request, granules: int) -> None:
    """Raise where anything was left out that must not be."""
    if skipped and request.on_missing == "raise":
        raise all_of(skipped, granules)


def _having(found: Mapping[GranuleFile, Columns]) -> dict[GranuleFile, Columns]:
    """The granules that have every named variable that any of them has.

    Those that lack one say so in their `Columns.skipped`. A granule without rows lacks none.
    """

    def named(columns: Columns) -> set[tuple[str, int | None]]:
        return {(c.path, c.surface) for c in columns.columns if c.named}

    full = {f: c for f, c in found.items() if any(track.stored for track in c.tracks)}
    wanted = set().union(*map(named, full.values()))
    return {f: c for f, c in found.items() if f not in full or named(c) >= wanted}


def _find_known(file: GranuleFile, request: Request) -> Columns | None:
    """As `_find`, from what is kept of the granule where that is sound."""
    try:
        file.recall()
        return _find(file, request)
    except CacheError:
        file.distrust()
        return _find(file, request)


def _find(file: GranuleFile, request: Request) -> Columns | None:
    """Tracks and columns of a granule; None where no table fits.

    The product is guessed from the name first, so that all that is needed of the file's
    structure can be asked for at once; then the file has the last word.
    """
    guess = request.product or recognise(file.url, {}, {})
    if guess is None or not guess.rates:
        file.walk([], shallow=["/", IDENTIFICATION], missing_ok=True)
    else:
        look_ahead(file, guess, request)
    product = product_of(file, request.product)
    if product is None or not product.rates:
        return None
    columns = choose(file, product, request)
    if request.product is not None and (columns is None or _has_nothing(columns)):
        raise FormatError(
            f"The granule has nothing that the table of {product.short_name} names",
            url=file.url,
            fix="Give product= another table, or none; cryodata.open_tree shows what there is.",
        )
    return columns


def _has_nothing(columns: Columns) -> bool:
    """Whether nothing was found where tracks have no group of their own to be seen by."""
    return columns.product.tracks == ("",) and not (columns.coordinates or columns.columns)


def product_of(file: GranuleFile, given: Product | None = None) -> Product | None:
    """The product whose table fits a granule, or None.

    Looks at the root's attributes, at ``/METADATA/DatasetIdentification`` where it is
    known already, and at the name.

    Parameters
    ----------
    file : GranuleFile
    given : Product, optional
        The table to read it by, whatever it is called.

    Raises
    ------
    SelectionError
        The granule says that it is of another product than the one given.
    """
    index = file.walk([], shallow=["/"])
    groups = [index.groups.get(index.resolve(path)) for path in ("/", IDENTIFICATION)]
    root, identification = [(group and group.attributes) or {} for group in groups]
    if given is None:
        return recognise(file.url, root, identification)
    said = said_of(file.url, root, identification)
    if said and said.upper() != given.short_name.upper():
        raise SelectionError(
            f"This is a granule of {said}, not of {given.short_name}",
            url=file.url,
            fix=f"Open granules of {said} by themselves, without product=.",
        )
    return given
