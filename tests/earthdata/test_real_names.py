"""What a notebook does, under the real host names, with unmodified earthaccess and without it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from cryodata.sandbox.granules import atl06
from cryodata.sandbox.world import Login, Outcome, World, available
from cryodata.types import AnyArray

pytestmark = pytest.mark.skipif(bool(available()), reason=available())

BEAMS = ("gt1l", "gt1r", "gt2l", "gt2r", "gt3l", "gt3r")
REGION = (-180, 55, 180, 90)
TOLD = """
import hashlib, json
values = {name: hashlib.sha256(ds[name].values.tobytes()).hexdigest() for name in ds.variables}
print(json.dumps({"h_li": ds.h_li.values.tolist(), "values": values,
                  "requests": ds.cryo.receipt.requests}))
"""
WITH_EARTHACCESS = f"""
import sys
import earthaccess
import cryodata as cd

earthaccess.login(strategy=sys.argv[1])
results = earthaccess.search_data(
    short_name="ATL06", bounding_box={REGION}, temporal=("2019-01", "2020-12")
)
ds = cd.open(results, variables=["h_li", "h_li_sigma"])
{TOLD}
"""
ALONE = f"""
import cryodata as cd

cd.login()
granules = cd.search("ATL06", region={REGION}, time=("2019-01", "2020-12"))
ds = cd.open(granules, variables=["h_li", "h_li_sigma"])
{TOLD}
"""
IN_ONE_LINE = f"""
import cryodata as cd

ds = cd.open(
    "ATL06", region={REGION}, time=("2019-01", "2020-12"), variables=["h_li", "h_li_sigma"]
)
{TOLD}
"""
ENGINES = f"""
import cryodata as cd

found = cd.search("ATL06", region={REGION})
read = [cd.open(found, variables=["h_li", "h_li_sigma"], engine=engine).load()
        for engine in ("obstore", "fsspec")]
assert read[0].identical(read[1])
ds = cd.open(found, variables=["h_li", "h_li_sigma"], engine="fsspec")
{TOLD}
"""


@pytest.fixture(scope="module")
def granules(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two passes over Greenland's latitudes, of 2019 or 2020, in the order of time."""
    folder = tmp_path_factory.mktemp("names")
    return [atl06(folder, segments=500, seed=s, rgt=1169, cycle=s) for s in (5, 6)]


@pytest.fixture(scope="module")
def running(granules: list[Path]) -> Iterator[World]:
    with World(granules=granules) as made:
        yield made


@pytest.fixture
def world(running: World) -> Iterator[World]:
    running.clear_faults()
    yield running
    running.clear_faults()


def heights(granules: list[Path]) -> AnyArray:
    """All of them by h5py, fill as NaN."""
    found = []
    for path in granules:
        with h5py.File(path) as file:
            for beam in BEAMS:
                dataset = file[beam]["land_ice_segments/h_li"]
                values = dataset[()]
                values[values == dataset.attrs["_FillValue"]] = np.nan
                found.append(values)
    return np.concatenate(found)


def told(outcome: Outcome) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(outcome.check().splitlines()[-1])
    return answer


@pytest.mark.parametrize(
    "script, login, inside",
    [
        pytest.param(WITH_EARTHACCESS, "password", True, id="earthaccess-password-inside"),
        pytest.param(WITH_EARTHACCESS, "token", False, id="earthaccess-token-outside"),
        pytest.param(ALONE, "token", True, id="token-inside"),
        pytest.param(ALONE, "netrc", False, id="netrc-outside"),
        pytest.param(ENGINES, "password", True, id="engines-inside"),
        pytest.param(ENGINES, "password", False, id="engines-outside"),
    ],
)
def test_notebooks(
    world: World, granules: list[Path], script: str, login: Login, inside: bool
) -> None:
    """The lines of a notebook read other values under the names that NASA's hosts have."""
    world.move(inside=inside)
    how = "netrc" if login == "netrc" else "environment"
    outcome = world.run(script, how, login=login)
    np.testing.assert_array_equal(np.float32(told(outcome)["h_li"]), heights(granules))
    asked = {host: [e.path for e in entries] for host, entries in outcome.requests.items()}
    assert asked["data"].count("/s3credentials") == 1
    if inside:
        assert asked["data"] == ["/s3credentials"]
        assert not asked["cdn"]
        assert "is read directly" in outcome.stderr
    else:
        assert [entry.status for entry in outcome.requests["s3"]] == [403]
        assert "over https" in outcome.stderr
    if script != WITH_EARTHACCESS:  # which asks the instance itself, at login
        assert not asked["imds"]


def test_same_bits_inside_and_outside(world: World) -> None:
    """A notebook gives other values at home than in the cloud."""
    values = []
    for inside in (True, False):
        world.move(inside=inside)
        values.append(told(world.run(IN_ONE_LINE, login="token"))["values"])
    assert values[0] == values[1]
    assert len(values[0]) > 10


def test_one_request_a_range_outside(world: World) -> None:
    """Each range is asked for twice: at the data host, and where it leads."""
    world.move(inside=False)
    outcome = world.run(IN_ONE_LINE, login="token")
    assert len(outcome.requests["cdn"]) == told(outcome)["requests"]
    assert {entry.status for entry in outcome.requests["cdn"]} == {206}
    assert not [e for e in outcome.requests["cdn"] if {"authorization", "cookie"} & set(e.headers)]
