"""What a DMR++ sidecar saves on the wire, and the way to it through Earthdata."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

import cryodata as cd
from cryodata.catalogue import search
from cryodata.earthdata.granule import Granule
from cryodata.granule import GranuleFile
from cryodata.granule.sidecar import SAMPLES
from cryodata.options import Network, Options
from cryodata.sandbox import Sky, cloud
from cryodata.sandbox.earthdata import Earth
from cryodata.sandbox.granules import atl06
from tests.references.sidecars import sidecar_of

STEADY = Network(adapt=False, hedge=60)
USE = Options(sidecars="use", cache=None, network=STEADY)
PHOTON = "/gt2r/heights/h_ph"


def test_the_index_of_a_large_granule_by_its_sidecar(sky: Sky, large_atl03: Path) -> None:
    """One request in the place of two hundred: a tenth of the requests, a third of the bytes."""
    name = large_atl03.name
    sky.put(large_atl03)
    sky.put(sidecar_of(large_atl03, dialect=2023), f"{name}.dmrpp")
    granule = Granule(name=name, https=sky.https(name), dmrpp=sky.https(f"{name}.dmrpp"))
    with GranuleFile(granule, options=replace(USE, sidecars="never")) as file:
        expected = file.walk()
    by_walking = sky.log.summary()
    sky.log.clear()
    with GranuleFile(granule, options=USE) as file:
        index = file.walk()
        by_sidecar = sky.log.summary()
        requests = [entry.path.endswith(".dmrpp") for entry in sky.log]
        assert sum(requests) == 1
        assert len(requests) <= 1 + 2 + SAMPLES + 4  # both ends, samples, and what it lost
        assert by_sidecar.requests <= by_walking.requests / 10
        assert by_sidecar.nbytes <= by_walking.nbytes / 3
        assert index.arrays.keys() == expected.arrays.keys()
        assert file.sidecar is not None
        assert {path.rpartition("/")[0] for path in file.sidecar.losses} == {"/ancillary_data"}
        (values,) = file.read([(PHOTON, None)])
    with h5py.File(large_atl03) as h5:
        np.testing.assert_array_equal(values, h5[PHOTON][()])


@pytest.fixture(scope="module")
def earthly() -> Iterator[Sky]:
    with cloud("none", earthdata=True) as sky:
        yield sky


@pytest.fixture(scope="module")
def published(earthly: Sky, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A granule with a sidecar beside it, both in its record."""
    folder = tmp_path_factory.mktemp("published")
    path = atl06(folder, segments=2000, seed=1, rgt=50, cycle=4, beams=("gt1l", "gt1r"))
    earthly.earthdata.publish(path, sidecar=sidecar_of(path, dialect=2023))
    return path


@pytest.fixture
def earth(earthly: Sky, published: Path, stranger: None) -> Earth:
    """The sandbox as at first, and a process that is logged in."""
    earthly.reset()
    earth = earthly.earthdata
    cd.login(token=earth.token(), system=earth.system, quiet=True)
    return earth


@pytest.mark.parametrize("where", ["inside", "outside"])
def test_a_sidecar_of_the_catalogue_is_read_as_its_granule_is(
    earthly: Sky, earth: Earth, published: Path, where: str
) -> None:
    """From S3 inside the region, by a signed link outside; one request for its bytes."""
    getattr(earth, where)()
    (granule,) = search("ATL06")
    assert granule.dmrpp == f"{granule.https}.dmrpp"
    log = earthly.log if where == "inside" else earth.cdn.log
    with GranuleFile(granule, options=USE) as file:
        file.walk()
        assert file.sidecar is not None
        assert file.sidecar.used, file.sidecar.reason
        fetched = [e for e in log if e.path.endswith(".dmrpp") and e.status == 206]
        assert len(fetched) == 1
        path = "/gt1l/land_ice_segments/h_li"
        (values,) = file.read([(path, None)])
    with h5py.File(published) as h5:
        np.testing.assert_array_equal(values, h5[path][()])
