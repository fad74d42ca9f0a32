"""What the name of a file of a gridded product says, by the patterns of its table."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from cryodata.products.product import Product

__all__ = ["GridName", "read_name"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GridName:
    """The parts of the name of a gridded file.

    Attributes
    ----------
    product : str
        Short name.
    start : numpy.datetime64 or None
        UTC; the time of the only layer where the file does not say. None where the name
        has no date.
    release, revision : str
        As written; empty where the name does not say.
    parts : tuple of (str, str)
        What else tells one file from another: region, resolution, hemisphere, ...
    """

    product: str
    start: np.datetime64 | None
    release: str = ""
    revision: str = ""
    parts: tuple[tuple[str, str], ...] = ()

    @property
    def resolution(self) -> str:
        """``01km``; empty where the name does not say."""
        return dict(self.parts).get("resolution", "")


def read_name(product: Product, name: str) -> GridName | None:
    """The parts of a file's name, or None where it is not one of the product's.

    Parameters
    ----------
    product : Product
        With a grid.
    name : str
        File name, path or URL; only what follows the last slash counts.
    """
    last = name.partition("?")[0].rstrip("/").rsplit("/", 1)[-1]
    for pattern in product.grid.names if product.grid is not None else ():
        found = re.search(rf"(?<![A-Za-z0-9])(?:{pattern})", last)
        if found is not None:
            parts = {key: value or "" for key, value in found.groupdict().items()}
            try:
                start = _instant(parts.pop("date", ""))
            except ValueError:  # a 13th month: not a name after all
                continue
            return GridName(
                product=product.short_name,
                start=start,
                release=parts.pop("release", ""),
                revision=parts.pop("revision", ""),
                parts=tuple(sorted(parts.items())),
            )
    return None


def _instant(text: str) -> np.datetime64 | None:
    """``yyyy`` to ``yyyymmddThhmmss`` as UTC."""
    digits = text.replace("T", "")
    if not digits:
        return None
    pieces = [digits[:4], *(digits[i : i + 2] for i in range(4, len(digits), 2))]
    date, clock = "-".join(pieces[:3]), ":".join(pieces[3:])
    return np.datetime64(f"{date}T{clock}" if clock else date, "ns")
