"""ATL03 and ATL08 of one pass fit together: the photons that were classified are there."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray

from cryodata import products
from cryodata.sandbox.granules import atl03, atl08
from tests.real import SHARED

REAL = "icesat2/ATL{}_20220401221822_006.ICESat2VegR_clip_gt1r.h5"
pytestmark = pytest.mark.skipif(products.find("ATL08") is None, reason="no table of ATL08")


def photon_rows(atl03_beam: h5py.Group, atl08_beam: h5py.Group) -> NDArray[np.int64]:
    """Row in ``heights`` of each photon of ``signal_photons``, by the definition.

    A photon is found by its segment's number and its place, from 1, among the photons of
    that segment. -1 where the segment is not in the file. Subsets of ATL03 may keep the
    indexes of the whole granule, so they are taken from the first one on.
    """
    segments = atl03_beam["geolocation/segment_id"][()].tolist()
    first = atl03_beam["geolocation/ph_index_beg"][()].tolist()
    begins = min(index for index in first if index > 0)
    of_segment = dict(zip(segments, first, strict=True))
    rows = []
    for segment, place in zip(
        atl08_beam["signal_photons/ph_segment_id"][()].tolist(),
        atl08_beam["signal_photons/classed_pc_indx"][()].tolist(),
        strict=True,
    ):
        there = of_segment.get(segment, 0) > 0
        rows.append(of_segment[segment] - begins + place - 1 if there else -1)
    return np.array(rows)


def test_real_pair_joins_by_this_definition() -> None:
    """The synthetic pair would fit together in a way that real ones do not."""
    if not (SHARED / REAL.format("03")).exists():
        pytest.skip("no real pair beside the project")
    with h5py.File(SHARED / REAL.format("03")) as a, h5py.File(SHARED / REAL.format("08")) as b:
        rows = photon_rows(a["gt1r"], b["gt1r"])
        found = rows >= 0
        assert found.mean() > 0.9
        theirs = a["gt1r/heights/delta_time"][()][rows[found]]
        ours = b["gt1r/signal_photons/delta_time"][()][found]
        assert np.abs(theirs - ours).max() < 3e-4  # the two files are of different versions


@pytest.mark.parametrize("revision, release, orientation", [(1, "006", 1), (2, "007", 0)])
def test_classified_photons_are_photons(
    revision: int, release: str, orientation: int, tmp_path: Path
) -> None:
    """A join by segment and place would be tested on photons that do not exist."""
    beams = ("gt1l", "gt1r")
    theirs = atl03(
        tmp_path,
        photons=60_000,
        seed=4,
        revision=revision,
        release=release,
        orientation=orientation,
        beams=beams,
    )
    ours = atl08(
        tmp_path,
        photons=60_000,
        seed=4,
        atl03_revision=revision,
        orientation=orientation,
        beams=beams,
    )
    assert theirs.name[5:29] == ours.name[5:29]  # one start, track, cycle and region
    with h5py.File(theirs) as a, h5py.File(ours) as b:
        for beam in beams:
            rows = photon_rows(a[beam], b[beam])
            heights, signal = a[beam]["heights"], b[beam]["signal_photons"]
            assert (np.diff(rows) > 0).all()  # each once, in the order of the photons
            assert 0.3 < len(rows) / len(heights["h_ph"]) < 0.95
            assert (heights["delta_time"][()][rows] == signal["delta_time"][()]).all()
            segment = np.repeat(
                a[beam]["geolocation/segment_id"][()], a[beam]["geolocation/segment_ph_cnt"][()]
            )
            assert (segment[rows] == signal["ph_segment_id"][()]).all()
            classes = signal["classed_pc_flag"][()]
            assert set(np.unique(classes)) == {0, 1, 2, 3}
            confidence = heights["signal_conf_ph"][:, 0][rows]
            assert (confidence[classes == 1] >= 2).all()
            assert (signal["ph_h"][()][classes == 3] >= 20).all()
            assert np.abs(signal["ph_h"][()][classes == 1]).max() < 2


def test_land_segments_count_their_photons(tmp_path: Path) -> None:
    """Counts per land segment would contradict the photons they count."""
    with h5py.File(atl08(tmp_path, photons=60_000, beams=("gt2r",))) as file:
        land, signal = file["gt2r/land_segments"], file["gt2r/signal_photons"]
        first, count = land["ph_ndx_beg"][()], land["n_seg_ph"][()]
        assert count.sum() == len(signal["delta_time"])
        assert (first == 1 + np.cumsum(count) - count).all()
        begin, end = land["segment_id_beg"][()], land["segment_id_end"][()]
        assert (end - begin == 4)[:-1].all()
        assert (np.diff(begin) >= 5).all()
        number, classes = signal["ph_segment_id"][()], signal["classed_pc_flag"][()]
        for name, kind in (
            ("terrain/n_te_photons", 1),
            ("canopy/n_ca_photons", 2),
            ("canopy/n_toc_photons", 3),
        ):
            by_loop = [
                int(((number >= b) & (number <= e) & (classes == kind)).sum())
                for b, e in zip(begin, end, strict=True)
            ]
            assert land[name][()].tolist() == by_loop
        time = signal["delta_time"][()]
        assert (land["delta_time_beg"][()] == time[first - 1]).all()
        assert (land["delta_time_end"][()] == time[first + count - 2]).all()


def test_photons_do_not_depend_on_the_layout(tmp_path: Path) -> None:
    """Chunks of two sizes would tell different stories of the same photons."""
    original = atl03(tmp_path, photons=120_000, beams=("gt2r",))
    paged = atl03(tmp_path, photons=120_000, beams=("gt2r",), release="007")
    with h5py.File(original) as a, h5py.File(paged) as b:
        for name, dataset in a["gt2r/heights"].items():
            assert (dataset[()] == b["gt2r/heights"][name][()]).all(), name
        confidence = b["gt2r/heights/signal_conf_ph"][:, 0]
        assert (confidence == b["gt2r/heights/signal_class_ph"][()]).all()
        assert (np.diff(a["gt2r/heights/delta_time"]) >= 0).all()
