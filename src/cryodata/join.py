"""Granules of one product, as one: their tracks one after the other, the same columns on all."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from cryodata.errors import SelectionError
from cryodata.products import GranuleName, parse_name
from cryodata.ragged import Column, Columns

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
        The granules are of different products, or a variable that was named is missing
        in some.

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
    return replace(
        found[0],
        tracks=[track for columns in found for track in columns.tracks],
        coordinates=_aligned([columns.coordinates for columns in found], found),
        columns=_aligned([columns.columns for columns in found], found),
        attributes=_common([columns.attributes for columns in found]),
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


def _without_revision(name: GranuleName) -> GranuleName:
    return replace(name, release="", revision="")


def _aligned(lists: Sequence[Sequence[Column]], found: Sequence[Columns]) -> list[Column]:
    """Columns that all granules with rows have, joined, in the order of the first of them."""
    by_path = [{column.path: column for column in columns} for columns in lists]
    having = [i for i, one in enumerate(found) if any(track.rows for track in one.tracks)]
    having = having or list(range(len(found)))
    joined = []
    for path, column in by_path[having[0]].items():
        same = [by_path[i].get(path) for i in having]
        if None in same:
            _leave_out(column, len([one for one in same if one is None]), len(same))
            continue
        full = [one for one in same if one is not None]
        joined.append(
            replace(
                column,
                layouts=tuple(layout for one in full for layout in one.layouts),
                files=tuple(file for one in full for file in one.files),
            )
        )
    extra = {path for i in having for path in by_path[i]} - set(by_path[having[0]])
    for path in sorted(extra):
        have = [by_path[i][path] for i in having if path in by_path[i]]
        _leave_out(have[0], len(having) - len(have), len(having))
    return joined


def _leave_out(column: Column, missing: int, count: int) -> None:
    what = f"{column.path} is missing in {missing} of {count} granules"
    if column.named:
        raise SelectionError(what, fix="Leave it out of variables=, or open the others alone.")
    warnings.warn(f"{what}: left out", stacklevel=2)


def _common(attributes: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What all granules say alike."""
    first, *others = attributes
    return {
        name: value
        for name, value in first.items()
        if all(name in other and np.array_equal(value, other[name]) for other in others)
    }
