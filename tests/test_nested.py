"""Variables of segments on photons, against a plain loop over the segments."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import cryodata as cd
from cryodata.errors import SelectionError, UnknownVariableError
from cryodata.options import Options
from cryodata.sandbox.granules import atl03, atl06
from cryodata.types import AnyArray
from tests.real import real_files
from tests.rechunked import rechunked

NAMES = ["solar_elevation", "segment_id", "geophys_corr/geoid"]


def by_loop(paths: list[Path], variable: str) -> AnyArray:
    """Each photon gets the value of the segment that counts it: the definition, as a loop."""
    values: list[float] = []
    for path in paths:
        with h5py.File(path) as file:
            for beam in ("gt1l", "gt1r", "gt2l", "gt2r", "gt3l", "gt3r"):
                if beam not in file or "heights" not in file[beam]:
                    continue
                dataset = file[beam][variable]
                fill = np.ravel(dataset.attrs.get("_FillValue", [np.nan]))[0]
                stored = dataset[()]
                counts = file[f"{beam}/geolocation/segment_ph_cnt"][()]
                first = 0
                for segment, count in enumerate(counts.tolist()):
                    value = float("nan") if stored[segment] == fill else float(stored[segment])
                    values += [value] * count
                    first += count
                assert first == len(file[f"{beam}/heights/h_ph"])
    return np.array(values)


def column(paths: list[Path], variable: str) -> AnyArray:
    found = []
    for path in paths:
        with h5py.File(path) as file:
            found += [
                file[f"{beam}/{variable}"][()]
                for beam in ("gt1l", "gt1r", "gt2l", "gt2r", "gt3l", "gt3r")
                if f"{beam}/{variable}" in file
            ]
    return np.concatenate(found)


@pytest.fixture(scope="module")
def granules(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two granules of three beams, some segments without photons, chunks of 50 segments."""
    made = tmp_path_factory.mktemp("made")
    small = tmp_path_factory.mktemp("small")
    paths = [
        atl03(made, photons=20_000, seed=1, rgt=50, cycle=4, beams=("gt1l", "gt1r")),
        atl03(made, photons=9_000, seed=2, rgt=51, cycle=4, beams=("gt2r",)),
    ]
    return [rechunked(path, small, 50, "geolocation", "geophys_corr") for path in paths]


@pytest.fixture(scope="module")
def expected(granules: list[Path]) -> dict[str, AnyArray]:
    names = {"solar_elevation": "geolocation/solar_elevation"}
    names |= {"segment_id": "geolocation/segment_id", "geoid": "geophys_corr/geoid"}
    return {name: by_loop(granules, path) for name, path in names.items()}


@pytest.mark.parametrize("chunks", [None, 700])
def test_segments_on_photons_equal_a_plain_loop(
    granules: list[Path], expected: dict[str, AnyArray], chunks: Any
) -> None:
    """A photon with the geoid of the next segment is off by more than its own error."""
    ds = cd.open(granules, variables="h_ph", with_segments=NAMES, chunks=chunks)
    assert ds.geoid.dims == ("photon",)
    assert ds.geoid.attrs["hdf5_path"] == "geophys_corr/geoid"
    assert ds.segment_id.dtype.kind == "i"
    for name, values in expected.items():
        np.testing.assert_array_equal(ds[name].values.astype("f8"), values)
    copy = pickle.loads(pickle.dumps(ds))
    xr.testing.assert_identical(copy.load(), ds.load())


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_any_rows_get_their_own_segments(
    granules: list[Path], expected: dict[str, AnyArray], data: st.DataObject
) -> None:
    """Rows that are picked after opening, in any way xarray knows."""
    ds = cd.open(granules, variables="h_ph", with_segments=NAMES)
    count = ds.sizes["photon"]
    rows: Any = data.draw(
        st.one_of(
            st.integers(0, count - 1),
            st.slices(count),
            st.lists(st.integers(0, count - 1), max_size=20).map(lambda x: np.array(x, int)),
        )
    )
    picked = ds.isel(photon=rows)
    for name, values in expected.items():
        np.testing.assert_array_equal(picked[name].values.astype("f8"), values[rows])


def test_cut_photons_keep_their_segments(
    granules: list[Path], expected: dict[str, AnyArray]
) -> None:
    """A cut begins in the middle of a segment; and conditions may be on segments."""
    latitude = column(granules, "heights/lat_ph")
    south, north = np.quantile(latitude, [0.3, 0.6])
    median = float(np.float32(np.nanmedian(expected["solar_elevation"])))
    ds = cd.open(
        granules,
        region=(-180, float(south), 180, float(north)),
        where=f"solar_elevation < {median!r} and quality_ph == 'nominal'",
        variables="h_ph",
        with_segments=NAMES,
        options=Options(cache=None),
    )
    inside = (latitude >= south) & (latitude <= north)
    inside &= (expected["solar_elevation"] < median) & (column(granules, "heights/quality_ph") == 0)
    assert 0 < inside.sum() < len(inside)
    np.testing.assert_array_equal(ds.h_ph, column(granules, "heights/h_ph")[inside])
    for name, values in expected.items():
        np.testing.assert_array_equal(ds[name].values.astype("f8"), values[inside])
    without = cd.open(granules, where=f"solar_elevation < {median!r}", variables="h_ph")
    assert "solar_elevation" not in without
    kept = expected["solar_elevation"] < median
    np.testing.assert_array_equal(without.h_ph, column(granules, "heights/h_ph")[kept])


def test_segments_of_a_real_subset() -> None:
    """A subsetter renumbered the photons; the counts still say whose they are."""
    path = next(path for path in real_files().values() if "gt1l_bbox_subset" in path.name)
    ds = cd.open(path, variables="h_ph", with_segments=["segment_id", "ref_elev"])
    for name in ("segment_id", "ref_elev"):
        expected = by_loop([path], f"geolocation/{name}")
        np.testing.assert_array_equal(ds[name].values.astype("f8"), expected)


def test_counts_that_do_not_add_up_are_refused(granules: list[Path], tmp_path: Path) -> None:
    """Segments of photons that a subsetter lost would slide onto other photons."""
    path = tmp_path / granules[1].name
    path.write_bytes(granules[1].read_bytes())
    with h5py.File(path, "a") as file:
        file["gt2r/geolocation/segment_ph_cnt"][3] += 1
    with pytest.raises(SelectionError, match="by its"):
        cd.open(path, variables="h_ph", with_segments="geoid")
    cd.open(path, variables="h_ph")  # whoever does not need them is not stopped


def test_segments_that_are_not_there(granules: list[Path], tmp_path: Path) -> None:
    """The answer names what there is; products without segments say so."""
    with pytest.raises(UnknownVariableError, match="solar_elevation"):
        cd.open(granules, with_segments="solar_elevatoin")
    path = atl06(tmp_path, segments=20, beams=("gt1l",))
    with pytest.raises(SelectionError, match="not part of coarser"):
        cd.open(path, with_segments="geoid")
