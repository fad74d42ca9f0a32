"""What each parameter of a search asks of a record: one table for granules, one for collections."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterable, Mapping

from cryodata.sandbox.earthdata.catalogue import Entry
from cryodata.sandbox.earthdata.cmr_places import PLACES, place
from cryodata.sandbox.earthdata.cmr_query import Asked, Refusal
from cryodata.sandbox.earthdata.cmr_times import revised, time_span, within

__all__ = ["GRANULE", "collection_table", "conditions"]

Condition = Callable[[Entry], bool]
Texts = Callable[[Entry], Iterable[str]]
Maker = Callable[[Asked], Condition]


def conditions(asked: Iterable[Asked], table: Mapping[str, Maker]) -> list[Condition]:
    """All that is asked of a record.

    Raises
    ------
    Refusal
        With everything that is wrong with the parameters.
    """
    made: list[Condition] = []
    errors: list[str] = []
    for given in asked:
        try:
            made.append(table.get(given.name, _stranger)(given))
        except Refusal as refusal:
            errors += refusal.errors
    if errors:
        raise Refusal(*errors)
    return made


def _stranger(asked: Asked) -> Condition:
    raise Refusal(f"Parameter [{asked.name}] was not recognized.")


def _text(texts: Texts) -> Maker:
    """One of the record's texts is one of the values; letter case does not count."""

    def make(asked: Asked) -> Condition:
        pattern = asked.option("pattern")
        flags = re.IGNORECASE if asked.option("ignore_case", default=True) else 0
        wanted = [
            re.compile(_as_regex(value) if pattern else re.escape(value), flags)
            for value in asked.values
        ]
        enough = all if asked.option("and") else any
        return lambda entry: enough(
            any(one.fullmatch(text) for text in texts(entry)) for one in wanted
        )

    return make


def _as_regex(pattern: str) -> str:
    """``*`` is any text and ``?`` any character; brackets mean nothing."""
    return fnmatch.translate(pattern.replace("[", "[[]"))


def _flag(holds: Condition) -> Maker:
    """True or false; ``unset`` asks nothing."""

    def make(asked: Asked) -> Condition:
        value = asked.values[-1].lower()
        if value == "unset":
            return lambda entry: True
        if value not in ("true", "false"):
            raise Refusal(
                f"Parameter {asked.name} must take value of true, false, or unset, but was"
                f" [{asked.values[-1]}]"
            )
        return lambda entry: holds(entry) == (value == "true")

    return make


def _orbit(asked: Asked) -> Condition:
    """One number, or ``first,last`` with both ends included."""
    ranges = []
    for value in asked.values:
        first, comma, last = value.partition(",")
        try:
            low = float(first) if first else float("-inf")
            high = (float(last) if last else float("inf")) if comma else low
        except ValueError:
            raise Refusal(f"orbit_number [{value}] must be numeric") from None
        ranges.append((low, high))

    def holds(entry: Entry) -> bool:
        domains = entry.umm.get("OrbitCalculatedSpatialDomains", ())
        numbers = [domain["OrbitNumber"] for domain in domains if "OrbitNumber" in domain]
        return any(low <= number <= high for number in numbers for low, high in ranges)

    return holds


def _of_collection(field: str) -> Texts:
    return lambda entry: [entry.collection.umm[field]] if entry.collection else ()


def _of_umm(field: str) -> Texts:
    return lambda entry: [entry.umm[field]]


def _of_meta(*fields: str) -> Texts:
    return lambda entry: [entry.meta[field] for field in fields if field in entry.meta]


def _granule_names(entry: Entry) -> list[str]:
    return [entry.umm["GranuleUR"], *_producer_names(entry)]


def _producer_names(entry: Entry) -> list[str]:
    found = entry.umm.get("DataGranule", {}).get("Identifiers", ())
    return [item["Identifier"] for item in found if item["IdentifierType"] == "ProducerGranuleId"]


def _short_names(field: str, below: str = "") -> Texts:
    def texts(entry: Entry) -> Iterable[str]:
        of = entry.collection or entry
        for item in of.umm.get(field, ()):
            for found in item.get(below, ()) if below else (item,):
                yield found["ShortName"]

    return texts


def _has_link(kind: str) -> Condition:
    return lambda entry: any(url["Type"] == kind for url in entry.umm.get("RelatedUrls", ()))


def _keyword(asked: Asked) -> Condition:
    """All words somewhere in what the collection says of itself, ``*`` and ``?`` allowed."""
    words = [
        re.compile(rf"(?i:{_as_regex(word)})") for value in asked.values for word in value.split()
    ]

    def holds(entry: Entry) -> bool:
        umm = entry.umm
        text = f"{umm['ShortName']} {umm['EntryTitle']} {umm['Abstract']} ICESat-2 ATLAS"
        said = [*re.split(r"[^\w.-]+", text), umm["ShortName"]]
        return all(any(word.fullmatch(one) for one in said) for word in words)

    return holds


_BOTH: dict[str, Maker] = {
    "provider": _text(_of_meta("provider-id")),
    "provider_id": _text(_of_meta("provider-id")),
    "native_id": _text(_of_meta("native-id")),
    "temporal": within(time_span),
    "updated_since": within(revised, since=True),
    "revision_date": within(revised),
    "platform": _text(_short_names("Platforms")),
    "instrument": _text(_short_names("Platforms", "Instruments")),
    "project": _text(_short_names("Projects")),
    **dict.fromkeys(PLACES, place),
}
GRANULE: Mapping[str, Maker] = {
    **_BOTH,
    "short_name": _text(_of_collection("ShortName")),
    "version": _text(_of_collection("Version")),
    "entry_title": _text(_of_collection("EntryTitle")),
    "concept_id": _text(_of_meta("concept-id", "collection-concept-id")),
    "collection_concept_id": _text(_of_meta("collection-concept-id")),
    "echo_collection_id": _text(_of_meta("collection-concept-id")),
    "granule_ur": _text(_of_umm("GranuleUR")),
    "producer_granule_id": _text(_producer_names),
    "readable_granule_name": _text(_granule_names),
    "orbit_number": _orbit,
    "day_night_flag": _text(
        lambda entry: [entry.umm.get("DataGranule", {}).get("DayNightFlag", "Unspecified")]
    ),
    "downloadable": _flag(_has_link("GET DATA")),
    "online_only": _flag(_has_link("GET DATA")),
    "browse_only": _flag(_has_link("GET RELATED VISUALIZATION")),
}


def collection_table(has_granules: Condition) -> Mapping[str, Maker]:
    """What may be asked of a collection.

    Parameters
    ----------
    has_granules : callable
        Whether a collection has any.
    """
    return {
        **_BOTH,
        "short_name": _text(_of_umm("ShortName")),
        "version": _text(_of_umm("Version")),
        "entry_title": _text(_of_umm("EntryTitle")),
        "concept_id": _text(_of_meta("concept-id")),
        "doi": _text(lambda entry: [entry.umm["DOI"]["DOI"]]),
        "keyword": _keyword,
        "has_granules": _flag(has_granules),
        "has_granules_or_cwic": _flag(has_granules),
        "cloud_hosted": _flag(lambda entry: "DirectDistributionInformation" in entry.umm),
        "downloadable": _flag(_has_link("GET DATA")),
        "online_only": _flag(_has_link("GET DATA")),
        "include_granule_counts": _flag(lambda entry: True),
        "include_has_granules": _flag(lambda entry: True),
    }
