"""``cryodata.plan``: what a read would cost, before it costs anything."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

import numpy as np
import xarray as xr

from cryodata.arrays.lazy import SIDE_BY_SIDE, Reader
from cryodata.arrays.together import reads_by_variable
from cryodata.build import build_dataset
from cryodata.condition import Condition
from cryodata.cost import Budget, Cost, Estimate, Way, estimate
from cryodata.cutting.candidates import candidate_rows
from cryodata.cutting.cut import cut_rows, names_to_decide, narrow, resolve_words
from cryodata.errors import BudgetExceededError
from cryodata.find import Found, find
from cryodata.granule import GranuleFile, Wanted
from cryodata.options import Options
from cryodata.planning.card import html_of, text_of
from cryodata.products import Product
from cryodata.query import Query
from cryodata.rowwise.runs import count_rows
from cryodata.selection import Selection
from cryodata.store.receipt import Receipt
from cryodata.tracks.classes import Classes
from cryodata.tracks.columns import PLACES, Columns
from cryodata.tracks.ragged import ragged_dataset
from cryodata.tracks.request import OnMissing, Words
from cryodata.words import money_in_words, size_in_words

__all__ = ["Plan", "Pruned", "Shares", "make_plan", "plan", "plan_query"]

REGION = Way(title="in the region", latency=0.04, bandwidth=1.25e9, inside=True)
HOME = Way(title="https, 100 Mb/s", latency=0.18, bandwidth=12.5e6, inside=False)
"""Ways that everybody can compare: a hub beside the data, and a home line."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """Bytes needed, by what they are for.

    Attributes
    ----------
    variables : mapping of str to int
        The largest first.
    weak : int
        Of weak beams.
    """

    variables: Mapping[str, int]
    weak: int

    @property
    def total(self) -> int:
        """Of everything."""
        return sum(self.variables.values())


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
        if self.shares.weak:
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
    load, parts = _cost_of(dataset)
    decide, more = (Cost(), []) if deciding is None else _cost_of(deciding)
    parts += more
    if found.classes is not None and columns is not None and not kept:
        decide += _cost_of_classes(found.classes, columns)
    files = found.origin.files
    tracks = columns.tracks if columns is not None else ()
    weak = {(id(t.file), t.beam) for t in tracks if t.spot.weak}
    shares = Shares(
        variables=_sums((str(part.name), part.nbytes) for part in parts),
        weak=sum(p.nbytes for p in parts if (id(p.file), p.path.split("/")[1]) in weak),
    )
    total = decide + load
    prices, threads = query.options.prices, query.options.threads
    ways = (_way_from_here(files, total), REGION, HOME)
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


@dataclass(frozen=True, slots=True)
class _Part:
    """Bytes needed of one dataset."""

    name: Hashable
    file: Reader
    path: str
    nbytes: int


def _cost_of(dataset: xr.Dataset) -> tuple[Cost, list[_Part]]:
    """What loading a Dataset costs, all of a granule together; and for which datasets."""
    wanted: dict[int, tuple[Reader, list[Hashable], list[Wanted]]] = {}
    for name, asked in reads_by_variable(dataset).items():
        for array, key in asked:
            for file, path, slices in array.wanted(array.plan(key)):
                _, names, slots = wanted.setdefault(id(file), (file, [], []))
                names.append(name)
                slots.append((path, slices))
    cost, parts = Cost(), []
    for file, names, slots in wanted.values():
        priced = file.price(slots)
        cost += Cost(
            requests=priced.requests,
            nbytes=priced.nbytes,
            needed=priced.needed,
            decoded=sum(want.nbytes for want in priced.wants),
        )
        nbytes = np.bincount(priced.pieces.want, priced.pieces.nbytes, len(slots))
        parts += [
            _Part(name, file, path, int(n))
            for name, (path, _), n in zip(names, slots, nbytes, strict=True)
        ]
    rounds = -(-len(wanted) // SIDE_BY_SIDE) if cost.requests else 0
    return replace(cost, rounds=rounds), parts


def _cost_of_classes(classes: Classes, columns: Columns) -> Cost:
    """What classifying rows reads, of both products."""
    cost = Cost()
    for file, slots in classes.wanted(columns):
        priced = file.price(slots)
        cost += Cost(
            requests=priced.requests,
            nbytes=priced.nbytes,
            needed=priced.needed,
            decoded=sum(want.nbytes for want in priced.wants),
        )
    return replace(cost, rounds=1 if cost.requests else 0)


def _sums(items: Any) -> dict[str, int]:
    """Sums by name, the largest first."""
    ordered = sorted(items)
    sums = {name: sum(n for _, n in own) for name, own in groupby(ordered, lambda item: item[0])}
    return dict(sorted(sums.items(), key=lambda item: -item[1]))


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


def _way_from_here(files: Sequence[GranuleFile], cost: Cost) -> Way:
    """The network as it was measured, or is expected."""
    network = files[0].network
    if files[0].is_local:
        return Way(title="this machine", latency=0.0, bandwidth=1e9, inside=False, local=True)
    inside = not files[0].url.startswith(("http://", "https://"))
    together = max(1, min(network.in_flight, cost.requests))
    bandwidth = min(network.bandwidth * together, REGION.bandwidth)
    return Way(title="from here", latency=network.latency, bandwidth=bandwidth, inside=inside)
