"""What a user asks of each granule: the words, and the paths they stand for in a table."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from cryodata.errors import SelectionError
from cryodata.products import Product

__all__ = ["Asked", "OnMissing", "Request", "Words", "as_words", "surfaces_of"]

Words: TypeAlias = str | Iterable[str]
"""One name or word, or several."""

OnMissing: TypeAlias = Literal["raise", "skip"]


def as_words(words: Words) -> tuple[str, ...]:
    """Several words from one or several, each once.

    Raises
    ------
    SelectionError
        Something else is among them.
    """
    several: Any = [words] if isinstance(words, str) else words
    if isinstance(several, Iterable):
        several = list(several)
    if not isinstance(several, list) or not all(isinstance(one, str) for one in several):
        raise SelectionError(f"{words!r} are no names", fix='Give one, "gt1l", or a list of them.')
    return tuple(dict.fromkeys(several))


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a user asks for of each granule.

    Attributes
    ----------
    variables : str or iterable of str
        Names, ``"default"``, ``"all"``. A name is that of the dataset, with as much of
        its path below the track as the user likes; or of a column: ``signal_conf_land``.
    beams : str or iterable of str
        Names, ``"all"``, ``"strong"``, ``"weak"``.
    conditions : tuple of str
        Names of the variables that conditions are about, as `variables`.
    placed : tuple of str
        Coordinates by which rows are chosen: ``latitude`` and ``longitude``, ``time``.
    with_segments : tuple of str
        Names of variables of coarser rows, such as segments, that each finer row gets.
    few : bool
        Granules are so few that each may hold values that come with its structure.
    cycles : tuple of int
        Of rows that have a value for each repeat cycle, only these; all where empty.
    on_missing : {"raise", "skip"}
        What becomes of beams and variables that are named and not there.
    product : Product or None
        The table to read by, also where a file does not say what it is; None for what each
        file says.
    """

    variables: Words = "default"
    beams: Words = "all"
    conditions: tuple[str, ...] = ()
    placed: tuple[str, ...] = ()
    with_segments: tuple[str, ...] = ()
    few: bool = True
    cycles: tuple[int, ...] = ()
    on_missing: OnMissing = "raise"
    product: Product | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """Variables asked for, as paths relative to the row group.

    Attributes
    ----------
    paths : tuple of str
        Best guess for each.
    named : dict of str to str
        Path to the user's word, for those that the user named.
    conditions : dict of str to str
        Word of a condition to path.
    all : bool
    """

    paths: tuple[str, ...]
    named: dict[str, str]
    conditions: dict[str, str]
    all: bool

    @classmethod
    def of(cls, table: Product, request: Request, release: str = "") -> Asked:
        """What a request asks for of the rows of a product, as a release calls it.

        Parameters
        ----------
        table : Product
            With the names of the newest release. Its names, and those of `release`, are
            understood.
        request : Request
        release : str
        """
        product = table.as_of(release)
        rate = product.rate
        words = as_words(request.variables)
        known = {path.rsplit("/", 1)[-1]: path for path in rate.default}
        newest = zip(table.rate.default, rate.default, strict=True)
        known |= {path.rsplit("/", 1)[-1]: own for path, own in newest}
        known |= {path: path for path in surfaces_of(product)}
        inside = rate.group and rate.group + "/"

        def path_of(word: str) -> str:
            path = word.strip("/").removeprefix(inside)
            path = path.removeprefix(table.rate.group and table.rate.group + "/")
            own = table.name_by(release, table.rate.path(path))
            return known.get(path) or (own.removeprefix(inside) if own.startswith(inside) else path)

        named = {path_of(word): word for word in words if word not in {"default", "all"}}
        default = rate.default if {"default", "all"} & set(words) else ()
        return cls(
            tuple(dict.fromkeys((*default, *named))),
            named,
            {word: path_of(word) for word in request.conditions},
            "all" in words,
        )

    @property
    def everything(self) -> tuple[str, ...]:
        """Paths of variables and conditions."""
        return tuple(dict.fromkeys((*self.paths, *self.conditions.values())))


def surfaces_of(product: Product) -> dict[str, tuple[str, int]]:
    """Name of a column to its variable, relative to the row group, and its number."""
    group = product.rate.group and product.rate.group + "/"
    return {
        name: (flag.variable.removeprefix(group), number)
        for flag in product.flags
        if flag.variable.startswith(group)
        for number, name in enumerate(flag.columns)
    }
