"""``cryodata.plan``: what a read would cost, before it costs anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import xarray as xr

from cryodata.argument_names import tells_names
from cryodata.build import build_dataset
from cryodata.condition import Condition
from cryodata.cost import Budget, Cost, Estimate, estimate
from cryodata.cutting.candidates import candidate_rows
from cryodata.cutting.cut import cut_rows, names_to_decide, narrow, resolve_words
from cryodata.errors import BudgetExceededError
from cryodata.find import Found, find
from cryodata.options import Options
from cryodata.planning.card import html_of, text_of
from cryodata.planning.pricing import (
    HOME,
    REGION,
    Shares,
    cost_of,
    cost_of_classes,
    sums,
    way_from_here,
)
from cryodata.products import Product
from cryodata.query import Query
from cryodata.rowwise.runs import count_rows
from cryodata.selection import Selection
from cryodata.store.receipt import Receipt
from cryodata.tracks.columns import PLACES, Columns
from cryodata.tracks.ragged import ragged_dataset
from cryodata.tracks.request import OnMissing, Words
from cryodata.words import money_in_words, size_in_words

__all__ = ["Plan", "Pruned", "make_plan", "plan", "plan_query"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """What one condition leaves, by the bounds of chunks alone.

    Attributes
    ----------
    name : str
        ``region``, ``time`` or ``where``.
    rows : int
        That may fulfil it.
    of : int
        All rows.
    """

    name: str
    rows: int
    of: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plan:
    """What a read costs: prints as a card, opens as a Dataset.

    Requests and bytes are counted, from the places of the chunks; they hold for everything
    read together (``ds.cryo.load()``, or ``ds.load()`` of variables that were named) on a
    network as it is now. Seconds and cents are estimates.

    Attributes
    ----------
    decide : Cost
        What opening reads to know which rows are wanted.
    load : Cost
        What loading all variables reads then.
    exact : bool
        Whether `load` is what it will be; else it is the most that it can be, because which
        of the chunks hold wanted rows shows only when these are looked at. `sharpen` does.
    granules, tracks, rows : int
        That may hold wanted rows; how many rows.
    stored : int
        Bytes of all granules.
    shares : Shares
    pruned : tuple of Pruned
    spent : Receipt
        What planning itself has read so far: structure, segments, and, once sharpened, what
        decides.
    estimates : tuple of Estimate
        From here, in the region of the data, and over a home line.
    prices_of : str
        Day of the prices.
    """

    decide: Cost
    load: Cost
    exact: bool
    granules: int
    tracks: int
    rows: int
    stored: int
    shares: Shares
    pruned: tuple[Pruned, ...]
    spent: Receipt
    estimates: tuple[Estimate, ...]
    prices_of: str
    found: Found
    query: Query
    dataset: xr.Dataset | None = None

    @property
    def cost(self) -> Cost:
        """Of deciding and loading together."""
        return self.decide + self.load

    @property
    def requests(self) -> int:
        """GETs still to be sent."""
        return self.cost.requests

    @property
    def nbytes(self) -> int:
        """Bytes still to be fetched."""
        return self.cost.nbytes

    @property
    def rounds(self) -> int:
        """Rounds of requests that wait for one another."""
        return self.cost.rounds

    @property
    def savings(self) -> dict[str, float]:
        """What to leave out to read less: in words, to the share of bytes it saves."""
        total = max(1, self.shares.total)
        needed = {*PLACES, *self.query.selection.names}
        found = {
            f"without {name}": nbytes / total
            for name, nbytes in self.shares.variables.items()
            if name not in needed
        }
        if len(found) == 1:
            found = {}  # it is what the read is for
        if 0 < self.shares.weak < self.shares.total:
            found['beams="strong"'] = self.shares.weak / total
        return dict(sorted(found.items(), key=lambda item: -item[1])[:3])

    def check(self, budget: float | str | Budget) -> Plan:
        """This plan, where it stays within a budget.

        Raises
        ------
        BudgetExceededError
            It may cost more. Nothing of the rows was read.
        """
        most = Budget.of(budget)
        over = most.nbytes is not None and self.nbytes > most.nbytes
        dollars = self.estimates[0].dollars
        over |= most.dollars is not None and dollars > most.dollars
        if over:
            saving, share = next(iter(self.savings.items()), ("", 0.0))
            cheaper = f" Cheaper: {saving} saves {share:.0%}." if saving else ""
            sure = "" if self.exact else "at most "
            raise BudgetExceededError(
                f"needs {sure}{size_in_words(self.nbytes)} / {money_in_words(dollars)}, more than "
                f"the budget of {most}; no row was read",
                fix=f"cryodata.plan(...) says what for.{cheaper}"
                + ("" if self.exact else " plan.sharpen() looks what it is exactly."),
            )
        return self

    def sharpen(self) -> Plan:
        """The same, exactly: what decides is read for it, and need not be read again."""
        if self.exact or self.found.columns is None:
            return self
        columns = self.found.columns
        classes = self.found.classes
        selection = resolve_words(columns, self.query.selection, classes)
        exact, dataset = cut_rows(
            columns, selection, self.found.origin, cache=True, classes=classes
        )
        return _plan(self.found, self.query, exact, dataset, exact=True, kept=True)

    def open(self, budget: float | str | Budget | None = None) -> xr.Dataset:
        """The Dataset that was planned, of the granules that are open already.

        Raises
        ------
        BudgetExceededError
            As `check`; and whatever `cryodata.open` raises.
        """
        if budget is not None:
            self.check(budget)
        if self.dataset is not None and self.query.chunks is None:
            self.dataset.set_close(self.found.origin.close)
            return self.dataset
        return build_dataset(self.found, self.query)

    def close(self) -> None:
        """Give connections back."""
        self.found.origin.close()

    def __repr__(self) -> str:
        return text_of(self)

    def _repr_html_(self) -> str:
        return html_of(self)


@tells_names
def plan(
    what: Any,
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
    exact: bool = True,
    budget: float | str | Budget | None = None,
    on_missing: OnMissing = "raise",
    storage_options: Mapping[str, Any] | None = None,
    engine: str = "auto",
    options: Options | None = None,
) -> Plan:
    """What `cryodata.open` with the same arguments, and loading it, would cost.

    Reads the structure of the granules, where it is not kept; and of photons, where the
    segments lie. No row is read.

    Parameters and errors are those of `cryodata.open`.

    Returns
    -------
    Plan

    Raises
    ------
    BudgetExceededError
        It may cost more than `budget`.

    Examples
    --------
    >>> plan = cryodata.plan("ATL06", region=(-50, 69, -48, 70))  # doctest: +SKIP
    >>> plan.open(budget="200 MB")  # doctest: +SKIP
    """
    query = Query.of(
        product=product,
        region=region,
        time=time,
        where=where,
        variables=variables,
        beams=beams,
        with_segments=with_segments,
        classify=classify,
        group=group,
        cycle=cycle,
        rgt=rgt,
        version=version,
        access=access,
        exact=exact,
        budget=budget,
        on_missing=on_missing,
        storage_options=storage_options,
        engine=engine,
        options=options,
    )
    return plan_query(what, query)


def plan_query(what: Any, query: Query) -> Plan:
    """What a query would cost, as `plan`, of which this is all but the words."""
    found = find(what, query)
    try:
        made = make_plan(found, query)
        return made if query.budget is None else made.check(query.budget)
    except BaseException:
        found.origin.close()
        raise


def make_plan(found: Found, query: Query) -> Plan:
    """The plan of a query for granules that are open."""
    lazy = replace(query, chunks=None)
    selection = Selection()
    if found.columns is not None:
        selection = resolve_words(found.columns, query.selection, found.classes)
    lazily = replace(found, classes=None)  # classes are priced, not read
    if found.columns is None or not selection:
        return _plan(found, query, found.columns, build_dataset(lazily, lazy), exact=True)
    narrowed = narrow(found.columns, selection, found.classes)
    if not query.exact:
        return _plan(found, query, narrowed, build_dataset(found, lazy), exact=True)
    names = names_to_decide(narrowed, selection, ahead=query.chunks is None)
    deciding = ragged_dataset(narrowed.only(names), found.origin, cache=True)
    rest = ragged_dataset(narrowed.without(names), found.origin, cache=True)
    return _plan(found, query, narrowed, rest, deciding=deciding, exact=False)


def _plan(
    found: Found,
    query: Query,
    columns: Columns | None,
    dataset: xr.Dataset,
    *,
    deciding: xr.Dataset | None = None,
    exact: bool,
    kept: bool = False,
) -> Plan:
    load, parts = cost_of(dataset)
    decide, more = (Cost(), []) if deciding is None else cost_of(deciding)
    parts += more
    if found.classes is not None and columns is not None and not kept:
        decide += cost_of_classes(found.classes, columns)
    files = found.origin.files
    tracks = columns.tracks if columns is not None else ()
    weak = {(id(t.file), t.beam) for t in tracks if t.spot.weak}
    shares = Shares(
        variables=sums((str(part.name), part.nbytes) for part in parts),
        weak=sum(p.nbytes for p in parts if (id(p.file), p.path.split("/")[1]) in weak),
    )
    total = decide + load
    prices, threads = query.options.prices, query.options.threads
    ways = (way_from_here(files, total), REGION, HOME)
    return Plan(
        decide=decide,
        load=load,
        exact=exact,
        granules=len({id(track.file) for track in tracks}) if columns is not None else len(files),
        tracks=len(tracks),
        rows=sum(track.rows for track in tracks),
        stored=sum(file.source.size for file in files),
        shares=shares,
        pruned=_pruned(found.columns, query.selection) if found.columns is not None else (),
        spent=sum((file.receipt for file in files), Receipt()),
        estimates=tuple(estimate(total, w, files[0].network, prices, threads) for w in ways),
        prices_of=prices.as_of,
        found=found,
        query=query,
        dataset=dataset if kept else None,
    )


def _pruned(found: Columns, selection: Selection) -> tuple[Pruned, ...]:
    """What each condition alone leaves, by what is known of the chunks."""
    alone = {
        "region": Selection(region=selection.region),
        "time": Selection(time=selection.time),
        "where": Selection(where=selection.where),
    }
    rows = sum(track.rows for track in found.tracks)
    return tuple(
        Pruned(name=name, rows=sum(map(count_rows, candidate_rows(found, part))), of=rows)
        for name, part in ((n, resolve_words(found, p)) for n, p in alone.items())
        if part
    )
