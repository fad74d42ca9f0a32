"""A plan as text, and as a card of a notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryodata.html_card import bar, card, line, table
from cryodata.words import count_in_words, money_in_words, size_in_words, time_in_words

if TYPE_CHECKING:
    from cryodata.planning.plan import Plan

__all__ = ["html_of", "text_of"]


def text_of(plan: Plan) -> str:
    """A card of some ten lines."""
    table = _table(plan)
    widths = [max(len(row[i]) for row in table) + 3 for i in range(len(table[0]))]
    rows = ["".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in table]
    lines = [f"<Plan: {_title(plan)}>", *_reads(plan), *rows, *_notes(plan)]
    return "\n  ".join(lines)


def html_of(plan: Plan) -> str:
    """The same, with a bar of what is needed of what is stored."""
    head, *body = _table(plan)
    return card(
        _title(plan),
        *map(line, _reads(plan)),
        bar(plan.nbytes / max(1, plan.stored)),
        table(head, body, named=True),
        *(line(note, small=True) for note in _notes(plan)),
    )


def _title(plan: Plan) -> str:
    columns = plan.found.columns
    product = f" of {columns.product.short_name}" if columns is not None else ""
    parts = [count_in_words(plan.granules, "granule") + product]
    if columns is not None:
        parts.append(count_in_words(plan.tracks, "track"))
        parts.append(("" if plan.exact else "at most ") + count_in_words(plan.rows, "row"))
    return ", ".join(parts)


def _reads(plan: Plan) -> list[str]:
    share = plan.nbytes / max(1, plan.stored)
    most = "" if plan.exact else "at most "
    requests = count_in_words(plan.requests, "request")
    rounds = count_in_words(plan.rounds, "round")
    nbytes = f"{most}{size_in_words(plan.nbytes)} of {size_in_words(plan.stored)} ({share:.2%})"
    lines = [f"{nbytes} in {requests}, {rounds}"]
    if plan.decide.requests:
        lines.append(
            f"of it {size_in_words(plan.decide.nbytes)} in "
            f"{count_in_words(plan.decide.requests, 'request')} to know the rows"
        )
    return lines


def _table(plan: Plan) -> list[list[str]]:
    return [
        ["", *(estimate.way.title for estimate in plan.estimates)],
        ["time", *(time_in_words(estimate.seconds) for estimate in plan.estimates)],
        ["you pay", *(money_in_words(estimate.compute) for estimate in plan.estimates)],
        [
            "owner of the data pays",
            *(money_in_words(estimate.requests + estimate.egress) for estimate in plan.estimates),
        ],
    ]


def _notes(plan: Plan) -> list[str]:
    notes = [
        f"{pruned.name} leaves {pruned.rows:,} of {pruned.of:,} rows, by the bounds of chunks"
        if pruned.rows < pruned.of
        else f"{pruned.name} rules out no chunk by the bounds that are known"
        for pruned in plan.pruned
    ]
    if plan.savings:
        saved = ", ".join(f"{what} {share:.0%}" for what, share in plan.savings.items())
        notes.append(f"would save: {saved}")
    notes.append(f"planning took {plan.spent}")
    notes.append(
        f"requests and bytes are counted; seconds and cents are estimates, with prices of "
        f"{plan.prices_of}"
    )
    return notes
