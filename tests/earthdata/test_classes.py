"""Classes of photons from granules that the catalogue has of the same pass."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import cryodata as cd
from cryodata.errors import NothingFoundError
from cryodata.sandbox import Sky, cloud
from cryodata.sandbox.granules import atl03, atl08

UNKEPT = cd.Options(cache=None)


@pytest.fixture(scope="module")
def sky() -> Iterator[Sky]:
    """A cloud with Earthdata."""
    with cloud("none", earthdata=True) as sky:
        yield sky


@pytest.fixture(scope="module")
def local(sky: Sky, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Photons of two passes; of the first, ATL08 is in the catalogue in two revisions."""
    folder = tmp_path_factory.mktemp("granules")
    beams = ("gt1l", "gt1r")
    photons = [
        atl03(folder, photons=3000, seed=1, rgt=50, cycle=4, beams=beams),
        atl03(folder, photons=2000, seed=2, rgt=51, cycle=4, beams=beams),
    ]
    land = [
        atl08(folder, photons=3000, seed=1, rgt=50, cycle=4, beams=beams, revision=number)
        for number in (1, 2)
    ]
    for path in (*photons, *land):
        sky.earthdata.publish(path)
    return [*photons, land[-1]]


@pytest.fixture
def user(sky: Sky, local: list[Path], stranger: None) -> Iterator[None]:
    """Somebody who is logged in."""
    cd.login(token=sky.earthdata.token(), system=sky.earthdata.system, quiet=True)
    yield
    sky.reset()


def test_partners_are_searched_for(user: None, local: list[Path]) -> None:
    """The newest revision of the same pass and release, wherever the catalogue has it."""
    found = cd.search("ATL03", rgt=50)
    ds = cd.open(found, variables="h_ph", classify="ATL08", options=UNKEPT)
    by_hand = cd.open(local[0], variables="h_ph", classify=[local[2]], options=UNKEPT)
    assert (by_hand.classed_pc_flag >= 0).any()
    np.testing.assert_array_equal(ds.classed_pc_flag, by_hand.classed_pc_flag)
    np.testing.assert_array_equal(ds.h_ph, by_hand.h_ph)
    (partner,) = [f.url for f in ds.encoding["cryodata"].files if "ATL08" in f.url]
    assert partner.endswith("_006_02.h5")


def test_a_pass_without_partner_is_named(user: None) -> None:
    """One granule of two without classes must not pass for one without trees."""
    with pytest.raises(NothingFoundError, match="1 of 2 granules have no ATL08"):
        cd.open("ATL03", variables="h_ph", classify="ATL08", options=UNKEPT)
