"""``cryodata.Reader``: what is asked of every granule, said once, and handed around."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import xarray as xr

from cryodata.argument_names import tells_names
from cryodata.chunks import Chunks
from cryodata.condition import Condition
from cryodata.cost import Budget
from cryodata.dataset import open_query
from cryodata.earthdata.catalogue.track_names import Tracks
from cryodata.errors import ConfigurationError, ProductError, SelectionError
from cryodata.options import Options
from cryodata.planning.plan import Plan, plan_query
from cryodata.products import Product, table_of
from cryodata.query import Query
from cryodata.region.region import Region
from cryodata.store.resolve import ENGINES
from cryodata.timespan import TimeSpan
from cryodata.tracks.beams import check_beams
from cryodata.tracks.request import OnMissing, Words, as_words

__all__ = ["Reader"]


@dataclass(frozen=True, slots=True, init=False, repr=False)
class Reader:
    """How granules of one product are read; call it with granules to read them.

    ``Reader("ATL06", beams="strong")(granules)`` is ``cryodata.open(granules,
    product="ATL06", beams="strong")``. A reader is frozen: it compares by what it says, has a
    hash where its `chunks` have one, and pickles, table included, so that it means the same on
    a worker that has no such table. It holds no file and no key: `storage_options` go with the
    granules.

    Parameters
    ----------
    product : str or Product
        A short name, or a table of your own.
    region, time, where, variables, beams, with_segments, classify, group, cycle, rgt, version, \
