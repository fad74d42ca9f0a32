"""Which collection a product's name and version mean."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from cryodata.earthdata.catalogue.cmr import Cmr
from cryodata.errors import ConfigurationError, FetchError, UnknownProductError, close_names

__all__ = ["Collection", "find_collections"]

TITLES = {
    "ATL03": "photons",
    "ATL04": "normalised backscatter",
    "ATL06": "land ice height",
    "ATL07": "sea ice height",
    "ATL08": "land and vegetation height",
    "ATL09": "atmosphere",
    "ATL10": "sea ice freeboard",
    "ATL11": "land ice height, repeat tracks",
    "ATL12": "ocean height",
    "ATL13": "inland water height",
    "ATL14": "land ice, gridded height",
    "ATL15": "land ice, gridded height change",
    "ATL16": "atmosphere, weekly",
    "ATL17": "atmosphere, monthly",
    "ATL19": "ocean, gridded",
    "ATL20": "sea ice freeboard, gridded",
    "ATL21": "sea surface height anomaly, gridded",
    "ATL22": "inland water, mean",
    "ATL23": "ocean, gridded over three months",
    "ATL24": "coastal bathymetry",
    "GLAH06": "ICESat ice sheet height",
    "GLAH12": "ICESat ice sheet height",
    "GLAH13": "ICESat sea ice height",
    "ILATM1B": "IceBridge lidar",
    "ILATM2": "IceBridge lidar, resampled",
    "IDBMG4": "bed of Greenland",
    "NSIDC-0756": "bed of Antarctica",
    "NSIDC-0051": "sea ice concentration",
    "NSIDC-0081": "sea ice concentration, near real time",
    "NSIDC-0484": "ice velocity of Antarctica",
    "NSIDC-0715": "winter ice velocity of Greenland",
    "NSIDC-0481": "ice velocity of Greenland's glaciers",
    "NSIDC-0731": "quarterly ice velocity of Greenland",
    "MOD10A1": "snow cover",
    "MYD10A1": "snow cover",
    "VNP10A1": "snow cover",
    "SPL3SMP": "soil moisture",
    "SPL3SMP_E": "soil moisture, enhanced",
    "SPL4SMGP": "soil moisture, modelled",
}
"""What a mistyped name may have meant; what exists is asked of the catalogue."""

_SHORT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:\-]{1,80}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """One version of one product, as the catalogue has it.

    Attributes
    ----------
    product, version : str
        As the catalogue spells them: ``ATL06``, ``006``.
    concept_id, provider : str
        ``C2670138092-NSIDC_CPRD`` and ``NSIDC_CPRD``.
    """

    product: str
    version: str
    concept_id: str
    provider: str

    def __str__(self) -> str:
        return f"{self.product} {self.version}"


def find_collections(
    cmr: Cmr, product: object, *, version: str | int = "latest", provider: str | None = None
) -> list[Collection]:
    """The collections that hold a version of a product, those in the cloud first.

    Parameters
    ----------
    cmr : Cmr
        Who is asked.
    product : str
        Short name, in any case of letters.
    version : str or int
        ``"007"``, ``7``; ``"latest"`` for the last one that has granules; ``"all"``.
    provider : str, optional
        Whose collections; those in the cloud by default, others where none are.

    Raises
    ------
    UnknownProductError
        If there is no such product; the message names the close ones.
    ConfigurationError
        If there is no such version of it.
    """
    short_name = product.strip().upper() if isinstance(product, str) else ""
    if not _SHORT_NAME.fullmatch(short_name):
        said = ascii(product)[:80]
        raise UnknownProductError(f"{said} is no short name of a product", fix=_like("ATL"))
    found = _ask(cmr, short_name, provider)
    if not found:
        where = f" of {provider}" if provider else ""
        raise UnknownProductError(
            f"The catalogue has no product {product!r}{where}",
            fix=_like(short_name, _relatives(cmr, short_name)),
        )
    if version == "all":
        return [collection for collection, _ in found]
    if version == "latest":
        return _newest(cmr, found)
    wanted = [c for c, _ in found if _key(c.version) == _key(str(version))]
    if not wanted:
        versions = ", ".join(dict.fromkeys(c.version for c, _ in found))
        raise ConfigurationError(
            f"{found[0][0].product} has no version {version!r}",
            fix=f'It has {versions}; version="latest" is the last that has granules.',
        )
    return wanted


def _ask(cmr: Cmr, short_name: str, provider: str | None) -> list[tuple[Collection, int | None]]:
    """Collections of a short name with their number of granules, newest version first."""
    for in_cloud in (True, False):
        query = cmr.collections().short_name(short_name)
        query.params["include_granule_counts"] = True
        if provider:
            query.provider(provider)
        elif in_cloud:
            query.cloud_hosted(cloud_hosted=True)
        found = [made for page in cmr.pages(query) for made in _collections(page.items)]
        if found or provider:
            break
    return sorted(found, key=lambda pair: _key(pair[0].version), reverse=True)


def _collections(items: Iterable[dict[str, Any]]) -> Iterable[tuple[Collection, int | None]]:
    for item in items:
        meta, umm = item.get("meta"), item.get("umm")
        if not isinstance(meta, dict) or not isinstance(umm, dict):
            continue
        fields = (umm.get("ShortName"), umm.get("Version"), meta.get("concept-id"))
        if not all(isinstance(value, str) and value for value in fields):
            continue
        count = meta.get("granule-count")
        yield (
            Collection(
                product=str(fields[0]),
                version=str(fields[1]),
                concept_id=str(fields[2]),
                provider=str(meta.get("provider-id", "")),
            ),
            count if isinstance(count, int) else None,
        )


def _newest(cmr: Cmr, found: Sequence[tuple[Collection, int | None]]) -> list[Collection]:
    """Those of the last version that has granules; of the last version where none has."""
    for version in dict.fromkeys(collection.version for collection, _ in found):
        same = [(c, count) for c, count in found if c.version == version]
        for collection, count in same:
            if count is None:
                query = cmr.granules().short_name(collection.product)
                count = cmr.count(query.collection_concept_id(collection.concept_id))
            if count:
                _warn_of_more(same, found)
                return [c for c, _ in same]
    return [c for c, _ in found if c.version == found[0][0].version]


def _warn_of_more(
    newest: Sequence[tuple[Collection, int | None]],
    every: Sequence[tuple[Collection, int | None]],
) -> None:
    """Say so where an older version has more granules: NASA fills new ones over months."""
    present = sum(count or 0 for _, count in newest)
    older = [pair for pair in every if pair not in newest and (pair[1] or 0) > present > 0]
    if older:
        collection, count = older[0]
        warnings.warn(
            f"{newest[0][0]} has {present:,} granules so far, and {collection} has {count:,}: "
            f'version="{collection.version}" finds those not made anew yet',
            stacklevel=6,
        )


def _key(version: str) -> tuple[int, str]:
    """Versions in order; ``006``, ``6`` and ``06`` are one."""
    text = version.strip()
    return (int(text), "") if text.isdecimal() else (-1, text.lower())


def _relatives(cmr: Cmr, short_name: str) -> list[str]:
    """Short names that begin like this one; none where the catalogue does not say."""
    query = cmr.collections().short_name(f"{short_name[:3]}*")
    query.option("short_name", "pattern", True)
    try:
        pages = list(cmr.pages(query))
    except (FetchError, ConfigurationError):  # the answer is an error anyway
        return []
    return [made.product for page in pages for made, _ in _collections(page.items)]


def _like(short_name: str, more: Iterable[str] = ()) -> str:
    """A sentence with the names nearest to one, and what the products are about."""
    known = [name for name in dict.fromkeys((*more, *TITLES)) if name != short_name]
    bare = re.compile(r"0+(?=\d)")  # ATL6 is ATL06
    same = [name for name in known if bare.sub("", name) == bare.sub("", short_name)]
    sentence = f"Did you mean {same[0]}?" if same else close_names(short_name, known, most=3)
    return re.sub(
        r"[\w-]+",
        lambda word: f"{word[0]} ({TITLES[word[0]]})" if word[0] in TITLES else word[0],
        sentence,
    )
