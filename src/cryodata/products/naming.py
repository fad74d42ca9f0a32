"""What the name of an ICESat-2 granule says.

::

    ATL06_20191106230008_06270503_006_01.h5      product, start, rgt cycle region, release, ...
    ATL07-01_20190222003738_08490201_003_02.h5   with the hemisphere: 01 Arctic, 02 Antarctic
    processed_ATL06_20190416093911_...           as NASA's subsetters deliver it
    ATL11_051911_0328_007_01.h5                  reference track and region, first and last cycle
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

__all__ = ["GranuleName", "parse_name", "product_in"]

_HEAD = r"(?P<prefix>.*?)(?<![A-Za-z0-9])(?P<product>ATL\d{2})(?:-(?P<hemisphere>0[12]))?"
_TAIL = r"(?P<release>\d{3})_(?P<revision>\d{2})(?!\d)(?P<suffix>.*)"
_ALONG_TRACK = re.compile(
    rf"{_HEAD}_(?P<start>\d{{14}})_(?P<rgt>\d{{4}})(?P<cycle>\d{{2}})(?P<region>\d{{2}})_{_TAIL}",
    re.DOTALL,
)
_MANY_CYCLES = re.compile(
    rf"{_HEAD}_(?P<rgt>\d{{4}})(?P<region>\d{{2}})_(?P<cycle>\d{{2}})(?P<last_cycle>\d{{2}})_{_TAIL}",
    re.DOTALL,
)
_PRODUCT = re.compile(r"(?<![A-Za-z0-9])ATL\d{2}(?!\d)")
_REFERENCE_TRACKS = 1387
_ORBITS_BEFORE_CYCLE_1 = 201


@dataclass(frozen=True, slots=True, kw_only=True)
class GranuleName:
    """The parts of a granule's name.

    Attributes
    ----------
    product : str
        ``ATL06``.
    start : numpy.datetime64 or None
        UTC start that was *requested* of the producer; the data may begin a little
        before and up to an hour after it. None where the name has no time (ATL11).
    rgt : int
        Reference ground track, 1-1387.
    cycle, last_cycle : int
        First and last 91-day repeat cycle, both included; the same where there is one.
    region : int
        Orbit region, 1-14.
    release, revision : str
        ``006``, ``01``; compared as text, as the archive does.
    hemisphere : str
        ``01`` Arctic, ``02`` Antarctic, empty for products that are not split.
    prefix, suffix : str
        What a subsetter put before and after the name: ``processed_``, ``.gt1l_bbox.h5``.
    """

    product: str
    start: np.datetime64 | None
    rgt: int
    cycle: int
    last_cycle: int
    region: int
    release: str
    revision: str
    hemisphere: str = ""
    prefix: str = ""
    suffix: str = ""

    def __str__(self) -> str:
        """The producer's name, without prefix and suffix: the same for every subset."""
        head = f"{self.product}-{self.hemisphere}" if self.hemisphere else self.product
        if self.start is None:
            place = f"{self.rgt:04d}{self.region:02d}_{self.cycle:02d}{self.last_cycle:02d}"
        else:
            time = re.sub(r"\D", "", str(self.start.astype("datetime64[s]")))
            place = f"{time}_{self.rgt:04d}{self.cycle:02d}{self.region:02d}"
        return f"{head}_{place}_{self.release}_{self.revision}"

    @property
    def orbit(self) -> int:
        """Orbit number at the start, of the first cycle.

        Notes
        -----
        ``(cycle - 1) * 1387 + rgt + 201``; equal to ``orbit_info/orbit_number`` in the
        15 real files that have it.
        """
        return (self.cycle - 1) * _REFERENCE_TRACKS + self.rgt + _ORBITS_BEFORE_CYCLE_1


def parse_name(name: str) -> GranuleName | None:
    """The parts of a granule's file name, or None where it is not one.

    Parameters
    ----------
    name : str
        File name, path or URL; only what follows the last slash counts.
    """
    last = name.rstrip("/").rsplit("/", 1)[-1]
    found = _ALONG_TRACK.fullmatch(last) or _MANY_CYCLES.fullmatch(last)
    if found is None:
        return None
    parts = found.groupdict()
    start = None
    if "start" in parts:
        try:
            start = _instant(parts["start"])
        except ValueError:  # a 13th month: not a name after all
            return None
    return GranuleName(
        product=parts["product"],
        start=start,
        rgt=int(parts["rgt"]),
        cycle=int(parts["cycle"]),
        last_cycle=int(parts.get("last_cycle") or parts["cycle"]),
        region=int(parts["region"]),
        release=parts["release"],
        revision=parts["revision"],
        hemisphere=parts["hemisphere"] or "",
        prefix=parts["prefix"],
        suffix=parts["suffix"],
    )


def product_in(name: str) -> str:
    """The product's short name in a file name that may be cut or changed; empty where none."""
    found = _PRODUCT.search(name.rstrip("/").rsplit("/", 1)[-1])
    return found.group() if found else ""


def _instant(digits: str) -> np.datetime64:
    """``yyyymmddhhmmss`` as UTC."""
    year, rest = digits[:4], [digits[i : i + 2] for i in range(4, 14, 2)]
    return np.datetime64("{}-{}-{}T{}:{}:{}".format(year, *rest), "s")
