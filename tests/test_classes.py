"""Classes of ATL08 on the photons of ATL03, against a plain loop over the definition."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import cryodata as cd
from cryodata.errors import FormatError, NothingFoundError, SelectionError
from cryodata.options import Options
from cryodata.rowwise.classify import rows_of_segments
from cryodata.sandbox.granules import atl03, atl06, atl08
from cryodata.types import AnyArray
from tests.real import SHARED, real_files

BEAMS = ("gt1l", "gt1r", "gt2l", "gt2r", "gt3l", "gt3r")
PASS: dict[str, Any] = {"photons": 8_000, "seed": 1, "rgt": 50, "cycle": 4}


def by_loop(photons: list[Path], land: list[Path]) -> AnyArray:
    """Photon = first photon of the segment of that number, plus index, minus 1."""
    found: list[AnyArray] = []
    for path, said in zip(photons, land, strict=True):
        with h5py.File(path) as file, h5py.File(said) as classes:
            for beam in (beam for beam in BEAMS if beam in file):
                if "heights" not in file[beam]:
                    continue
                own = np.full(len(file[f"{beam}/heights/h_ph"]), -1, int)
                if f"{beam}/signal_photons" in classes:
                    signal = classes[f"{beam}/signal_photons"]
                    segments = file[f"{beam}/geolocation"]
                    first, begin = {}, 0
                    for number, count in zip(
                        segments["segment_id"][()].tolist(),
                        segments["segment_ph_cnt"][()].tolist(),
                        strict=True,
                    ):
                        first[number] = begin
                        begin += count
                    for segment, index, flag in zip(
                        signal["ph_segment_id"][()].tolist(),
                        signal["classed_pc_indx"][()].tolist(),
                        signal["classed_pc_flag"][()].tolist(),
                        strict=True,
                    ):
                        if segment in first:
                            own[first[segment] + index - 1] = flag
                found.append(own)
    return np.concatenate(found)


def column(paths: list[Path], variable: str) -> AnyArray:
    found = []
    for path in paths:
        with h5py.File(path) as file:
            found += [file[f"{b}/{variable}"][()] for b in BEAMS if f"{b}/{variable}" in file]
    return np.concatenate(found)


@pytest.fixture(scope="module")
def passes(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Path], list[Path]]:
    """Two passes, in one folder with their ATL08; one of which lacks a beam."""
    made, together = tmp_path_factory.mktemp("made"), tmp_path_factory.mktemp("together")
    beams = ("gt1l", "gt1r", "gt3l")
    photons = [
        atl03(made, **PASS, beams=beams),
        atl03(made, photons=5_000, seed=2, rgt=51, cycle=4, beams=beams[:2]),
    ]
    land = [
        atl08(made, **PASS, beams=beams[:2]),
        atl08(made, photons=5_000, seed=2, rgt=51, cycle=4, beams=beams[:2]),
    ]
    for path in (*photons, *land):
        shutil.copy(path, together / path.name)
    return [together / p.name for p in photons], [together / p.name for p in land]


def test_classes_equal_a_plain_loop(passes: tuple[list[Path], list[Path]]) -> None:
    """A photon under its neighbour's class puts trees into the ground."""
    photons, land = passes
    expected = by_loop(photons, land)
    assert {0, 1, 2, 3} <= set(expected.tolist())
    assert (expected == -1).any()
    ds = cd.open(photons, variables="h_ph", classify="ATL08")
    np.testing.assert_array_equal(ds.classed_pc_flag, expected)
    np.testing.assert_array_equal(ds.h_ph, column(photons, "heights/h_ph"))
    assert ds.classed_pc_flag.dtype == np.int8
    words = dict(
        zip(
            ds.classed_pc_flag.attrs["flag_meanings"].split(),
            ds.classed_pc_flag.attrs["flag_values"].tolist(),
            strict=True,
        )
    )
    assert words["ground"] == 1
    assert words["not_classified"] == -1
    given_ones = cd.open(photons, variables="h_ph", classify=land[::-1])
    np.testing.assert_array_equal(given_ones.classed_pc_flag, expected)
    chunked = cd.open(photons, variables="h_ph", classify="ATL08", chunks=1000)
    np.testing.assert_array_equal(chunked.classed_pc_flag, expected)


def test_conditions_on_classes(passes: tuple[list[Path], list[Path]]) -> None:
    """The ground below the trees of a region: what people come for."""
    photons, land = passes
    expected, latitude = by_loop(photons, land), column(photons, "heights/lat_ph")
    south, north = np.quantile(latitude, [0.2, 0.7])
    ds = cd.open(
        photons,
        variables="h_ph",
        region=(-180, float(south), 180, float(north)),
        classify="ATL08",
        where="classed_pc_flag == 'ground' or classed_pc_flag == 'top_of_canopy'",
        options=Options(cache=None),
    )
    inside = (latitude >= south) & (latitude <= north) & np.isin(expected, [1, 3])
    assert 0 < inside.sum() < len(inside)
    np.testing.assert_array_equal(ds.h_ph, column(photons, "heights/h_ph")[inside])
    np.testing.assert_array_equal(ds.classed_pc_flag, expected[inside])


