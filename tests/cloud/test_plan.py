"""What a plan says, the wire sees: the same requests and bytes, exactly."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import xarray as xr

import cryodata as cd
from cryodata.errors import BudgetExceededError
from cryodata.options import Network, Options
from cryodata.sandbox import Sky
from cryodata.sandbox.granules import atl03, atl06

ATL06 = "land_ice_segments"
STEADY = Network(adapt=False, hedge=60)
"""No request is sent twice, and equal reads make equal requests, however slow this machine is."""


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three ATL06 granules of three chunks a track."""
    folder = tmp_path_factory.mktemp("atl06")
    return [atl06(folder, segments=24_000, seed=s, rgt=50 + s, cycle=4) for s in (1, 2, 3)]


@pytest.fixture(scope="module")
def photons(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """One ATL03 granule of thirty chunks a strong beam."""
    folder = tmp_path_factory.mktemp("atl03")
    return [atl03(folder, photons=300_000, seed=1, beams=("gt1l", "gt1r"))]


def band(paths: list[Path], beam: str, latitude: str, low: float, high: float) -> Any:
    """A box round the globe between two quantiles of the latitudes of a beam."""
    with h5py.File(paths[0]) as file:
        values = file[f"{beam}/{latitude}"][()]
    south, north = np.quantile(values, [low, high])
    return (-180.0, float(south), 180.0, float(north))


class Scene:
    """Granules on the wire, whose indexes and bounds are kept."""

    def __init__(self, sky: Sky, paths: list[Path], cache: Path, arguments: dict[str, Any]) -> None:
        self.sky = sky
        self.urls = [sky.put(path) for path in paths]
        self.arguments = arguments | {
            "storage_options": sky.storage_options,
            "options": Options(cache=cache, network=STEADY),
        }
        self.keep()
        sky.log.clear()

    def keep(self) -> None:
        """Read once, as an earlier session did."""
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Nothing is inside")
            ds = self.open()
        if ds.sizes["track"]:
            ds.cryo.load()
        for file in ds.encoding["cryodata"].files:
            file.flush()
        ds.close()

    def open(self) -> xr.Dataset:
        """The Dataset, of granules opened anew."""
        return cd.open(self.urls, **self.arguments)

    def plan(self) -> cd.Plan:
        """The plan of the same."""
        return cd.plan(self.urls, **self.arguments)

    def seen(self) -> tuple[int, int]:
        """Requests and bytes on the wire since the last time."""
        summary = self.sky.log.summary()
        self.sky.log.clear()
        return summary.requests, summary.nbytes


WHOLE = {"variables": ["h_li", "h_li_sigma"]}


@pytest.mark.parametrize(
    "arguments",
    [
        WHOLE,
        {},
        {"beams": ["gt1l", "gt3r"], "variables": ["h_li", "ground_track/x_atc"]},
    ],
    ids=["named", "default", "beams"],
)
def test_whole_tracks_cost_what_the_plan_says(
    sky: Sky, many: list[Path], tmp_path: Path, arguments: dict[str, Any]
) -> None:
    """A plan that is off by one request is a guess."""
    scene = Scene(sky, many, tmp_path, arguments)
    plan = scene.plan()
    assert scene.seen() == (0, 0)  # nothing is read to plan
    assert plan.exact
    assert plan.requests > 0
    ds = plan.open()
    assert scene.seen() == (0, 0)
    ds.cryo.load()
    assert scene.seen() == (plan.requests, plan.nbytes)
    receipt = ds.cryo.receipt
    assert (receipt.requests, receipt.nbytes) == (plan.requests, plan.nbytes)
    assert receipt.rounds == len(many)  # one each, side by side
    again = scene.open()
    again.cryo.load()
    assert scene.seen() == (plan.requests, plan.nbytes)


CUTS = [
    {"region": ("gt2l", 0.3, 0.5), "variables": ["h_li", "h_li_sigma"]},
    {"region": ("gt2l", 0.3, 0.5)},
    {"where": "atl06_quality_summary == 'best_quality' and h_li_sigma < 0.1", "variables": "h_li"},
    {"region": ("gt2l", 0.1, 0.2), "where": "h_li_sigma < 0.05", "time": ("2018-10", "2030")},
]
"""Variables that are named are read with what decides; others when they are touched."""


@pytest.mark.parametrize("asked", CUTS, ids=["region", "default", "where", "all"])
def test_cut_tracks_cost_what_the_plan_says(
    sky: Sky, many: list[Path], tmp_path: Path, asked: dict[str, Any]
) -> None:
    """What decides is known before; what is loaded, at most; once sharpened, exactly."""
    arguments = dict(asked)
    if "region" in arguments:
        beam, low, high = arguments["region"]
        arguments["region"] = band(many, beam, f"{ATL06}/latitude", low, high)
    scene = Scene(sky, many, tmp_path, arguments)
    plan = scene.plan()
    assert scene.seen() == (0, 0)
    assert not plan.exact
    ds = plan.open()
    assert scene.seen() == (plan.decide.requests, plan.decide.nbytes)
    ds.cryo.load()
    requests, nbytes = scene.seen()
    assert nbytes <= plan.load.nbytes
    assert requests <= plan.load.requests
    assert (requests > 0) is (plan.load.requests > 0)

    sharp = scene.plan().sharpen()
    assert scene.seen() == (plan.decide.requests, plan.decide.nbytes)
    assert sharp.exact
    assert (sharp.requests, sharp.nbytes) == (requests, nbytes)
    loaded = sharp.open().cryo.load()
    assert scene.seen() == (sharp.requests, sharp.nbytes)
    xr.testing.assert_identical(loaded, ds)


@pytest.mark.parametrize("asked", CUTS, ids=["region", "default", "where", "all"])
def test_masked_tracks_cost_what_the_plan_says(
    sky: Sky, many: list[Path], tmp_path: Path, asked: dict[str, Any]
) -> None:
    """Without looking at rows, whole chunks are read, in one round; and no row is lost."""
    arguments = dict(asked)
    if "region" in arguments:
        beam, low, high = arguments["region"]
        arguments["region"] = band(many, beam, f"{ATL06}/latitude", low, high)
    scene = Scene(sky, many, tmp_path, arguments)
    exact = scene.open().cryo.load()
    scene.arguments["exact"] = False
    scene.seen()
    plan = scene.plan()
    assert plan.exact
    ds = plan.open()
    assert scene.seen() == (0, 0)
    ds.cryo.load()
    assert scene.seen() == (plan.requests, plan.nbytes)
    assert ds.sizes["segment"] > exact.sizes["segment"]
    kept = ds.isel(segment=np.flatnonzero(ds.selected)).drop_vars("selected")
    for name in exact.data_vars:
        np.testing.assert_array_equal(kept[name], exact[name])
    np.testing.assert_array_equal(kept.time, exact.time)


def test_photons_cost_what_the_plan_says(sky: Sky, photons: list[Path], tmp_path: Path) -> None:
    """Segments are read once, to plan; photons only where they can be wanted."""
    region = band(photons, "gt1r", "heights/lat_ph", 0.4, 0.5)
    arguments: dict[str, Any] = {
        "variables": ["h_ph", "signal_conf_land_ice"],
        "region": region,
    }
    urls = [sky.put(path) for path in photons]
    arguments |= {
        "storage_options": sky.storage_options,
        "options": Options(cache=tmp_path, network=STEADY),
    }
    cold = cd.plan(urls, **arguments)
    with h5py.File(photons[0]) as file:
        stored = file["gt1r/heights/h_ph"].id.get_storage_size()
    assert cold.spent.nbytes > 0
    assert cold.shares.variables["h_ph"] < 0.5 * stored
    for file in cold.found.origin.files:
        file.flush()
    cold.close()
    sky.log.clear()
    plan = cd.plan(urls, **arguments).sharpen()
    seen = sky.log.summary()
    assert (seen.requests, seen.nbytes) == (cold.decide.requests, cold.decide.nbytes)
    sky.log.clear()
    plan.open().cryo.load()
    seen = sky.log.summary()
    assert (seen.requests, seen.nbytes) == (plan.requests, plan.nbytes)


@pytest.mark.parametrize("budget", [1000, "2 kB", "$0.0000001", "0.00001 cents"])
def test_a_budget_refuses_before_a_row_is_read(
    sky: Sky, many: list[Path], tmp_path: Path, budget: Any
) -> None:
    """Money that is spent before the question is asked is gone."""
    scene = Scene(sky, many, tmp_path, WHOLE)
    with pytest.raises(BudgetExceededError, match="no row was read") as caught:
        cd.open(scene.urls, budget=budget, **scene.arguments)
    assert scene.seen() == (0, 0)
    assert "saves" in caught.value.fix
    with pytest.raises(BudgetExceededError):
        cd.plan(scene.urls, budget=budget, **scene.arguments)
    with pytest.raises(BudgetExceededError):
        scene.plan().open(budget=budget)
    cd.open(scene.urls, budget="1 GB", **scene.arguments).close()
    cd.open(scene.urls, budget="$5", **scene.arguments).close()
