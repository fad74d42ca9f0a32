"""When a record's data were taken, when it was revised, and the ranges a search asks for."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from cryodata.sandbox.earthdata.catalogue import Entry
from cryodata.sandbox.earthdata.cmr_query import Asked, Refusal

__all__ = ["milliseconds", "revised", "time_span", "within"]

Condition = Callable[[Entry], bool]
Span = tuple[float, float]
"""First and last instant, ms since 1970."""


def milliseconds(text: str) -> int:
    """Milliseconds since 1970 of a time in ISO 8601, UTC unless it says otherwise.

    Raises
    ------
    ValueError
        If it is none.
    """
    moment = datetime.fromisoformat(text.strip())
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1000)


def time_span(entry: Entry) -> Span | None:
    """First and last instant of a record, ms since 1970; None where it does not say."""
    umm = entry.umm
    if "TemporalExtents" in umm:  # a collection: from its beginning on
        begin = umm["TemporalExtents"][0]["RangeDateTimes"][0]["BeginningDateTime"]
        return milliseconds(begin), float("inf")
    extent = umm.get("TemporalExtent", {})
    if "SingleDateTime" in extent:
        moment = milliseconds(extent["SingleDateTime"])
        return moment, moment
    span = extent.get("RangeDateTime")
    if not span:
        return None
    end = span.get("EndingDateTime")
    return milliseconds(span["BeginningDateTime"]), milliseconds(end) if end else float("inf")


def revised(entry: Entry) -> Span:
    """When a record was revised last: a span of no length."""
    moment = milliseconds(entry.meta["revision-date"])
    return moment, moment


def within(
    spans: Callable[[Entry], Span | None], *, since: bool = False
) -> Callable[[Asked], Condition]:
    """The record's span of time meets one of the ranges, ``from,to`` with open ends."""

    def make(asked: Asked) -> Condition:
        ranges = [_range(asked.name, value, since=since) for value in asked.values]
        strict = asked.option("exclude_boundary")

        def holds(entry: Entry) -> bool:
            span = spans(entry)
            if span is None:
                return False
            if strict:
                return any(span[0] < last and first < span[1] for first, last in ranges)
            return any(span[0] <= last and first <= span[1] for first, last in ranges)

        return holds

    return make


def _range(name: str, value: str, *, since: bool) -> Span:
    first, _, last = value.partition(",") if "," in value else value.partition("/")
    found = [float("-inf"), float("inf")]
    for side, text in enumerate((first, last)):
        if not text.strip():
            continue
        try:
            found[side] = milliseconds(text)
        except ValueError:
            raise Refusal(
                f"{name} datetime is invalid: [{text}] is not a valid datetime."
            ) from None
    if since and last:
        raise Refusal(f"{name} datetime is invalid: [{value}] is not a valid datetime.")
    if found[0] > found[1]:
        raise Refusal(
            "The first date in each range must be earlier than the second date:"
            f" [{first}] is not before [{last}]"
        )
    return found[0], found[1]
