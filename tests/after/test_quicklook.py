"""What a quick look draws, and what it reads for it."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from matplotlib.figure import Figure

import cryodata as cd
from cryodata.after import quicklook as module
from cryodata.after.drawing import MOST_NAMES
from cryodata.after.envelope import bins_of_bounds
from cryodata.after.maps import Plane, plane_for
from cryodata.after.quicklook import bins_of
from cryodata.after.rows import track_rows
from cryodata.errors import ConfigurationError, SelectionError, UnknownVariableError
from cryodata.granule import GranuleFile
from cryodata.options import Options
from cryodata.sandbox.granules import atl06
from tests.after.samples import REAL, WAYS, column
from tests.real import real_files


def real_heights() -> dict[Path, str]:
    """Real granules of products whose first variable is no height, and what theirs is called."""
    names = {"ATL07-01_20190226": "height of segment surface", "ATL08_": "h_te_best_fit"}
    return {
        path: names[start]
        for file, path in real_files().items()
        for start in names
        if start in file
    }


def drawn(figure: Figure) -> bytes:
    """The picture as PNG: what cannot be drawn fails only then."""
    file = io.BytesIO()
    figure.savefig(file)
    return file.getvalue()


@pytest.mark.parametrize("way", WAYS)
def test_every_row_is_drawn_where_there_are_few(way: str, granules: list[Path]) -> None:
    """A point under another track's colour shows a cliff that is none."""
    ds = WAYS[way](granules, variables="h_li")
    figure = ds.cryo.quicklook()
    assert drawn(figure).startswith(b"\x89PNG")
    profile = figure.axes[1]
    points = np.concatenate([np.ma.getdata(c.get_offsets()) for c in profile.collections[1::2]])
    several = len(np.unique(ds.cycle.values)) > 1
    names = ds.cycle.values if several else ds.beam.values
    order = np.concatenate(
        [
            np.flatnonzero(np.repeat(names, ds.rowSize.values) == name)
            for name in dict.fromkeys(names.tolist())
        ]
    )
    np.testing.assert_array_equal(points[:, 0], column(granules, "latitude")[order])
    expected = column(granules, "h_li")[order]
    np.testing.assert_array_equal(
        points[:, 1][np.isfinite(expected)], expected[np.isfinite(expected)]
    )
    assert profile.get_xlabel() == "latitude"
    assert profile.get_ylabel() == "Land Ice height (m)"


def test_one_granule_goes_by_time() -> None:
    """Times of a pass are seconds apart: the axis has to show them, and the day."""
    figure = cd.open(REAL).cryo.quicklook()
    drawn(figure)
    names = {axes.get_xlabel() for axes in figure.axes} | {
        axes.get_ylabel() for axes in figure.axes
    }
    assert "time on 2019-11-06 (UTC)" in names
    assert figure.get_suptitle() == "ATL06_20191106230008_06270503_006_01"
    labels = [text.get_text() for text in figure.axes[1].get_xticklabels()]
    assert "23:02:00.00" in labels
    legend = figure.axes[1].get_legend()
    assert legend is not None
    assert [t.get_text() for t in legend.get_texts()] == [f"gt{i}{s}" for i in "123" for s in "lr"]


@pytest.mark.parametrize("count", [2, 15])
def test_cycles_are_told_apart(count: int, tmp_path: Path) -> None:
    """Of two visits in one colour nobody sees which came later."""
    passes = [atl06(tmp_path, segments=300, rgt=50, cycle=c, seed=c) for c in range(3, 3 + count)]
    figure = cd.open(passes).cryo.quicklook()
    profile = figure.axes[1]
    legend = profile.get_legend()
    assert legend is not None
    names = [text.get_text() for text in legend.get_texts()]
    assert names[:2] == (["cycle 3", "cycle 4"] if count == 2 else ["cycle 3", "cycle 5"])
    assert len(names) <= MOST_NAMES
    colours = {tuple(points.get_facecolor()[0]) for points in profile.collections[1::2]}
    assert len(colours) == count


def test_notebooks_show_it(granules: list[Path]) -> None:
    """Also where nobody set up pyplot: of a figure that is none of its, Jupyter shows the text."""
    shown = getattr(cd.open(granules).cryo.quicklook(), "_repr_png_")()  # noqa: B009 - theirs
    assert shown.startswith(b"\x89PNG")


