"""The granules that are read: synthetic, as large as real ones, made once and kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType

from cryodata.options import default_cache_folder
from cryodata.sandbox.granules import atl03, atl06

__all__ = ["make_granules", "make_practice"]

Maker = Callable[[Path], Path]

WHOLE: Mapping[str, Maker] = MappingProxyType(
    {
        "ATL06": partial(atl06, segments=60_000, seed=1),
        "ATL03": partial(atl03, photons=10_000_000, seed=1),
    }
)
"""Release 006. Weak beams of ATL03 have 0.6 times as many photons: 6 million."""

SMALL: Mapping[str, Maker] = MappingProxyType(
    {
        "ATL06": partial(atl06, segments=2_000, seed=1),
        "ATL03": partial(atl03, photons=30_000, seed=1),
    }
)


def make_granules(products: Iterable[str], folder: Path | None = None) -> dict[str, Path]:
    """Granules of whole size by product, in `folder` or in the cache of cryodata."""
    return _make(WHOLE, products, folder)


def make_practice(products: Iterable[str], folder: Path | None = None) -> dict[str, Path]:
    """Small granules of the same layout."""
    return _make(SMALL, products, folder)


def _make(
    makers: Mapping[str, Maker], products: Iterable[str], folder: Path | None
) -> dict[str, Path]:
    folder = folder or default_cache_folder() / "benchmarks"
    return {product: makers[product](folder) for product in sorted(products)}
