"""What a synthetic granule needs to know of a product and its table does not say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from cryodata.errors import ConfigurationError, close_names
from cryodata.sandbox.granules.style import ORIGINAL, PAGED, PLAIN, Style
from cryodata.sandbox.granules.track import ICESAT2, SEGMENT, Mission

__all__ = ["Scene", "scene_of"]

_ATLAS = {"006": ORIGINAL, "007": PAGED} | dict.fromkeys(
    ("005", "004", "003", "002", "001"), ORIGINAL
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Where and how a product looks.

    Attributes
    ----------
    spacing : float
        Between two rows of the main rate, m.
    relief : float
        Height of the hills, as a share of those of land.
    whole_orbit : bool
        Granules are cut from the whole orbit: their names say region 01 and when the
        spacecraft crossed the equator, which may be long before the first row.
    full_circle : bool
        Longitudes run from 0 to 360 degrees, not from -180 to 180.
    kept : tuple of str
        Paths below a beam of the datasets that a beam without data still has. If there are
        any, such a beam has no groups but theirs.
    mission : Mission
    releases : mapping of str to Style
        How each release lays out its files, the usual one first.
    """

    spacing: float = SEGMENT
    relief: float = 1.0
    whole_orbit: bool = False
    full_circle: bool = False
    kept: tuple[str, ...] = ()
    mission: Mission = ICESAT2
    releases: Mapping[str, Style] = field(default_factory=lambda: _ATLAS)

    def style(self, release: str) -> Style:
        """The layout of a release.

        Raises
        ------
        ConfigurationError
            If there is none of that name.
        """
        if release not in self.releases:
            raise ConfigurationError(
                f"no release {release!r} is made", fix=close_names(release, self.releases)
            )
        return self.releases[release]


_SEA = 1e-3
_ICESAT = Mission(first=datetime(2003, 10, 4, 12, 0, 0, tzinfo=UTC))
_ICEBRIDGE = Mission(first=datetime(2018, 4, 1, 11, 0, 0, tzinfo=UTC), speed=125.0)
_SCENES = {
    "ATL07": Scene(
        spacing=15.0,
        relief=_SEA,
        whole_orbit=True,
        kept=("sea_ice_segments/stats/ds_si_hist_bins",),  # as in two real granules
    ),
    "ATL08": Scene(spacing=100.0),
    "ATL09": Scene(spacing=280.0, whole_orbit=True),
    "ATL10": Scene(spacing=15.0, relief=_SEA, whole_orbit=True),
    "ATL11": Scene(spacing=60.0, releases=dict.fromkeys(_ATLAS, PLAIN)),
    "ATL12": Scene(spacing=7000.0, relief=_SEA, whole_orbit=True),
    "ATL13": Scene(spacing=50.0, relief=_SEA, whole_orbit=True),
    "ATL24": Scene(spacing=0.7, relief=_SEA, releases={"001": PLAIN, "002": PLAIN}),
    "GLAH06": Scene(
        spacing=172.0,
        full_circle=True,
        mission=_ICESAT,
        releases={"034": PLAIN, "033": PLAIN},
    ),
    "ILATM1B": Scene(spacing=2.0, full_circle=True, mission=_ICEBRIDGE, releases={"002": PLAIN}),
}


def scene_of(product: str) -> Scene:
    """What is known of a product by short name; the land seen by ICESat-2 for others."""
    return _SCENES.get(product, Scene())
