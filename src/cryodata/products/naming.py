"""What the name of a granule along a track says.

::

    ATL06_20191106230008_06270503_006_01.h5      product, start, rgt cycle region, release, ...
    ATL07-01_20190222003738_08490201_003_02.h5   with the hemisphere: 01 Arctic, 02 Antarctic
    processed_ATL06_20190416093911_...           as NASA's subsetters deliver it
    ATL11_051911_0328_007_01.h5                  reference track and region, first and last cycle
    ATL24_20181228203822_00060208_006_02_001_01.h5   release and revision of ATL03, then its own
    GLAH06_634_1102_001_0071_0_01_0001.H5        release, campaign, cycle, track, segment, version
    ILATM1B_20190506_112233.ATM6AT6.h5           start, instrument
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

__all__ = ["GranuleName", "parse_name", "product_in"]

_HEAD = r"(?P<prefix>.*?)(?<![A-Za-z0-9])(?P<product>ATL\d{2})(?:-(?P<hemisphere>0[12]))?"
_TAIL = r"(?P<release>\d{3})_(?P<revision>\d{2})(?!\d)(?P<suffix>.*)"
_PLACE = r"(?P<start>\d{14})_(?P<rgt>\d{4})(?P<cycle>\d{2})(?P<region>\d{2})"
_ALONG_TRACK = re.compile(rf"{_HEAD}_{_PLACE}_{_TAIL}", re.DOTALL)
_OF_PHOTONS = re.compile(rf"{_HEAD}(?<=ATL24)_{_PLACE}_\d{{3}}_\d{{2}}_{_TAIL}", re.DOTALL)
_MANY_CYCLES = re.compile(
    rf"{_HEAD}_(?P<rgt>\d{{4}})(?P<region>\d{{2}})_(?P<cycle>\d{{2}})(?P<last_cycle>\d{{2}})_{_TAIL}",
    re.DOTALL,
)
_ICESAT = re.compile(
    r"(?P<prefix>.*?)(?<![A-Za-z0-9])(?P<product>GLAH\d{2})_6(?P<release>\d{2})_(?P<campaign>\d{4})"
    r"_(?P<cycle>\d{3})_(?P<rgt>\d{4})_(?P<region>\d)_(?P<revision>\d{2})_\d{4}(?!\d)(?P<suffix>.*)",
    re.DOTALL,
)
_AIRBORNE = re.compile(
    r"(?P<prefix>.*?)(?<![A-Za-z0-9])(?P<product>ILATM1B)_(?P<start>\d{8}_\d{6})"
    r"(?:\.(?P<campaign>ATM\w+))?(?!\w)(?P<suffix>.*)",
    re.DOTALL,
)
_FORMS = (_OF_PHOTONS, _ALONG_TRACK, _MANY_CYCLES, _ICESAT, _AIRBORNE)
_PRODUCT = re.compile(r"(?<![A-Za-z0-9])(?:ATL\d{2}|GLAH\d{2}|ILATM1B)(?![0-9])")
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
        before and up to an hour after it. None where the name has no time (ATL11, GLAH06).
    rgt : int
        Reference ground track, 1-1387; of ICESat, the track in its reference orbit. 0 where
        there is none, as for flights.
    cycle, last_cycle : int
        First and last repeat cycle (of 91 days for ICESat-2), both included; the same where
        there is one, 0 where there is none.
    region : int
        Orbit region, 1-14; of ICESat, the segment of the orbit, 0-4. 0 for flights.
    release, revision : str
        ``006``, ``01``; compared as text, as the archive does. ICESat's 634 is ``034`` there.
        Empty where the name does not say.
    hemisphere : str
        ``01`` Arctic, ``02`` Antarctic, empty for products that are not split.
    campaign : str
        Of ICESat: repeat-track phase, reference orbit and instance, ``1102``. Of flights: the
        instrument, ``ATM6AT6``. Else empty.
    prefix, suffix : str
        What a subsetter put before and after the name: ``processed_``, ``.gt1l_bbox.h5``.
    stem : str
        The name between them, as it was written; two names with the same parts are equal
        whatever their stems.
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
    campaign: str = ""
    prefix: str = ""
    suffix: str = ""
    stem: str = field(default="", compare=False)

    def __str__(self) -> str:
        """The producer's name, without prefix and suffix: the same for every subset."""
        return self.stem

    @property
    def orbit(self) -> int:
        """Orbit number at the start, of the first cycle; of ICESat-2 only, 0 for others.

        Notes
        -----
        ``(cycle - 1) * 1387 + rgt + 201``; equal to ``orbit_info/orbit_number`` in the
        15 real files that have it.
        """
        if not self.product.startswith("ATL"):
            return 0
        return (self.cycle - 1) * _REFERENCE_TRACKS + self.rgt + _ORBITS_BEFORE_CYCLE_1


@lru_cache(maxsize=1 << 14)  # a thousand granules, whose names are asked for again and again
def parse_name(name: str) -> GranuleName | None:
    """The parts of a granule's file name, or None where it is not one.

    Parameters
    ----------
    name : str
        File name, path or URL; only what follows the last slash counts.
    """
    last = name.rstrip("/").rsplit("/", 1)[-1]
    found = next(filter(None, (form.fullmatch(last) for form in _FORMS)), None)
    if found is None:
        return None
    parts = found.groupdict()
    start = None
    if "start" in parts:
        try:
            start = _instant(parts["start"].replace("_", ""))
        except ValueError:  # a 13th month: not a name after all
            return None
    release = parts.get("release", "")
    cycle = int(parts.get("cycle", 0))
    return GranuleName(
        product=parts["product"],
        start=start,
        rgt=int(parts.get("rgt", 0)),
        cycle=cycle,
        last_cycle=int(parts.get("last_cycle", cycle)),
        region=int(parts.get("region", 0)),
        release=release and release.zfill(3),
        revision=parts.get("revision", ""),
        hemisphere=parts.get("hemisphere") or "",
        campaign=parts.get("campaign") or "",
        prefix=parts["prefix"],
        suffix=parts["suffix"],
        stem=last.removeprefix(parts["prefix"]).removesuffix(parts["suffix"]),
    )


def product_in(name: str) -> str:
    """The product's short name in a file name that may be cut or changed; empty where none."""
    found = _PRODUCT.search(name.rstrip("/").rsplit("/", 1)[-1])
    return found.group() if found else ""


def _instant(digits: str) -> np.datetime64:
    """``yyyymmddhhmmss`` as UTC."""
    year, rest = digits[:4], [digits[i : i + 2] for i in range(4, 14, 2)]
    return np.datetime64("{}-{}-{}T{}:{}:{}".format(year, *rest), "s")
