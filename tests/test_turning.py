"""Granules in which the spacecraft turns: a beam is strong in some rows and weak in others."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

import cryodata as cd
from cryodata.errors import SelectionError
from cryodata.sandbox.granules import atl06, granule

BEAMS = ("gt1l", "gt1r", "gt3l")
SPOTS = {
    1: {"gt1l": 6, "gt1r": 5, "gt3l": 2},
    0: {"gt1l": 1, "gt1r": 2, "gt3l": 5},
    2: dict.fromkeys(BEAMS, 0),
}
"""Orientation to the spot of each beam, as the data dictionary of ATL03 has it."""
UNCACHED = cd.Options(cache=None)


@pytest.fixture(scope="module")
def turned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forward, then turning, then backward."""
    folder = tmp_path_factory.mktemp("turned")
    return atl06(folder, segments=300, beams=BEAMS, orientation=(1, 2, 0))


@pytest.fixture(scope="module")
def at_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forward, and from some row on backward."""
    folder = tmp_path_factory.mktemp("at_once")
    return atl06(folder, segments=300, beams=BEAMS, orientation=(1, 0))


def spots_by_row(path: Path, beam: str) -> list[int]:
    """The spot of each row of a beam, row by row."""
    found = []
    with h5py.File(path) as file:
        orientations = file["orbit_info/sc_orient"][()].tolist()
        changes = file["orbit_info/sc_orient_time"][()].tolist()
        for time in file[f"{beam}/land_ice_segments/delta_time"][()]:
            now = orientations[0]
            for change, orientation in zip(changes, orientations, strict=True):
                if change <= time:
                    now = orientation
            found.append(SPOTS[now][beam])
    return found


def column(path: Path, beam: str, name: str) -> np.ndarray:
    with h5py.File(path) as file:
        return np.asarray(file[f"{beam}/land_ice_segments/{name}"][()])


@pytest.mark.parametrize("which", ["turned", "at_once"])
def test_each_row_is_under_its_own_spot(which: str, request: pytest.FixtureRequest) -> None:
    """Half the rows would be calibrated as those of the other beam of the pair."""
    path = request.getfixturevalue(which)
    ds = cd.open(path, variables="segment_id", options=UNCACHED)
    spots = np.repeat(ds.spot.values, ds.rowSize.values).tolist()
    beams = np.repeat(ds.beam.values, ds.rowSize.values).tolist()
    expected = [(beam, spot) for beam in BEAMS for spot in spots_by_row(path, beam)]
    assert list(zip(beams, spots, strict=True)) == expected
    ids = np.concatenate([column(path, beam, "segment_id") for beam in BEAMS])
    np.testing.assert_array_equal(ds.segment_id, ids)
    assert ds.strong.values.tolist() == [spot in {1, 3, 5} for spot in ds.spot.values]
    assert len(set(spots)) > 3


def strong_rows(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Segment and latitude of the rows in which their beam is strong."""
    ids, latitudes = [], []
    for beam in BEAMS:
        strong = np.array(spots_by_row(path, beam)) % 2 == 1
        ids.append(column(path, beam, "segment_id")[strong])
        latitudes.append(column(path, beam, "latitude")[strong])
    return np.concatenate(ids), np.concatenate(latitudes)


def test_strong_rows_of_all_beams(at_once: Path, turned: Path) -> None:
    """Weak rows of a beam that was strong before would come along."""
    ids, _ = strong_rows(at_once)
    ds = cd.open(at_once, beams="strong", variables="segment_id", options=UNCACHED)
    np.testing.assert_array_equal(ds.segment_id, ids)
    assert ds.strong.values.all()
    with pytest.raises(SelectionError, match=r"gt1l is strong: the spacecraft was turning") as told:
        cd.open(turned, beams="strong", options=UNCACHED)
    assert len(told.value.__notes__) == 2  # the two other beams
    ds = cd.open(
        turned, beams="strong", variables="segment_id", on_missing="skip", options=UNCACHED
    )
    np.testing.assert_array_equal(ds.segment_id, strong_rows(turned)[0])
    assert [one.beam for one in ds.cryo.skipped] == list(BEAMS)


def test_strong_rows_of_a_region(at_once: Path) -> None:
    """The cut goes through the middle of both parts of a beam."""
    ids, latitude = strong_rows(at_once)
    south, north = np.quantile(latitude, [0.2, 0.8])
    inside = (latitude >= south) & (latitude <= north)
    ds = cd.open(
        at_once,
        beams="strong",
        region=(-180, float(south), 180, float(north)),
        variables="segment_id",
        options=UNCACHED,
    )
    np.testing.assert_array_equal(ds.segment_id, ids[inside])
    assert set(ds.beam.values) == {"gt1l", "gt1r", "gt3l"}


@pytest.mark.parametrize("name, variable", [("ATL09", "surface_height"), ("ATL11", "dem_h")])
def test_pairs_and_profiles_have_no_spot_to_change(
    name: str, variable: str, tmp_path: Path
) -> None:
    """A pair flies on as one track when its beams change sides."""
    path = granule(name, tmp_path, rows=60, orientation=(1, 2, 0))
    ds = cd.open(path, variables=variable, options=UNCACHED)
    assert ds.rowSize.values.tolist() == [60, 60, 60]
    assert set(ds.spot.values) == {0}
    with pytest.raises(SelectionError, match="no beam 'strong'"):
        cd.open(path, beams="strong", options=UNCACHED)


def test_tree_is_as_the_file(turned: Path) -> None:
    """The product's own layout has one group for a beam, however often it turned."""
    tree = cd.open_tree(turned)
    for beam in BEAMS:
        found = tree[f"{beam}/land_ice_segments"].segment_id
        np.testing.assert_array_equal(found, column(turned, beam, "segment_id"))
    assert tree["orbit_info"].sc_orient.values.tolist() == [1, 2, 0]
