"""How NASA names granules.

Sources: the user guides of the products at NSIDC (naming convention), and
`cryodata.products.naming`.
"""

from __future__ import annotations

from cryodata.sandbox.granules.scene import scene_of
from cryodata.sandbox.granules.track import Pass

__all__ = ["file_name", "said_region", "said_start"]

_LAST_NORTHERN = 7
_OF_ATL03 = "006_01"
"""Release and revision of the ATL03 granule that one of ATL24 is made from."""


def said_region(product: str, along: Pass) -> int:
    """The region a granule claims: 1 for products cut from the whole orbit."""
    return 1 if scene_of(product).whole_orbit else along.region


def said_start(product: str, along: Pass) -> float:
    """Where the requested span begins, m along track from the equator."""
    return 0.0 if scene_of(product).whole_orbit else along.begin


def file_name(product: str, along: Pass, *, release: str, revision: int, cycles: int = 1) -> str:
    """The name of a granule.

    Parameters
    ----------
    product : str
        ``ATL06``.
    along : Pass
        Where it was taken.
    release : str
        ``006``.
    revision : int
        From 1. ILATM1B has none in its names.
    cycles : int
        How many cycles it holds, from that of `along` on; ATL11 holds many.
    """
    began = along.utc(said_start(product, along))
    place = f"{along.rgt:04d}{along.cycle:02d}{said_region(product, along):02d}"
    made = f"{release}_{revision:02d}"
    if product == "ILATM1B":  # date and time of the flight line, and the scanner
        return f"{product}_{began:%Y%m%d_%H%M%S}.ATM6AT6.h5"
    if product == "GLAH06":  # _ymm_prkk_ccc_tttt_s_nn_ffff: phase 2, reference orbit 1
        quarter = 1 + (along.region - 1) * 4 // 14
        where = f"21{along.cycle:02d}_{along.cycle:03d}_{along.rgt:04d}_{quarter}"
        return f"{product}_6{release[-2:]}_{where}_{revision:02d}_0001.H5"
    if product == "ATL11":
        last = along.cycle + cycles - 1
        return f"{product}_{along.rgt:04d}{along.region:02d}_{along.cycle:02d}{last:02d}_{made}.h5"
    if product == "ATL24":
        made = f"{_OF_ATL03}_{made}"
    if product in {"ATL07", "ATL10"}:
        product += "-01" if along.region <= _LAST_NORTHERN else "-02"
    return f"{product}_{began:%Y%m%d%H%M%S}_{place}_{made}.h5"
