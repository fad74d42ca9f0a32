"""The elevation profile of the demo."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr

from cryodata.errors import MissingDependencyError
from cryodata.types import AnyArray

__all__ = ["draw_profile"]

INK, PALE, ACCENT = "#22313f", "#d5dde3", "#1f77a4"
EARTH_RADIUS = 6371.0
"""Mean radius, km (IUGG)."""


def _along_track(latitude: AnyArray, longitude: AnyArray) -> AnyArray:
    """Distance from the first point along the track, km; (n,) from degrees (n,)."""
    lat, lon = np.radians(latitude), np.radians(longitude)
    half = (
        np.sin(np.diff(lat) / 2) ** 2
        + np.cos(lat[:-1]) * np.cos(lat[1:]) * np.sin(np.diff(lon) / 2) ** 2
    )
    steps = 2 * EARTH_RADIUS * np.arcsin(np.sqrt(np.clip(half, 0.0, 1.0)))
    return np.concatenate([[0.0], np.cumsum(steps)])


def draw_profile(dataset: xr.Dataset, title: str, caption: str, path: Path) -> None:
    """Draw the heights of one beam over the distance along its track as PNG.

    Parameters
    ----------
    dataset : xarray.Dataset
        ``h_li`` in m above the ellipsoid, ``latitude`` and ``longitude`` in degrees, all
        along one dimension.
    title, caption : str
        Heading, and what stands below it before the place.
    path : Path
        File to write.

    Raises
    ------
    MissingDependencyError
        If matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingDependencyError(
            "the picture needs matplotlib", fix='pip install "cryodata-earth[plot]"'
        ) from error
    height = dataset["h_li"].values
    latitude, longitude = dataset["latitude"].values, dataset["longitude"].values
    distance = _along_track(latitude, longitude)
    good = np.isfinite(height)

    figure = Figure(figsize=(10, 4.2), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    floor = float(height[good].min()) - 0.06 * float(np.ptp(height[good]))
    axes.fill_between(distance[good], height[good], floor, color=PALE, linewidth=0)
    axes.plot(distance, np.where(good, height, np.nan), color=ACCENT, linewidth=0.9)
    axes.set_xlim(0.0, float(distance[-1]))
    axes.set_ylim(bottom=floor)
    axes.set_xlabel("distance along the track (km)", color=INK)
    axes.set_ylabel("height above the ellipsoid (m)", color=INK)
    where = (
        f"{latitude[0]:.2f}°, {longitude[0]:.2f}°  to  {latitude[-1]:.2f}°, {longitude[-1]:.2f}°"
    )
    axes.text(0, 1.10, title, transform=axes.transAxes, color=INK, size=13, weight="bold")
    axes.text(0, 1.03, f"{caption}  ·  {where}", transform=axes.transAxes, color=INK, size=9)
    axes.grid(axis="y", color=PALE, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(colors=INK)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    figure.savefig(path)
