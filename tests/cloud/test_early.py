"""What is fetched before it is known to be needed: rounds that it saves, and what it may cost."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr

import cryodata as cd
from cryodata import find
from cryodata.granule import GranuleFile, structure
from cryodata.granule.fetching import Fetching
from cryodata.options import Network, Options
from cryodata.sandbox import Sky
from cryodata.sandbox.granules import atl03
from cryodata.types import Block, ByteRange, Source
from tests.cloud.conftest import Open

NAMES = ("segment_ph_cnt", "reference_photon_lat", "reference_photon_lon")
SEGMENTS = [f"/gt1r/geolocation/{name}" for name in NAMES]
EVERYTHING = [*SEGMENTS, "/gt1r/heights/h_ph", "/gt1r/heights/lat_ph"]
STEADY = Network(adapt=False, hedge=60)
"""No request is sent twice, however slow this machine is."""


@pytest.fixture(scope="module")
def deep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A granule whose photons' chunks are found a round later than those of its segments."""
    folder = tmp_path_factory.mktemp("deep")
    return atl03(folder, photons=1_000_000, seed=1, beams=("gt1l", "gt1r"))


@pytest.fixture(scope="module")
def paged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A granule laid out as release 007, whose structure takes more than a megabyte."""
    folder = tmp_path_factory.mktemp("paged")
    return atl03(folder, photons=300_000, seed=1, release="007")


def check_segments(granule: GranuleFile, path: Path) -> None:
    """The values of the segments are those that h5py reads."""
    values = granule.read([(name, None) for name in SEGMENTS])
    with h5py.File(path) as file:
        for name, found in zip(SEGMENTS, values, strict=True):
            np.testing.assert_array_equal(found, file[name][()])


def middle(sky: Sky, urls: str | list[str], path: Path) -> xr.Dataset:
    """Photons of the middle tenth of a beam, of granules that nothing is known of."""
    with h5py.File(path) as file:
        south, north = np.quantile(file["gt1r/heights/lat_ph"][()], [0.45, 0.55])
    return cd.open(
        urls,
        region=(-180, float(south), 180, float(north)),
        beams="gt1r",
        variables="h_ph",
        storage_options=sky.storage_options,
        options=Options(cache=None, network=STEADY),
    ).load()


def check_middle(ds: xr.Dataset, path: Path) -> None:
    """`middle` of one granule is what h5py and numpy find."""
    with h5py.File(path) as file:
        latitude, height = (file[f"gt1r/heights/{name}"][()] for name in ("lat_ph", "h_ph"))
    south, north = np.quantile(latitude, [0.45, 0.55])
    inside = (latitude >= south) & (latitude <= north)
    assert inside.any()
    np.testing.assert_array_equal(ds.h_ph, height[inside])


def test_values_come_with_the_last_of_the_structure(
    sky: Sky, open_url: Open, deep: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The place of photons is bounded by segments: a round to read these would be lost."""
    url = sky.put(deep)
    rounds = {}
    for most in (structure.EARLY, 0, 1_000):  # 1,000 bytes are too few for them
        monkeypatch.setattr(structure, "EARLY", most)
        with open_url(url, network=STEADY) as granule:
            granule.walk(EVERYTHING, dims=False, early=SEGMENTS)
            check_segments(granule, deep)
            rounds[most] = granule.receipt.rounds
    early, never, capped = rounds.values()
    assert early == never - 1 == capped - 1


def test_early_values_are_not_held_for_ever(sky: Sky, open_url: Open, deep: Path) -> None:
    """Segments of many granules would fill the memory."""
    url = sky.put(deep)
    with open_url(url, network=STEADY) as granule:
        granule.walk(EVERYTHING, dims=False, early=SEGMENTS)
        walked = granule.receipt
        check_segments(granule, deep)
        assert granule.receipt == walked  # they were there
        check_segments(granule, deep)
        assert granule.receipt.rounds == walked.rounds + 1


def test_early_values_that_arrive_damaged_are_fetched_again(
    sky: Sky, open_url: Open, deep: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What came with the structure would be believed without the second look of other values."""
    with h5py.File(deep) as file:
        dataset = file[SEGMENTS[0]].id
        chunks = [dataset.get_chunk_info(i) for i in range(dataset.get_num_chunks())]
    fetch = Fetching.fetch
    damaged: list[int] = []

    async def damaging(self: Fetching, ranges: Sequence[ByteRange], source: Source) -> list[Block]:
        blocks = await fetch(self, ranges, source)
        for number, block in enumerate(blocks):
            inside = [c for c in chunks if block.start <= c.byte_offset < block.stop - c.size]
            if inside and not damaged:
                data = bytearray(block.data)
                at = inside[0].byte_offset - block.start
                data[at : at + inside[0].size] = bytes(inside[0].size)
                blocks[number] = Block(block.start, memoryview(data), block.size, block.etag)
                damaged.append(at)
        return blocks

    monkeypatch.setattr(Fetching, "fetch", damaging)
    url = sky.put(deep)
    with open_url(url, network=STEADY) as granule:
        granule.walk(EVERYTHING, dims=False, early=SEGMENTS)
        assert damaged
        check_segments(granule, deep)


def test_a_cut_is_a_round_shorter(sky: Sky, deep: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The user of a region would not have what a walk can do."""
    url = sky.put(deep)
    early = middle(sky, url, deep)
    check_middle(early, deep)
    monkeypatch.setattr(structure, "EARLY", 0)
    late = middle(sky, url, deep)
    xr.testing.assert_identical(early, late)
    assert early.cryo.receipt.rounds == late.cryo.receipt.rounds - 1


def test_of_many_granules_nothing_is_fetched_twice(
    sky: Sky, deep: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that let go of what walking brought would let go of values they are about to read."""
    name = deep.name
    urls = [sky.put(deep, name.replace("_0667", f"_{rgt:04d}")) for rgt in (667, 668)]
    monkeypatch.setattr(find, "FEW", 1)
    many = middle(sky, urls, deep)
    monkeypatch.setattr(structure, "EARLY", 0)
    late = middle(sky, urls, deep)
    xr.testing.assert_identical(many, late)
    assert many.cryo.receipt.nbytes == late.cryo.receipt.nbytes


def test_the_pages_of_the_structure_come_at_once(
    sky: Sky, paged: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of release 007 it is known where the structure is: both ends would be a round too much."""
    url = sky.put(paged)
    at_once = middle(sky, url, paged)
    check_middle(at_once, paged)
    assert at_once.cryo.receipt.rounds == 3  # structure, segments, photons
    monkeypatch.setattr(structure, "kept_in_pages", lambda name: False)
    step_by_step = middle(sky, url, paged)
    xr.testing.assert_identical(at_once, step_by_step)
    assert step_by_step.cryo.receipt.rounds == 4


def test_a_name_that_promises_pages_may_be_wrong(sky: Sky, deep: Path, tmp_path: Path) -> None:
    """What is expected by a name is a bet: losing it costs requests, never a value."""
    short = atl03(tmp_path, photons=30_000, seed=1, beams=("gt1l", "gt1r"))
    assert short.stat().st_size < 3_000_000  # some pages would begin beyond its end
    for path in (short, deep):
        url = sky.put(path, path.name.replace("_006_", "_007_"))
        check_middle(middle(sky, url, path), path)
