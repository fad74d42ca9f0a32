"""The map of a quick look: dots coloured by height over coasts and a graticule."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cryodata.after.maps import Plane, graticule, plane_for, steps_for
from cryodata.region.coastline import coastline
from cryodata.types import AnyArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["GREY", "INK", "PALE", "degrees_label", "draw_map"]

INK, PALE, GREY = "#22313f", "#d5dde3", "#9aa7b1"


def draw_map(
    figure: Figure,
    axes: Axes,
    longitude: AnyArray,
    latitude: AnyArray,
    height: AnyArray,
    *,
    label: str,
) -> None:
    """Draw places coloured by height, with a colour bar beside them.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    axes : matplotlib.axes.Axes
    longitude, latitude : (n,) float array
        Degrees.
    height : (n,) float array
        Grey where NaN. The colours leave out the lowest and the highest 2 %.
    label : str
        Of the colour bar.
    """
    plane = plane_for(longitude, latitude)
    x, y = plane.flat(longitude, latitude)
    known = np.isfinite(height)
    axes.scatter(x[~known], y[~known], s=2, color=GREY, linewidths=0)
    limits = np.percentile(height[known], [2, 98]) if known.any() else (0.0, 1.0)
    dots = axes.scatter(
        x[known],
        y[known],
        c=height[known],
        s=5,
        linewidths=0,
        cmap="viridis",
        vmin=limits[0],
        vmax=max(limits[1], limits[0] + 1e-6),
    )
    _frame(axes, plane, x, y)
    if known.any():
        bar = figure.colorbar(dots, ax=axes, extend="both", shrink=0.85, aspect=28)
        bar.set_label(label, color=INK, size=9)
        bar.ax.tick_params(colors=INK, labelsize=8)
        bar.outline.set_visible(False)


def _frame(axes: Axes, plane: Plane, x: AnyArray, y: AnyArray) -> None:
    """Limits around the points, and the graticule in them."""
    placed = np.isfinite(x) & np.isfinite(y)
    if not placed.any():
        axes.set_xlim(-180, 180)
        axes.set_ylim(-90, 90)
        axes.text(0, 0, "no rows", color=GREY, ha="center", va="center", size=12)
    else:
        _zoom(axes, plane, x[placed], y[placed])
    _graticule(axes, plane)
    _coast(axes, plane)
    for spine in axes.spines.values():
        spine.set_color(PALE)
    axes.set_axisbelow(True)


def _zoom(axes: Axes, plane: Plane, x: AnyArray, y: AnyArray) -> None:
    """A window of 4 : 5 around the points, true to scale in its middle."""
    middle = (x.max() + x.min()) / 2, (y.max() + y.min()) / 2
    stretch = 1.0 if plane.pole else 1 / max(0.05, np.cos(np.radians(middle[1])))
    least = 5.0 if plane.pole else 0.05
    half = 0.56 * max(np.ptp(x) / stretch * 1.25, np.ptp(y), least)
    axes.set_xlim(middle[0] - half * stretch / 1.25, middle[0] + half * stretch / 1.25)
    axes.set_ylim(middle[1] - half, middle[1] + half)
    axes.set_aspect(stretch)


def _coast(axes: Axes, plane: Plane) -> None:
    """Lines of the coast, below the points."""
    points, ends = coastline()
    longitude, latitude = points.T
    seen = latitude * plane.pole > 0 if plane.pole else np.isfinite(latitude)
    x, y = plane.flat(np.where(seen, longitude, np.nan), np.where(seen, latitude, np.nan))
    breaks = set(ends[:-1].tolist())
    if not plane.pole:  # over the edge of the map
        breaks |= set((np.flatnonzero(np.abs(np.diff(x)) > 180.0) + 1).tolist())
    at = sorted(breaks)
    axes.plot(
        np.insert(x, at, np.nan),
        np.insert(y, at, np.nan),
        color=GREY,
        linewidth=0.8,
        zorder=0.7,
        scalex=False,
        scaley=False,
    )


def _graticule(axes: Axes, plane: Plane) -> None:
    """Meridians and parallels, named where they meet the left and the lower edge."""
    axes.tick_params(colors=INK, labelsize=8, length=0)
    (west, east), (south, north) = axes.get_xlim(), axes.get_ylim()
    if not plane.pole:
        across, up = steps_for(east - west, 4), steps_for(north - south, 6)
        axes.set_xticks(np.arange(np.ceil(west / across), east / across) * across)
        axes.set_yticks(np.arange(np.ceil(south / up), north / up) * up)
        axes.xaxis.set_major_formatter(lambda value, _: degrees_label(value, "EW"))
        axes.yaxis.set_major_formatter(lambda value, _: degrees_label(value, "NS"))
        axes.grid(color=PALE, linewidth=0.6)
        return
    grid = np.meshgrid(np.linspace(west, east, 200), np.linspace(south, north, 250))
    lines = graticule(plane, *grid)
    left, below = [], []
    for values, levels, letters in lines:
        axes.contour(
            *grid,
            values,
            levels=levels,
            colors=PALE,
            linewidths=0.7,
            linestyles="solid",
            zorder=0.5,
        )
        left += _meets(values[:, 0], levels, letters)
        below += _meets(values[0], levels, letters)
    for set_ticks, found, low, high in (
        (axes.set_yticks, left, south, north),
        (axes.set_xticks, below, west, east),
    ):
        apart = _apart(found)
        set_ticks([low + at * (high - low) for at, _ in apart], [name for _, name in apart])


def _meets(values: AnyArray, levels: AnyArray, letters: str) -> list[tuple[float, str]]:
    """Where lines meet an edge, 0-1 along it, and their names."""
    places = np.linspace(0.0, 1.0, len(values))
    found = []
    for level in levels:
        beyond = np.ma.filled(values, np.nan) - level
        for i in np.flatnonzero(beyond[:-1] * beyond[1:] <= 0):
            share = beyond[i] / (beyond[i] - beyond[i + 1]) if beyond[i] != beyond[i + 1] else 0.0
            at = places[i] + share * (places[i + 1] - places[i])
            found.append((float(at), degrees_label(float(level), letters)))
    return found


def _apart(found: list[tuple[float, str]]) -> list[tuple[float, str]]:
    """Names that do not touch each other, the first come first."""
    kept: list[tuple[float, str]] = []
    for at, name in found:
        if all(abs(at - other) > 0.12 for other, _ in kept):
            kept.append((at, name))
    return kept


def degrees_label(value: float, letters: str) -> str:
    """A longitude or latitude as ``45°W``.

    Parameters
    ----------
    value : float
        Degrees; a longitude may lie beyond 180.
    letters : {"EW", "NS"}
        Of the positive and the negative direction.
    """
    if letters == "EW":
        value = (value + 180.0) % 360.0 - 180.0
    value = round(value, 6)
    letter = letters[0] if value > 0 else letters[1]
    return f"{abs(value):g}°{letter}" if value not in {0, -180} else f"{abs(value):g}°"
