"""``cryodata.bench.compare``: the same arrays, several ways, on a user's own files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest

import cryodata
from cryodata.bench.comparing import compare_readers
from cryodata.bench.comparison import Comparison, Reading
from cryodata.bench.digests import difference, digest
from cryodata.bench.job import Job
from cryodata.errors import ConfigurationError, UnknownVariableError
from cryodata.sandbox import Sky, cloud
from cryodata.sandbox.granules import atl06

GROUP = "gt1l/land_ice_segments"


@pytest.fixture(scope="module")
def granule(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return atl06(tmp_path_factory.mktemp("granules"), segments=3_000, seed=1)


@pytest.fixture(scope="module")
def sky(granule: Path) -> Iterator[Sky]:
    with cloud("none", server="static") as made:
        made.put(granule)
        yield made


def test_cloud_costs_are_those_of_the_wire_and_all_agree(
    granule: Path, sky: Sky, tmp_path: Path
) -> None:
    """Figures that the wire did not see, or other values, would mislead who compares."""
    url = f"s3://public/{granule.name}"
    found = cryodata.bench.compare(
        url,
        group=GROUP,
        variables=["h_li", "/gt1r/land_ice_segments/latitude", "dem/dem_h"],
        download_to=tmp_path / "copies",
        storage_options=sky.storage_options,
    )
    cold, kept, labelled, copied = found.readings
    assert found.agree, str(found)
    assert all(reading.agrees and reading.seconds for reading in found.readings), str(found)
    assert (found.arrays, found.granules) == (3, (url,))
    assert found.nbytes == 3_000 * (4 + 8 + 4)
    assert cold.requests
    assert kept.requests
    assert cold.rounds
    assert kept.rounds
    assert kept.rounds < cold.rounds
    assert labelled.requests
    assert labelled.nbytes
    assert copied.nbytes is not None
    assert copied.nbytes >= granule.stat().st_size
    assert not list((tmp_path / "copies").iterdir())
    assert json.loads(found.to_json())["readings"][2]["reader"] == labelled.reader
    assert str(found).splitlines()[0] == "3 arrays of 1 granule, 48 kB in memory"


def test_requests_are_counted_as_the_wire_counts_them(granule: Path, sky: Sky) -> None:
    """Our own figures must not flatter us, nor short-change the other."""
    url = f"s3://public/{granule.name}"
    before = len(sky.log)
    found = cryodata.bench.compare(
        url, group=GROUP, variables="h_li", storage_options=sky.storage_options
    )
    gets = [entry for entry in list(sky.log)[before:] if entry.method == "GET"]
    assert len(found.readings) == 3
    counted = [(reading.requests or 0, reading.nbytes or 0) for reading in found.readings]
    assert sum(requests for requests, _ in counted) == len(gets)
    assert sum(nbytes for _, nbytes in counted) == sum(entry.nbytes for entry in gets)


def test_local_files_are_read_with_h5py_as_they_are(granule: Path, tmp_path: Path) -> None:
    """The same table for local against cloud, all arrays of a group, several granules."""
    other = atl06(tmp_path, segments=2_000, seed=2, cycle=3)
    found = cryodata.bench.compare([granule, other], group=GROUP)
    with h5py.File(granule) as file:
        arrays = [name for name, item in file[GROUP].items() if isinstance(item, h5py.Dataset)]
    assert found.arrays == 2 * len(arrays)
    assert [reading.reader for reading in found.readings] == [
        "cryodata",
        "cryodata, index kept",
        "xarray + h5netcdf, as it comes",
        "h5py",
    ]
    assert found.agree
    assert all(reading.agrees for reading in found.readings), str(found)
    assert {reading.requests for reading in found.readings} == {None}


def test_what_another_reader_cannot_do_is_in_its_row(
    granule: Path, sky: Sky, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader that hangs or fails must not cost the user the rest of the table."""
    monkeypatch.setattr("cryodata.bench.comparing.START", 0.0)
    found = cryodata.bench.compare(granule, group=GROUP, variables="h_li", patience=0.01)
    assert found.readings[2].problem == "given up after 0 s"
    assert found.readings[2].agrees is None
    assert found.readings[3].agrees
    options = {**sky.storage_options, "strange": object()}
    job = Job(urls=["s3://public/x.h5"], arrays=[["/x"]], storage_options=options)
    with pytest.raises(TypeError):
        job.to_json()
    assert "strange" not in repr(job)


def test_nothing_to_read_is_an_error(granule: Path) -> None:
    """A table of nothing read in no time would look like a fast reader."""
    with pytest.raises(ConfigurationError, match="no array that can be read in the group /gt1l"):
        cryodata.bench.compare(granule, group="gt1l")
    with pytest.raises(UnknownVariableError, match="h_lii"):
        cryodata.bench.compare(granule, group=GROUP, variables="h_lii")


def test_digests_tell_every_bit_shape_and_type() -> None:
    """Agreement bit by bit is claimed."""
    values = np.arange(6, dtype="f4")
    assert digest(values) == digest(values.astype(">f4"))
    assert digest(values) != digest(values.reshape(2, 3))
    assert digest(values) != digest(values.astype("f8"))
    assert digest(np.float32(0.0)) != digest(np.float32(-0.0))
    assert digest(np.array([b"ab"], "S4")) == digest(np.array(["ab"], object))
    assert digest(np.array([b"ab"], "S4")) != digest(np.array(["ac"], object))
    assert difference({"a": "1", "b": "2"}, {"a": "1", "b": "2"}) == ""
    assert difference({"a": "1", "b": "2"}, {"a": "0"}) == "DIFFERENT: a and 1 more"


def test_table_shows_who_differs() -> None:
    """A fast wrong answer must not pass for a fast one."""
    wrong = Reading(reader="other", seconds=0.5, agrees=False, problem="DIFFERENT: 0/x")
    known = Reading(reader="cryodata", seconds=1.25, requests=3, nbytes=2_500_000, rounds=2)
    found = Comparison(granules=("a.h5",), arrays=1, nbytes=10, readings=(known, wrong))
    assert not found.agree
    lines = [" ".join(line.split()) for line in str(found).splitlines()]
    assert lines[2:] == ["cryodata 1.250 3 2.5 2 equal", "other 0.500 DIFFERENT: 0/x"]


def test_function_is_what_the_door_says() -> None:
    """`cryodata.bench` is imported when it is touched; what it calls must take what it takes."""
    import inspect

    outer = inspect.signature(cryodata.bench.compare).parameters
    assert list(outer) == list(inspect.signature(compare_readers).parameters)