def test_bins_hold_the_extremes_of_their_rows(
    granules: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bin across two tracks would draw a bar from one to the other."""
    monkeypatch.setattr(module, "MOST_BINS", 700)
    ds = cd.open(granules, variables="h_li")
    bins, share = bins_of(track_rows(ds), "h_li", "latitude")
    assert share == 1.0
    heights, latitude = column(granules, "h_li"), column(granules, "latitude")
    size = -(-len(heights) // 700)
    at = 0
    counts = ds.rowSize.values.tolist()
    starts = np.concatenate([[0], np.cumsum(counts)]).tolist()
    for track, count in enumerate(counts):
        for start in range(starts[track], starts[track] + count, size):
            own = heights[start : min(start + size, starts[track] + count)]
            assert bins.track[at] == track
            if np.isfinite(own).any():
                assert (bins.low[at], bins.high[at]) == (np.nanmin(own), np.nanmax(own))
                assert bins.height[at] == pytest.approx(np.nanmean(own))
            else:
                assert np.isnan([bins.low[at], bins.high[at], bins.height[at]]).all()
            assert bins.x[at] == bins.latitude[at]
            assert bins.latitude[at] in latitude[start : start + size]
            at += 1
    assert at == len(bins.x) <= 700 + len(counts)


def test_of_many_rows_runs_are_read(granules: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """A look at a season of photons must not read it all; and says that it did not."""
    asked: list[tuple[str, int]] = []
    read = GranuleFile.aread

    async def noting(self: GranuleFile, wanted: Any) -> Any:
        asked.extend((path, s[0].stop - s[0].start) for path, s in wanted)
        return await read(self, wanted)

    monkeypatch.setattr(module, "MOST_ROWS", 3_000)
    monkeypatch.setattr(module, "RUN", 50)
    ds = cd.open(granules, variables=["h_li", "h_li_sigma"], chunks=50).chunk({"segment": 50})
    rows = track_rows(ds)
    bins, share = bins_of(rows, "h_li", "time")
    assert set(bins.track.tolist()) == set(np.flatnonzero(rows.counts).tolist())
    assert 0.2 < share < 0.3
    assert len(bins.x) == pytest.approx(3_000, rel=0.1)
    position = {value: i for i, value in enumerate(column(granules, "latitude").tolist())}
    at = [position[value] for value in bins.latitude.tolist()]
    np.testing.assert_array_equal(bins.height, column(granules, "h_li")[at])
    figure = ds.cryo.quicklook()
    drawn(figure)
    assert any("% of the rows" in axes.get_title("right") for axes in figure.axes)
    monkeypatch.setattr(GranuleFile, "aread", noting)
    cd.open(granules, variables=["h_li", "h_li_sigma"]).cryo.quicklook()
    assert {path.rsplit("/", 1)[-1] for path, _ in asked} == {"latitude", "longitude", "h_li"}


def test_heights_that_are_not_there(tmp_path: Path) -> None:
    """NaN everywhere, one row, a constant: no warning, no crash."""
    ds = cd.open(REAL, variables="h_li").load()
    for values in (np.full(ds.sizes["segment"], np.nan), np.full(ds.sizes["segment"], 5.0)):
        drawn(ds.assign(h_li=("segment", values)).cryo.quicklook())
    one = cd.open(atl06(tmp_path, segments=1, seed=1, beams=("gt1l",)), variables="h_li")
    drawn(one.cryo.quicklook())
    drawn(one.cryo.quicklook(along="latitude"))


def test_what_is_drawn_can_be_named(granules: list[Path], photon_granule: Path) -> None:
    """A misspelt name must not fall back to heights."""
    ds = cd.open(granules, variables=["h_li", "h_li_sigma"])
    figure = ds.cryo.quicklook("h_li_sigma", along="time")
    drawn(figure)
    assert figure.axes[1].get_ylabel() == f"{ds.h_li_sigma.attrs['long_name']} (m)"
    assert figure.axes[1].get_xlabel() == "time (UTC)"
    with pytest.raises(UnknownVariableError, match="h_li_sigma"):
        ds.cryo.quicklook("h_li_sigm")
    with pytest.raises(ConfigurationError, match="along"):
        ds.cryo.quicklook(along="distance")
    with pytest.raises(SelectionError, match=r"no height(.|\n)*variable="):
        ds.drop_vars("h_li").cryo.quicklook()
    drawn(ds.drop_vars("time").cryo.quicklook())
    photons = cd.open(photon_granule)
    drawn(photons.cryo.quicklook())
    with pytest.raises(SelectionError, match="one number per row"):
        photons.cryo.quicklook("signal_conf_ph")
    drawn(photons.isel(ds_surf_type=3).cryo.quicklook("signal_conf_ph"))
    for path, name in real_heights().items():
        figure = cd.open(path, on_missing="skip").cryo.quicklook()
        assert figure.axes[1].get_ylabel().startswith(name)


def test_planes_suit_their_places() -> None:
    """Greenland on a plate carree is wider than it is; a track at the dateline is torn."""
    lon = np.array([-50.0, -20.0, np.nan])
    assert plane_for(lon, np.array([70.0, 80.0, 0.0])).pole == 1
    assert plane_for(lon, np.array([-70.0, -80.0, 0.0])).pole == -1
    assert plane_for(lon, np.array([-70.0, 80.0, 0.0])).pole == 0
    dateline = plane_for(np.array([179.0, -179.0]), np.array([1.0, 2.0]))
    x, _ = dateline.flat(np.array([179.0, -179.0]), np.array([1.0, 2.0]))
    assert abs(x[1] - x[0]) == pytest.approx(2.0)


@pytest.mark.parametrize("pole", [1, -1])
def test_polar_plane_is_that_of_a_sphere(pole: int) -> None:
    """Mirrored maps look right until one knows the coast."""
    import pyproj

    down = "+lat_0=90 +lon_0=-45" if pole == 1 else "+lat_0=-90 +lon_0=0"
    sphere = pyproj.Proj(f"+proj=stere {down} +k_0=1 +R=6371000")
    longitude, latitude = np.meshgrid(np.arange(-180.0, 180, 17), pole * np.arange(50.0, 89, 7))
    x, y = Plane(pole, 0.0).flat(longitude, latitude)
    expected = np.array(sphere(longitude, latitude)) / 1000
    np.testing.assert_allclose([x, y], expected, atol=1e-6)
    back = Plane(pole, 0.0).globe(x, y)
    np.testing.assert_allclose(back, [longitude, latitude], atol=1e-9)


def test_pole_in_sight(tmp_path: Path) -> None:
    """All meridians meet there."""
    path = atl06(tmp_path, segments=60_000, region=4, beams=("gt1l",))
    drawn(cd.open(path, variables="h_li").cryo.quicklook())
    south = cd.open(path, variables="h_li", chunks={})
    flipped = south.assign_coords(latitude=-south.latitude)
    assert isinstance(flipped, xr.Dataset)
    drawn(flipped.cryo.quicklook())


def test_bounds_are_drawn_without_a_read(granules: list[Path], tmp_path: Path) -> None:
    """A first look at a hundred granules must not cost a hundred granules."""
    options = Options(cache=tmp_path)
    fresh = cd.open(granules, variables="h_li", options=options)
    with pytest.raises(SelectionError, match="Nothing is known yet"):
        fresh.cryo.quicklook(read=False)
    fresh.cryo.load()
    for file in fresh.encoding["cryodata"].files:
        file.flush()
    again = cd.open(granules, variables="h_li", options=options)
    before = again.cryo.receipt
    bins = bins_of_bounds(track_rows(again), "h_li", "latitude")
    figure = again.cryo.quicklook(read=False)
    assert again.cryo.receipt == before
    assert drawn(figure).startswith(b"\x89PNG")
    heights, latitude = column(granules, "h_li"), column(granules, "latitude")
    assert len(bins.track) == np.count_nonzero(again.rowSize)  # a chunk a track
    assert bins.low.min() == np.nanmin(heights)
    assert bins.high.max() == np.nanmax(heights)
    assert latitude.min() < bins.latitude.min() <= bins.latitude.max() < latitude.max()
    timed = cd.open(granules[0], variables="h_li", options=options)
    assert drawn(timed.cryo.quicklook(read=False)).startswith(b"\x89PNG")