def test_a_plan_counts_what_classifies(passes: tuple[list[Path], list[Path]]) -> None:
    """Classes cost bytes, too; and a plan reads none of them."""
    photons, _ = passes
    options = Options(cache=None)
    region = (-180, -90, 180, 90)
    plain = cd.plan(photons, variables="h_ph", region=region, options=options)
    plan = cd.plan(photons, variables="h_ph", region=region, classify="ATL08", options=options)
    assert plan.decide.nbytes > plain.decide.nbytes
    assert plan.load.nbytes == plain.load.nbytes


@pytest.mark.skipif(not SHARED.is_dir(), reason="the two clips of one overpass are not here")
def test_classes_of_a_real_overpass(tmp_path: Path) -> None:
    """An R package's clips: attributes as arrays, no scales, two compressions."""
    paths = [p for n, p in real_files().items() if n.startswith("ATL0") and "clip_gt1r" in n]
    photons, land = sorted(paths)
    expected = by_loop([photons], [land])
    assert (expected >= 0).sum() > 1000
    with pytest.raises(SelectionError, match="by their names"):
        cd.open(photons, variables="h_ph", classify="ATL08")  # the clips' names lost the pass
    named = tmp_path / "ATL03_20220401221822_01571506_006_01.h5"
    shutil.copy(photons, named)
    shutil.copy(land, tmp_path / named.name.replace("ATL03", "ATL08"))
    with pytest.warns(UserWarning, match="do not fit the counts"):
        ds = cd.open(named, variables="h_ph", classify="ATL08")
    np.testing.assert_array_equal(ds.classed_pc_flag, expected)


@given(st.data())
def test_rows_of_segments(data: st.DataObject) -> None:
    """Any numbers of photons, segments missing, in any order."""
    counts = data.draw(st.lists(st.integers(0, 4), min_size=1, max_size=12))
    identity = np.array(sorted(data.draw(st.sets(st.integers(0, 40), min_size=12))))[: len(counts)]
    firsts = np.cumsum([0, *counts])[:-1]
    named = [
        (int(segment), index, int(first) + index)
        for segment, count, first in zip(identity, counts, firsts, strict=True)
        for index in range(count)
    ]
    chosen = data.draw(st.lists(st.sampled_from(named), unique=True)) if named else []
    chosen += [(99, 0, -1)]
    rows, there = rows_of_segments(
        np.array([c[0] for c in chosen]),
        np.array([c[1] + 1 for c in chosen]),
        identity=identity,
        count=np.array(counts),
        start=1,
    )
    assert there.tolist() == [c[0] != 99 for c in chosen]
    assert rows.tolist() == [c[2] for c in chosen if c[0] != 99]


def test_classes_of_other_photons_are_refused(
    passes: tuple[list[Path], list[Path]], tmp_path: Path
) -> None:
    """Another version of ATL03 has other photons: a class more or less proves it."""
    photons, land = passes
    for path in (photons[1], land[1]):
        shutil.copy(path, tmp_path / path.name)
    with h5py.File(tmp_path / land[1].name, "a") as file:
        file["gt1l/signal_photons/classed_pc_indx"][0] = 10_000
    with pytest.raises(FormatError, match="other photons"):
        cd.open(tmp_path / photons[1].name, variables="h_ph", classify="ATL08")


def test_partners_that_are_not_there(passes: tuple[list[Path], list[Path]], tmp_path: Path) -> None:
    """Photons without classes must not pass for photons that are noise."""
    photons, land = passes
    alone = tmp_path / photons[0].name
    shutil.copy(photons[0], alone)
    with pytest.raises(NothingFoundError, match="1 of 1 granules have no ATL08"):
        cd.open(alone, classify="ATL08")
    with pytest.raises(NothingFoundError, match="1 of 1 granules"):
        cd.open(alone, classify=[land[1]])
    with pytest.raises(SelectionError, match="classifies no rows"):
        cd.open(alone, classify="ATL06")
    with pytest.raises(SelectionError, match="classifies photons of ATL03"):
        cd.open(atl06(tmp_path, segments=20, beams=("gt1l",)), classify="ATL08")
    with pytest.raises(SelectionError, match="no product that classifies"):
        cd.open(alone, classify="trees")


def test_by_references(passes: tuple[list[Path], list[Path]], tmp_path: Path) -> None:
    """Photons and what classifies them, each from references."""
    photons, classes = (
        cd.references.build(files, tmp_path / name)
        for files, name in zip(passes, ("ATL03", "ATL08"), strict=True)
    )
    asked: dict[str, Any] = {"variables": ["h_ph"], "beams": "gt1l"}
    with (
        cd.open(photons, classify=classes, **asked) as ours,
        cd.open(passes[0], classify=passes[1], **asked) as plain,
    ):
        assert sorted(ours["classed_pc_flag"].values) == sorted(plain["classed_pc_flag"].values)
        assert (plain["classed_pc_flag"].values >= 0).any()
