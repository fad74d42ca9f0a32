"""Everything a user asks for in one call, in the types that the rest works with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

from cryodata.chunks import Chunks
from cryodata.condition import Condition
from cryodata.cost import Budget
from cryodata.errors import ConfigurationError
from cryodata.locate import Wish
from cryodata.options import Options
from cryodata.products import Product, table_of
from cryodata.region_input import region_of
from cryodata.selection import Selection
from cryodata.timespan import TimeSpan
from cryodata.tracks.classes import class_name
from cryodata.tracks.request import OnMissing, Request, Words, as_words

__all__ = ["Query"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """The arguments of `cryodata.open`, normalised.

    Attributes
    ----------
    wish : Wish
        Which granules.
    request : Request
        Which beams and variables of each.
    selection : Selection
        Which rows.
    classify : object or None
        What classifies the rows: a product, or its granules.
    group : str or None
        Which grid of a gridded product.
    chunks : int, str, mapping or None
        Of dask; None for arrays that are read when touched.
    exact : bool
        Only rows that fulfil the selection; else whole chunks, and a mask.
    budget : Budget or None
        The most it may cost.
    storage_options : mapping or None
    engine : str
    options : Options
    """

    wish: Wish = field(default_factory=Wish)
    request: Request = field(default_factory=Request)
    selection: Selection = field(default_factory=Selection)
    classify: Any = None
    group: str | None = None
    chunks: Chunks | None = None
    exact: bool = True
    budget: Budget | None = None
    storage_options: Mapping[str, Any] | None = None
    engine: str = "auto"
    options: Options = field(default_factory=Options)

    @classmethod
    def of(
        cls,
        *,
        product: str | Product | None = None,
        region: Any = None,
        time: Any = None,
        where: str | Mapping[str, Any] | Condition | None = None,
        variables: Words = "default",
        beams: Words = "all",
        with_segments: Words = (),
        classify: Any = None,
        group: str | None = None,
        cycle: int | Sequence[int] | None = None,
        rgt: int | Sequence[int] | None = None,
        version: str | int = "latest",
        access: str | None = None,
        chunks: Chunks | None = None,
        exact: bool = True,
        budget: float | str | Budget | None = None,
        on_missing: OnMissing = "raise",
        storage_options: Mapping[str, Any] | None = None,
        engine: str = "auto",
        options: Options | None = None,
    ) -> Self:
        """What these words of a user mean; raises as `cryodata.open` says."""
        if on_missing not in {"raise", "skip"}:
            raise ConfigurationError(f"on_missing={on_missing!r}", fix='It is "raise" or "skip".')
        if classify is not None and not exact:
            raise ConfigurationError(
                "classify= reads classes when it opens, and exact=False reads nothing",
                fix="Leave exact=False out.",
            )
        options = options or Options()
        selection = Selection(
            region=None if region is None else region_of(region),
            time=None if time is None else TimeSpan.of(time),
            where=None if where is None else Condition.of(where),
        )
        names = () if selection.where is None else selection.where.names
        classes = class_name(classify)
        table = table_of(product)
        return cls(
            wish=Wish(
                region=selection.region,
                time=selection.time,
                cycle=cycle,
                rgt=rgt,
                version=version,
                product="" if table is None else table.short_name,
            ),
            request=Request(
                variables=variables,
                beams=beams,
                with_segments=as_words(with_segments),
                conditions=tuple(name for name in names if name != classes),
                cycles=_numbers(cycle),
                placed=replace(selection, where=None).names,
                on_missing=on_missing,
                product=table,
            ),
            selection=selection,
            classify=classify,
            group=group,
            chunks=chunks,
            exact=exact,
            budget=None if budget is None else Budget.of(budget),
            storage_options=storage_options,
            engine=engine,
            options=options if access is None else replace(options, access=access),
        )


def _numbers(cycle: int | Sequence[int] | None) -> tuple[int, ...]:
    """Each cycle that is asked for; what is none is refused where granules are chosen."""
    if cycle is None:
        return ()
    return tuple(cycle) if isinstance(cycle, Iterable) else (cycle,)
