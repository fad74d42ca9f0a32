"""The notebooks: each is executed, twice, and h5py agrees with what it claims."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeAlias

import h5py
import jupytext
import numpy as np
import pytest

from cryodata.types import AnyArray
from tests.notebooks import FOLDER, Executed, execute, notebooks

SWAP = "cd.sandbox.stand_in_for_nasa()  # Without this line everything below asks NASA itself."
WEST, SOUTH, EAST, NORTH = -139.3, 59.5, -138.3, 59.8
BEAMS = ("gt1l", "gt1r", "gt2l", "gt2r", "gt3l", "gt3r")
YEAR = 365.25 * 86400
HOLDER = """
import json, os, sys
import cryodata as cd
cd.sandbox.stand_in_for_nasa()
names = [n for n in os.environ if n.startswith(("CRYODATA_", "EARTHDATA_"))]
print(json.dumps({n: os.environ[n] for n in names if n != "CRYODATA_CACHE"}), flush=True)
sys.stdin.read()
"""

AGAIN = [
    pytest.param(path, id=path.stem, marks=() if path.name[0] == "1" else pytest.mark.soak)
    for path in notebooks()
]

Runs: TypeAlias = dict[str, Future[Executed]]
Run: TypeAlias = Callable[[Path, str], Future[Executed]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where everything is that the notebooks make."""
    return tmp_path_factory.mktemp("notebooks")


