"""Maps that move: every row and every outline is on them, where h5py says it is."""

from __future__ import annotations

import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

import cryodata as cd
from cryodata.after.explore import GREY, colours
from cryodata.earthdata.granule import Granule
from cryodata.errors import MissingDependencyError, SelectionError
from cryodata.sandbox.granules import atl06

BEAMS = ("gt1l", "gt3r")


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return atl06(tmp_path_factory.mktemp("explore"), segments=200)


@pytest.mark.filterwarnings("ignore:.*keyword in DataFrame.convert_dtypes")  # by lonboard
def test_each_row_is_a_point(path: Path) -> None:
    """At its place, in single precision, with its height."""
    shown = cd.open(path, beams=list(BEAMS)).cryo.explore()
    (layer,) = shown.layers
    places = np.concatenate([np.asarray(c) for c in layer.table["geometry"].to_pylist()])
    with h5py.File(path) as file:
        groups = [file[f"{beam}/land_ice_segments"] for beam in BEAMS]
        expected = np.concatenate(
            [np.column_stack([g["longitude"][:], g["latitude"][:]]) for g in groups]
        )
    assert layer.table.num_rows == len(expected)
    np.testing.assert_array_equal(places.reshape(-1, 2), expected)


def test_colours_follow_the_values() -> None:
    """Dark to bright; outliers take the ends, and what is no number is grey."""
    values = np.array([np.nan, *np.linspace(0.0, 100.0, 101), 1e9])
    found = colours(values).astype(int)
    assert tuple(found[0]) == GREY
    brightness = found[1:, :3] @ [299, 587, 114]
    assert (np.diff(brightness) >= 0).all()
    assert brightness[-1] > 3 * brightness[0]
    assert colours(np.full(3, np.nan)).tolist() == [list(GREY)] * 3


def test_what_is_no_number_is_refused(path: Path) -> None:
    with pytest.raises(SelectionError):
        cd.open(path, variables="all").cryo.explore("time")


def test_outlines_have_names() -> None:
    """Those that have one."""
    ring = ((-50.0, 69.0), (-49.0, 69.0), (-49.0, 70.0), (-50.0, 69.0))
    granules = cd.Granules((Granule(name="first.h5", footprint=(ring,)), Granule(name="none.h5")))
    page = granules.explore()._repr_html_()
    assert "first.h5" in page
    assert "none.h5" not in page


@pytest.mark.parametrize("package", ["lonboard", "folium"])
def test_what_is_missing_is_named(
    package: str, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.setattr("cryodata.earthdata.granules.sequence.find_spec", lambda _: None)
    with pytest.raises(MissingDependencyError, match="explore"):
        if package == "lonboard":
            cd.open(path).cryo.explore()
        else:
            cd.Granules((Granule(name="x"),)).explore()