access, chunks, exact, budget, on_missing, engine, options : optional
        As for `cryodata.open`. They are checked now, as far as they can be without a granule.

    Attributes
    ----------
    product : Product
    region : Region or None
    time : TimeSpan or None
    where : Condition or None
    variables, beams, with_segments : tuple of str
    cycle, rgt : tuple of int or None
    budget : Budget or None
    classify, group, version, access, chunks, exact, on_missing, engine, options
        As given.

    Raises
    ------
    UnknownProductError, ProductError
        There is no such table.
    RegionError, SelectionError
        A region, a time, a condition, a beam, a cycle or a track that is none.
    ConfigurationError
        Another argument that is none.

    Examples
    --------
    >>> import cryodata as cd
    >>> reader = cd.Reader("ATL06", variables=["h_li", "h_li_sigma"], beams="strong")
    >>> reader
    Reader('ATL06', variables=('h_li', 'h_li_sigma'), beams='strong')
    >>> reader(granules, region=(-50.2, 69, -48.5, 69.4))  # doctest: +SKIP
    """

    product: Product
    region: Region | None
    time: TimeSpan | None
    where: Condition | None
    variables: tuple[str, ...]
    beams: tuple[str, ...]
    with_segments: tuple[str, ...]
    classify: Any
    group: str | None
    cycle: tuple[int, ...] | None
    rgt: tuple[int, ...] | None
    version: str | int
    access: str | None
    chunks: Chunks | None
    exact: bool
    budget: Budget | None
    on_missing: OnMissing
    engine: str
    options: Options | None

    @tells_names
    def __init__(
        self,
        product: str | Product,
        *,
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
        engine: str = "auto",
        options: Options | None = None,
    ) -> None:
        table = table_of(product)
        if table is None:
            raise ProductError(
                "A reader needs a product",
                fix='Name one: Reader("ATL06"); cryodata.open(...) reads what files say they are.',
            )
        if engine not in ENGINES:
            raise ConfigurationError(
                f"there is no engine {engine!r}", fix=f"There are: {', '.join(ENGINES)}."
            )
        words = as_words(beams)
        check_beams(table, words)
        _check_kind(table, group=group, masks=where is not None or not exact)
        tracks = Tracks.of(cycle=cycle, rgt=rgt)
        query = Query.of(
            product=table,
            region=region,
            time=time,
            where=where,
            classify=classify,
            exact=exact,
            budget=budget,
            on_missing=on_missing,
            access=access,
            options=options,
        )
        values = {
            "product": table,
            "region": query.selection.region,
            "time": query.selection.time,
            "where": query.selection.where,
            "variables": as_words(variables),
            "beams": words,
            "with_segments": as_words(with_segments),
            "classify": classify,
            "group": group,
            "cycle": tracks.cycle or None,
            "rgt": tracks.rgt or None,
            "version": version,
            "access": access,
            "chunks": chunks,
            "exact": exact,
            "budget": query.budget,
            "on_missing": on_missing,
            "engine": engine,
            "options": options,
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def __call__(
        self,
        what: Any,
        *,
        region: Any = None,
        time: Any = None,
        storage_options: Mapping[str, Any] | None = None,
    ) -> xr.Dataset:
        """Open granules as one lazy Dataset, as `cryodata.open` does.

        Parameters
        ----------
        what : str, path-like, open fsspec file, Granule, Granules, or a list of these
            As for `cryodata.open`.
        region, time : optional
            In place of the reader's own.
        storage_options : mapping, optional
            For the store; not kept.

        Raises
        ------
        SelectionError
            A granule says that it is of another product; and as `cryodata.open`.
        CryodataError
            As `cryodata.open`.
        """
        return open_query(what, self._query(region, time, storage_options))

    def plan(
        self,
        what: Any,
        *,
        region: Any = None,
        time: Any = None,
        storage_options: Mapping[str, Any] | None = None,
    ) -> Plan:
        """What reading granules would cost, as `cryodata.plan` says it; arguments as for a call."""
        return plan_query(what, self._query(region, time, storage_options))

    def replace(self, **changes: Any) -> Self:
        """Another reader, with some of the arguments changed; checked as when made anew."""
        return dataclasses.replace(self, **changes)

    def _query(self, region: Any, time: Any, storage_options: Mapping[str, Any] | None) -> Query:
        return Query.of(
            product=self.product,
            region=self.region if region is None else region,
            time=self.time if time is None else time,
            where=self.where,
            variables=_plain(self.variables),
            beams=_plain(self.beams),
            with_segments=self.with_segments,
            classify=self.classify,
            group=self.group,
            cycle=self.cycle,
            rgt=self.rgt,
            version=self.version,
            access=self.access,
            chunks=self.chunks,
            exact=self.exact,
            budget=self.budget,
            on_missing=self.on_missing,
            storage_options=storage_options,
            engine=self.engine,
            options=self.options,
        )

    def __repr__(self) -> str:
        """What was asked for beyond the defaults, in the words of a call."""
        plain = Reader(self.product)
        said = [
            f"{field.name}={_word(getattr(self, field.name))}"
            for field in dataclasses.fields(self)[1:]
            if getattr(self, field.name) != getattr(plain, field.name)
        ]
        return f"{type(self).__name__}({', '.join([repr(self.product.short_name), *said])})"


def _check_kind(product: Product, *, group: str | None, masks: bool) -> None:
    """Raise `SelectionError` for what only rows, or only grids, can be asked."""
    if product.grid is None and group is not None:
        raise SelectionError(
            f"{product.short_name} is no gridded product with a group {group!r} to choose",
            fix="Leave group= out.",
        )
    if product.grid is not None and masks:
        raise SelectionError(
            f"{product.short_name} is a grid: cells are not left out by where=",
            fix="ds.where(...) masks them after opening; region= and time= cut before.",
        )


def _plain(words: tuple[str, ...]) -> Words:
    """One word as that word."""
    return words[0] if len(words) == 1 else words


def _word(value: Any) -> str:
    """An argument as a user would write it, where that is short."""
    if isinstance(value, Condition):
        return repr(str(value))
    if isinstance(value, TimeSpan):
        return f"<{value}>"
    if isinstance(value, tuple) and len(value) == 1:
        return repr(value[0])
    return repr(value)