@pytest.fixture(scope="module")
def run(folder: Path) -> Iterator[Run]:
    """Executes notebooks, two at a time, before one stand-in that all share."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "CRYODATA_CACHE": str(folder / "cache")},
    ) as holder:
        assert holder.stdout is not None
        environment = json.loads(holder.stdout.readline())
        with ThreadPoolExecutor(2) as pool:
            yield lambda path, where: pool.submit(
                execute, path, folder / path.stem / where, environment
            )
            pool.shutdown(cancel_futures=True)
        holder.communicate("")


@pytest.fixture(scope="module")
def runs(run: Run) -> Runs:
    """Each notebook, executed or about to be."""
    longest_first = sorted(notebooks(), key=lambda path: "68".find(path.name[0]), reverse=True)
    return {path.stem: run(path, "1") for path in longest_first}


def text(runs: Runs, name: str) -> str:
    """What the first run of a notebook printed."""
    return runs[name].result().text


def number(pattern: str, printed: str) -> float:
    """The number that a notebook printed there."""
    found = re.search(pattern, printed)
    assert found, f"{pattern} is not in:\n{printed}"
    return float(found[1])


def granules(folder: Path, pattern: str) -> list[Path]:
    """Files of the stand-in."""
    found = sorted((folder / "cache-synthetic").rglob(pattern))
    assert found
    return found


def inside(lat: AnyArray, lon: AnyArray, north: float = NORTH) -> AnyArray:
    """Rows in the box of the notebooks."""
    return np.asarray((lat >= SOUTH) & (lat <= north) & (lon >= WEST) & (lon <= EAST))


def land_ice(path: Path, *names: str) -> dict[str, dict[str, AnyArray]]:
    """By beam, variables of ATL06 in the box; fills are NaN."""
    found: dict[str, dict[str, AnyArray]] = {}
    with h5py.File(path) as file:
        for beam in BEAMS:
            group = file[f"{beam}/land_ice_segments"]
            here = inside(group["latitude"][:], group["longitude"][:])
            columns = {name: group[name][:][here] for name in names}
            found[beam] = {
                name: np.where(values > 1e30, np.nan, values.astype("f8"))
                for name, values in columns.items()
            }
    return found


NUMBERED = re.compile(r"^\d+_\w+\.py$")


def test_there_are_eight_and_nothing_else() -> None:
    """A notebook that no test executes rots; outputs do not belong into git."""
    assert [path.name[0] for path in notebooks()] == list("12345678")
    assert all(NUMBERED.match(path.name) for path in notebooks())
    beside = (".", "__", "scratch")  # of who executes them there
    kept = {path.name for path in FOLDER.iterdir() if not path.name.startswith(beside)}
    assert kept == {"README.md", *(path.name for path in notebooks())}
    readme = (FOLDER / "README.md").read_text("utf-8")
    assert all(f"({path.name})" in readme for path in notebooks())


@pytest.mark.parametrize("path", notebooks(), ids=lambda path: str(path.stem))
def test_one_line_stands_between_sandbox_and_nasa(path: Path) -> None:
    """Who has an account deletes one line, the same everywhere, in the first cell of code."""
    lines = path.read_text("utf-8").splitlines()
    assert [line for line in lines if "sandbox" in line] == [SWAP]
    cells = jupytext.read(path).cells
    assert SWAP in next(cell.source for cell in cells if cell.cell_type == "code")
    assert "synthetic" in cells[0].source


@pytest.mark.parametrize("path", notebooks(), ids=lambda path: str(path.stem))
def test_is_executed_and_draws(runs: Runs, path: Path) -> None:
    """No cell fails, and there is something to look at."""
    executed = runs[path.stem].result()
    assert len(executed.text) > 200
    assert executed.figures
    for figure in executed.figures:
        assert base64.b64decode(figure).startswith(b"\x89PNG")
        assert len(figure) > 5000


@pytest.mark.parametrize("path", AGAIN)
def test_prints_the_same_again(runs: Runs, run: Run, path: Path) -> None:
    """A number that differs from run to run is none to show. Times and their like may differ."""
    again = run(path, "2").result()
    assert steady(runs[path.stem].result().text) == steady(again.text)


def steady(printed: str) -> list[str]:
    """Lines without times, what is measured of the network, and how requests follow from it."""
    words = r"Logged in|\d s\b|requests?\b|cents|graph|<References|seconds|NaN$"
    varying = re.compile(rf"{words}|\d\.\d\d +\d+\.\d\d$")  # the last is a table's column of s
    return [line for line in printed.splitlines() if line and not varying.search(line)]


def test_first_heights(runs: Runs, folder: Path) -> None:
    """Rows, mean, and a second look that costs nothing."""
    printed = text(runs, "1_first_heights")
    beams = land_ice(granules(folder, "ATL06_2022*.h5")[0], "h_li")
    heights = np.concatenate([beam["h_li"] for beam in beams.values()])
    assert number(r"(\d+) rows, mean", printed) == len(heights)
    mean = number(r"mean height ([\d.]+) m", printed)
    assert mean == pytest.approx(np.nanmean(heights), abs=0.02)
    assert "again: 0 requests" in printed
    share = number(r"of 21\.9 MB \(([\d.]+)%\)", printed)
    assert 0 < share < 20


def test_photons(runs: Runs, folder: Path) -> None:
    """Photons by confidence and by class, looked up here by segment and place in it."""
    printed = text(runs, "2_photons")
    with h5py.File(granules(folder, "ATL03*.h5")[0]) as file:
        beam = file["gt2r"]
        lat, lon = beam["heights/lat_ph"][:], beam["heights/lon_ph"][:]
        confidence = beam["heights/signal_conf_ph"][:, 3]
        first, count = beam["geolocation/ph_index_beg"][:], beam["geolocation/segment_ph_cnt"][:]
        names = beam["geolocation/segment_id"][:]
    here = inside(lat, lon, 59.56)
    assert number(r"(\d+) photons\n", printed) == here.sum()
    for value, word in enumerate(("noise", "buffer", "low", "medium", "high")):
        assert number(rf"\b{word} +(\d+)\n", printed) == (confidence[here] == value).sum()
    assert number(r"(\d+) photons of medium", printed) == (confidence[here] >= 3).sum()
    assert "the same as filtering: True" in printed
    with h5py.File(granules(folder, "ATL08*.h5")[0]) as file:
        group = file["gt2r/signal_photons"]
        segment, place = group["ph_segment_id"][:], group["classed_pc_indx"][:]
        flag = group["classed_pc_flag"][:]
    begin = dict(zip(names[count > 0], first[count > 0], strict=True))
    classes = np.full(len(lat), -1)
    classes[[begin[s] - 1 + p - 1 for s, p in zip(segment, place, strict=True)]] = flag
    for value, kind in {-1: "not in ATL08", 1: "ground", 2: "canopy", 3: "top of canopy"}.items():
        found = number(rf"(?m)^{kind} +(\d+)$", printed)
        assert found == (classes[here] == value).sum()


def test_height_change(runs: Runs, folder: Path) -> None:
    """The rate of a track, from segments of equal number, by h5py and numpy alone."""
    printed = text(runs, "3_height_change")
    names = ("h_li", "segment_id", "delta_time", "atl06_quality_summary")
    for track, expected in (("0158", -0.75), ("0600", -1.5), ("1042", -1.0)):
        visits = [
            land_ice(granules(folder, f"ATL06_*_{track}{cycle}03_*.h5")[0], *names)
            for cycle in ("04", "12")
        ]
        rates: list[AnyArray] = []
        for beam in BEAMS:
            first, last = ({k: v[good(one[beam])] for k, v in one[beam].items()} for one in visits)
            _, i, j = np.intersect1d(first["segment_id"], last["segment_id"], return_indices=True)
            years = (last["delta_time"][j] - first["delta_time"][i]) / YEAR
            rates.append((last["h_li"][j] - first["h_li"][i]) / years)
        found = number(rf"(?m)^{int(track)} +(-[\d.]+)$", printed)
        assert found == pytest.approx(np.median(np.concatenate(rates)), abs=0.02)
        assert found == pytest.approx(expected, abs=0.1)  # half of what it is in the middle
    assert number(r"over ([\d.]+) years", printed) == pytest.approx(8 * 91 / 365.25, abs=1e-3)


def good(columns: dict[str, AnyArray]) -> AnyArray:
    """Rows of best quality that have a height."""
    return np.asarray((columns["atl06_quality_summary"] == 0) & np.isfinite(columns["h_li"]))


def test_series_and_grids(runs: Runs, folder: Path) -> None:
    """Share of good visits, cells inside, and a volume summed by hand."""
    printed = text(runs, "4_series_and_grids")
    kept: list[AnyArray] = []
    with h5py.File(granules(folder, "ATL11*.h5")[0]) as file:
        for pair in ("pt1", "pt2", "pt3"):
            group = file[pair]
            here = inside(group["latitude"][:], group["longitude"][:])
            quality, height = group["quality_summary"][:][here], group["h_corr"][:][here]
            kept.append((quality == 0) & (height < 1e30))
    share = 100 * np.concatenate(kept).mean()
    assert number(r"([\d.]+)% of the visits", printed) == pytest.approx(share, abs=0.051)
    import pyproj

    with h5py.File(granules(folder, "ATL15*_01km_*.nc")[0]) as file:
        x, y = np.meshgrid(file["delta_h/x"][:], file["delta_h/y"][:])
        height, area = file["delta_h/delta_h"][:], file["delta_h/ice_area"][0]
    lon, lat = pyproj.Transformer.from_crs(3413, 4326, always_xy=True).transform(x, y)
    cells = (lon >= -139.9) & (lon <= -137.6) & (lat >= 59.3) & (lat <= 60.0)
    assert number(r"(\d+) of \d+ cells are inside", printed) == cells.sum()
    ice = cells & (height[0] < 1e30)
    lost = ((height[-1] - height[0])[ice] * area[ice]).sum() / 1e9
    assert number(r"(-[\d.]+) km³", printed) == pytest.approx(lost, abs=2e-3)
    assert "EPSG:3413, cells of 1000 m" in printed


def test_references(runs: Runs) -> None:
    """The second reader walks nothing, and has the same values, as has another reader."""
    printed = text(runs, "5_references")
    assert "identical: True" in printed
    assert "equal by another reader: True" in printed
    assert "to open, by references:  0 requests in 0 rounds, 0 B" in printed
    assert number(r"all, by references: +(\d+) request", printed) < number(
        r"all, walking: +(\d+) request", printed
    )
    assert re.search(r"ATL06_2022\S+ +same +4 *\n", printed)


def test_dask(runs: Runs, folder: Path) -> None:
    """Sums of workers are those of h5py, and no key went to them."""
    printed = text(runs, "6_dask")
    heights: list[AnyArray] = []
    for path in granules(folder, "ATL06*.h5"):
        if "ATL06_2022" not in path.name:
            beams = land_ice(path, "h_li", "atl06_quality_summary")
            heights += [beam["h_li"][good(beam)] for beam in beams.values()]
    everything = np.concatenate(heights)
    assert number(r"(\d+) good heights", printed) == len(everything)
    assert number(r"mean ([\d.]+) m", printed) == pytest.approx(everything.mean(), abs=0.1)
    assert "2 workers" in printed
    assert "token in the graph: False" in printed
    assert "keys of S3 in the graph: 0" in printed


def test_cost(runs: Runs, folder: Path) -> None:
    """Equal values, equal requests near and far, and a file that is the granule."""
    printed = text(runs, "7_cost")
    assert "values equal: [True, True, True]" in printed
    assert number(r"in the region \(S3\) +(\d+) ", printed) == number(r"\(https\) +(\d+) ", printed)
    stored = granules(folder, "ATL06_2022*.h5")[0]
    copy = folder / "7_cost" / "1" / "scratch" / stored.name
    assert copy.read_bytes() == stored.read_bytes()
    ours = number(r"in the region \(S3\) +\d+ +([\d.]+)", printed)
    theirs = number(r"h5netcdf, https +\d+ +([\d.]+)", printed)
    assert ours < stored.stat().st_size / 1e6 < theirs


def test_own_reader(runs: Runs, folder: Path) -> None:
    """Means of strong and weak beams; and the contract ran, and passed."""
    printed = text(runs, "8_own_reader")
    beams = land_ice(granules(folder, "ATL06_2022*.h5")[0], "h_li", "h_li_sigma")
    for word, names in (("strong", BEAMS[1::2]), ("weak", BEAMS[::2])):  # it flew forward
        kept = [beams[name]["h_li"][beams[name]["h_li_sigma"] < 0.02] for name in names]
        heights = np.concatenate(kept)
        assert number(rf"{word}: [\d.]+ m from (\d+) rows", printed) == len(heights)
        mean = number(rf"{word}: ([\d.]+) m", printed)
        assert mean == pytest.approx(np.nanmean(heights), abs=0.05)
    assert "SelectionError: where= lacks its other half" in printed
    assert re.search(r"\d+ passed, \d skipped", printed)
    assert "failed" not in printed
    with h5py.File(folder / "8_own_reader" / "1" / "scratch" / "LAKES_20200101.h5") as file:
        water = (file["surface"][:] == 1).sum()
    assert f"(shot: {water}, track: 1)" in printed
