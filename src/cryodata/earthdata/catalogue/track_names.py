"""Patterns of granules' names by reference track, cycle and orbit region."""

from __future__ import annotations

import itertools
import operator
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from cryodata.earthdata.granule import Granule
from cryodata.errors import SelectionError

__all__ = ["Tracks"]

_LAST = {"rgt": 1387, "cycle": 99, "orbit_region": 14}
_HEMISPHERES = {"ATL07", "ATL10"}  # ATL07-01_...: Arctic, -02: Antarctic
_MANY_CYCLES = {"ATL11"}  # ATL11_ttttss_c1c2_...
_GRIDDED = {"ATL14", "ATL15", "ATL18", "ATL19", "ATL20", "ATL21", "ATL23"}  # no tracks


@dataclass(frozen=True, slots=True)
class Tracks:
    """Which tracks are wanted; an empty tuple asks for any.

    Attributes
    ----------
    rgt, cycle, orbit_region : tuple of int
        Reference ground tracks 1-1387, cycles 1-99, orbit regions 1-14; sorted.
    """

    rgt: tuple[int, ...] = ()
    cycle: tuple[int, ...] = ()
    orbit_region: tuple[int, ...] = ()

    @classmethod
    def of(cls, *, rgt: Any = None, cycle: Any = None, orbit_region: Any = None) -> Tracks:
        """Tracks from numbers, lists or ranges of them.

        Raises
        ------
        SelectionError
            If a number is none, or there is no such track.
        """
        given = {"rgt": rgt, "cycle": cycle, "orbit_region": orbit_region}
        return cls(**{word: _numbers(word, value) for word, value in given.items()})

    def __bool__(self) -> bool:
        return bool(self.rgt or self.cycle or self.orbit_region)

    def __str__(self) -> str:
        said = {"RGT": self.rgt, "cycle": self.cycle, "orbit region": self.orbit_region}
        return ", ".join(f"{word} {_listed(numbers)}" for word, numbers in said.items() if numbers)

    def patterns(self, product: str, version: str) -> list[str]:
        """Names of the product's granules on these tracks, with ``*`` and ``?``.

        ``ATL06_*_080102??_007_*``; for ATL11 all that hold the tracks, whatever the cycles:
        its names give the first and the last, see `holds`.

        Raises
        ------
        SelectionError
            If the product's names say nothing of tracks.
        """
        if not product.startswith("ATL") or product in _GRIDDED:
            raise SelectionError(
                f"{product} has no {self}: its granules are not of single tracks",
                fix="Leave rgt= and cycle= out, and give region= or time=.",
            )
        release = version if re.fullmatch(r"\d{3}", version) else "???"
        rgts = [f"{n:04d}" for n in self.rgt] or ["????"]
        cycles = [f"{n:02d}" for n in self.cycle] or ["??"]
        regions = [f"{n:02d}" for n in self.orbit_region] or ["??"]
        if product in _MANY_CYCLES:
            pairs = itertools.product(rgts, regions)
            return [f"{product}_{rgt}{region}_????_{release}_*" for rgt, region in pairs]
        head = f"{product}-??_*" if product in _HEMISPHERES else f"{product}_*"
        tracks = itertools.product(rgts, cycles, regions)
        return [f"{head}_{rgt}{cycle}{region}_{release}_*" for rgt, cycle, region in tracks]

    def holds(self, granule: Granule) -> bool:
        """Whether the granule's name says that it is of these tracks."""
        name = granule.parsed
        if name is None:
            return not self
        return (
            (not self.rgt or name.rgt in self.rgt)
            and (not self.orbit_region or name.region in self.orbit_region)
            and (not self.cycle or any(name.cycle <= n <= name.last_cycle for n in self.cycle))
        )


def _numbers(word: str, value: Any) -> tuple[int, ...]:
    if value is None:
        return ()
    last = _LAST[word]
    many = list(value) if isinstance(value, Iterable) and not isinstance(value, str) else [value]
    fix = f"Write {word}=5 or {word}=[5, 6]; they are 1 to {last}."
    if not many:
        raise SelectionError(f"{word}= names none", fix=fix)
    numbers = set()
    for one in many:
        try:
            number = operator.index(one)
        except TypeError:
            number = -1
        if isinstance(one, bool) or not 1 <= number <= last:
            raise SelectionError(f"There is no {word} {one!r}", fix=fix)
        numbers.add(number)
    return tuple(sorted(numbers))


def _listed(numbers: tuple[int, ...]) -> str:
    shown = ", ".join(map(str, numbers[:5]))
    return shown if len(numbers) <= 5 else f"{shown}, ... ({len(numbers)} in all)"
