"""A map of tracks beside their profile, of plain arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np

from cryodata.after.map_axes import GREY, INK, PALE, degrees_label, draw_map
from cryodata.errors import MissingDependencyError
from cryodata.types import AnyArray, IntArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["MOST_NAMES", "Bins", "Labels", "draw"]

COLOURS = {
    "gt1l": "#1b6ca8",
    "gt1r": "#7db8de",
    "gt2l": "#b8432f",
    "gt2r": "#e8a08f",
    "gt3l": "#3c7d3f",
    "gt3r": "#9ccb8f",
}
"""Beams of a pair in one hue."""
_CLOCK = ((5.0, "%H:%M:%S.%f"), (600.0, "%H:%M:%S"), (172_800.0, "%H:%M"), (np.inf, "%Y-%m-%d"))
"""Seconds that a profile lasts at most, and how its times are written."""
MOST_NAMES = 12
"""Names in a legend; of more, some are left out."""
OTHERS = ("#1b6ca8", "#b8432f", "#3c7d3f", "#8356a3", "#c58a1a", "#4a5a66")


@dataclass(frozen=True, slots=True, eq=False)
class Bins:
    """What is drawn: neighbouring rows of a track, put together. All arrays are (bin,).

    Attributes
    ----------
    track : int array
        Number of the track.
    longitude, latitude : float array
        Degrees.
    x : datetime64 or float array
        Place along the profile.
    low, high : float array
        Least and greatest height; NaN where none is known.
    height : float array
        Their middle, which gives the colour.
    """

    track: IntArray
    longitude: AnyArray
    latitude: AnyArray
    x: AnyArray
    low: AnyArray
    high: AnyArray
    height: AnyArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """What is written.

    Attributes
    ----------
    title : str
    height, units : str
        Name and units of the height.
    along : {"time", "latitude"}
        What the profile follows.
    share : float
        Of the rows that were read, 0-1.
    groups : tuple of str
        Of each track: the name under which its profile is drawn, as that of its beam.
    """

    title: str
    height: str
    units: str
    along: str
    share: float
    groups: tuple[str, ...]

    @property
    def height_with_units(self) -> str:
        """For an axis."""
        name = {"meters": "m", "metres": "m"}.get(self.units, self.units)
        return f"{self.height} ({name})" if name not in {"", "1"} else self.height


def draw(bins: Bins, labels: Labels) -> Figure:
    """Map and profile.

    Raises
    ------
    MissingDependencyError
        Without matplotlib.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingDependencyError(
            "A quick look needs matplotlib", fix='Install it: pip install "cryodata-earth[plot]"'
        ) from error

    class Look(Figure):
        """A figure that notebooks show, whether or not pyplot was set up there."""

        def _repr_png_(self) -> bytes:
            kept = BytesIO()
            self.savefig(kept, format="png")
            return kept.getvalue()

    figure = Look(figsize=(11, 4.8), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(1, 2, width_ratios=(1.0, 1.5))
    figure.suptitle(labels.title, color=INK, size=12, weight="bold", x=0.01, ha="left")
    left, right = figure.add_subplot(grid[0]), figure.add_subplot(grid[1])
    place = bins.longitude, bins.latitude
    # the axis beside it says what the colours are
    draw_map(figure, left, *place, bins.height, label="")
    _draw_profile(right, bins, labels)
    return figure


def _draw_profile(axes: Axes, bins: Bins, labels: Labels) -> None:
    if not len(bins.x):
        axes.set_axis_off()
        return
    groups = np.array(labels.groups, "U")[bins.track]
    colours = _colours(tuple(dict.fromkeys(labels.groups)))
    named = {*list(colours)[:: -(-len(colours) // MOST_NAMES)]}
    for group, colour in colours.items():
        own = groups == group
        x, low, high = bins.x[own], bins.low[own], bins.high[own]
        axes.vlines(x, low, high, color=colour, linewidth=0.6, alpha=0.35)
        label = group if group in named else None
        axes.scatter(x, bins.height[own], s=2.5, color=colour, linewidths=0, label=label)
    _focus(axes, bins)
    axes.set_ylabel(labels.height_with_units, color=INK, size=9)
    axes.grid(color=PALE, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(colors=INK, labelsize=8)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(GREY)
    _name_axis(axes, bins, labels)
    if colours:
        axes.legend(
            ncols=6,
            markerscale=4,
            frameon=False,
            fontsize=8,
            labelcolor=INK,
            loc="lower left",
            bbox_to_anchor=(0, 1),
            handletextpad=0.1,
            columnspacing=1.2,
        )
    if labels.share < 1:
        read = f"{100 * labels.share:.2g} % of the rows"
        said = read if labels.share else "least and greatest of each chunk; nothing was read"
        axes.set_title(said, color=INK, size=8, loc="right", pad=14)


def _colours(names: Sequence[str]) -> dict[str, Any]:
    """Of beams, and of few others, colours easily told apart; of many, in order of a scale."""
    if len(names) <= len(OTHERS) or not set(names).isdisjoint(COLOURS):
        return {
            name: COLOURS.get(name, OTHERS[number % len(OTHERS)])
            for number, name in enumerate(names)
        }
    from matplotlib import colormaps

    shades = colormaps["viridis"](np.linspace(0, 0.92, len(names)))
    return dict(zip(names, shades, strict=True))


def _focus(axes: Axes, bins: Bins) -> None:
    """All heights; or without the few far off that would press the ground into a line."""
    known = bins.height[np.isfinite(bins.height)]
    if not len(known):
        return
    low, high = np.percentile(known, [0.5, 99.5])
    if np.ptp(known) <= 3 * (high - low):
        low, high = known.min(), known.max()
    margin = max(0.06 * (high - low), 0.5)
    axes.set_ylim(low - margin, high + margin)


def _name_axis(axes: Axes, bins: Bins, labels: Labels) -> None:
    if labels.along == "latitude":
        axes.set_xlabel("latitude", color=INK, size=9)
        axes.xaxis.set_major_formatter(lambda value, _: degrees_label(value, "NS"))
        return
    from matplotlib.dates import AutoDateLocator, num2date

    known = bins.x[~np.isnat(bins.x)]
    seconds = np.ptp(known) / np.timedelta64(1, "s") if len(known) else 0.0
    pattern = next(pattern for most, pattern in _CLOCK if seconds <= most)
    day = f" on {known.min().astype('M8[D]')}" if len(known) and seconds <= _CLOCK[2][0] else ""
    locator = AutoDateLocator(minticks=3)  # type: ignore[no-untyped-call]  # matplotlib's
    axes.xaxis.set_major_locator(locator)
    drop = 4 if pattern.endswith("%f") else 0  # microseconds to hundredths

    def clock(value: float, _: object) -> str:
        time: str = num2date(value).strftime(pattern)  # type: ignore[no-untyped-call]
        return time[: len(time) - drop]

    axes.xaxis.set_major_formatter(clock)
    axes.set_xlabel(f"time{day} (UTC)", color=INK, size=9)
