"""Granules of one product, as one: their tracks one after the other, the same columns on all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from cryodata.caution import warn_user
from cryodata.errors import SelectionError
from cryodata.products import GranuleName, parse_name
from cryodata.tracks.columns import Column, Columns
from cryodata.tracks.layouts import Layouts

__all__ = ["join_columns", "refuse_twice"]


def join_columns(found: Sequence[Columns]) -> Columns:
    """Put the columns of several granules after each other.

    Parameters
    ----------
    found : sequence of Columns
        One per granule, in the order of the rows; at least one.

    Raises
    ------
    SelectionError
        The granules are of different products, or of releases that must not stand side by
        side; or a variable that conditions are about is missing in some.

    Warns
    -----
    UserWarning
        A default variable is missing in some granules, and left out.
    """
    products = {columns.product.short_name for columns in found}
    if len(products) > 1:
        raise SelectionError(
            f"granules of {len(products)} products: {', '.join(sorted(products))}",
            fix="Open each product by itself.",
        )
    _refuse_apart(found)
    first = found[0]
    return replace(
        first,
        tracks=tuple(track for columns in found for track in columns.tracks),
        coordinates=_aligned([columns.coordinates for columns in found], found),
        columns=_aligned([columns.columns for columns in found], found),
        deciding=_aligned([columns.deciding for columns in found], found),
        meant={word: name for columns in found for word, name in columns.meant.items()},
        attributes=_common([columns.attributes for columns in found]),
        axes={name: axis for columns in reversed(found) for name, axis in columns.axes.items()},
    )


def _refuse_apart(found: Sequence[Columns]) -> None:
    """Raise where the table says that releases of these granules must not be mixed."""
    product = found[0].product
    releases = sorted({track.release for columns in found for track in columns.tracks})
    said = [product.release(number) for number in releases]
    kinds = {s.numbers if s is not None and s.apart else () for s in said}
    if len(kinds) > 1:
        (why, *_) = [s.apart for s in said if s is not None and s.apart]
        raise SelectionError(
            f"releases {', '.join(releases)} of {product.short_name} do not mix: {why}",
            fix=f'Open one of them: version="{releases[-1]}".',
        )


def refuse_twice(names: Sequence[str]) -> None:
    """Raise `SelectionError` where two granules are the same one in two revisions.

    Parameters
    ----------
    names : sequence of str
        Names, paths or URLs; those that are not names of granules are let pass.
    """
    parsed = [name for name in map(parse_name, names) if name is not None]
    count = Counter(map(_without_revision, parsed))
    for name in parsed:
        if count[_without_revision(name)] > 1:
            raise SelectionError(
                f"{name} is there in more than one release or revision",
                fix='Keep one of each: version="006" does for releases, granules.latest() for'
                " revisions.",
            )

    _refuse_overlap(parsed)


def _refuse_overlap(names: Sequence[GranuleName]) -> None:
    """Raise where two granules hold the same cycles of the same points, as an update does."""
    last: dict[tuple[Any, ...], GranuleName] = {}
    for name in sorted(names, key=lambda one: (one.cycle, one.last_cycle)):
        place = (name.product, name.rgt, name.region, name.hemisphere)
        before = last.get(place)
        if name.last_cycle > name.cycle and before and before.last_cycle >= name.cycle:
            raise SelectionError(
                f"{before} and {name} both hold cycle {name.cycle} of the same points",
                fix="Keep one of them: the one with more cycles is the newer.",
            )
        if name.last_cycle > name.cycle:
            last[place] = name


def _without_revision(name: GranuleName) -> GranuleName:
    return replace(name, release="", revision="")


def _aligned(lists: Sequence[Sequence[Column]], found: Sequence[Columns]) -> tuple[Column, ...]:
    """Columns that all granules with rows have, joined, in the order of the first of them."""
    by_key = [{(c.path, c.surface): c for c in columns} for columns in lists]
    having = [i for i, one in enumerate(found) if any(track.stored for track in one.tracks)]
    having = having or list(range(len(found)))
    joined = []
    for key, column in by_key[having[0]].items():
        lacking = [i for i in having if key not in by_key[i]]
        if lacking:
            _leave_out(column, len(lacking), len(having))
            continue
        own = [columns.get(key) for columns in by_key]
        layouts = [
            Layouts.of([None] * len(one.tracks)) if c is None else c.of_tracks
            for c, one in zip(own, found, strict=True)
        ]
        joined.append(replace(column, layouts=Layouts.join(layouts)))
    extra = {key for i in having for key in by_key[i]} - set(by_key[having[0]])
    for key in sorted(extra, key=str):
        have = [by_key[i][key] for i in having if key in by_key[i]]
        _leave_out(have[0], len(having) - len(have), len(having))
    return tuple(joined)


def _leave_out(column: Column, missing: int, count: int) -> None:
    what = f"{column.path} is missing in {missing} of {count} granules"
    if column.named:
        raise SelectionError(what, fix="Leave it out of variables=, or open the others alone.")
    warn_user(f"{what}: left out")


def _common(attributes: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What all granules say alike."""
    first, *others = attributes
    return {
        name: value
        for name, value in first.items()
        if all(name in other and _same(value, other[name]) for other in others)
    }


def _same(one: Any, other: Any) -> bool:
    if one is other or (type(one) is str and type(other) is str):
        return bool(one == other)
    return bool(np.array_equal(one, other))
