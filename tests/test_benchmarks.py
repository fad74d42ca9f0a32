"""The benchmarks run: tiny granules, no latency, every reader once."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import benchmarks.peers
from benchmarks.box import inside, middle_box, span
from benchmarks.check import expected_rows, expected_values, verdict
from benchmarks.child import Cost, Job
from benchmarks.granules import make_practice
from benchmarks.page import DATA, IMAGES, PAGE, digest, put
from benchmarks.peers import CUT, LOCAL, WHOLE, load_peer
from benchmarks.place import Place, Target
from benchmarks.ranking import not_first
from benchmarks.report import table
from benchmarks.results import add, amended, rows_of, save
from benchmarks.scaling import measure, scaling_table
from benchmarks.session import ONLY_KEPT, Row, Scene, run_all
from benchmarks.trial import Run
from benchmarks.workloads import WORKLOADS
from cryodata.sandbox import Summary, cloud
from cryodata.sandbox.s3_access import PUBLIC


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    granules = make_practice(
        {job.granules for job in WORKLOADS.values()}, tmp_path_factory.mktemp("granules")
    )
    return Scene(
        granules=granules,
        practice=granules,
        profile="none",
        seeds=(1,),
        patience=60.0,  # other tests run beside
        say=lambda text: None,
    )


SLOW = {"kerchunk"}
"""Takes seconds for each granule, of whatever size, and is run once."""
BOTH = {path.stem for path in (Path(benchmarks.peers.__file__).parent / "both").glob("*.py")}
"""Read whole arrays and cut rows by the same code; the second is tried every time."""
JOBS: list[Any] = [
    pytest.param(peer, "atl06_one_beam", marks=[pytest.mark.soak] if peer in BOTH else [])
    for peer in WHOLE
    if peer not in SLOW
] + [
    (peer, "atl06_box" if peer in SLOW else "atl06_twenty") for peer in CUT if peer not in ONLY_KEPT
]


@pytest.mark.parametrize("peer, job", JOBS)
def test_every_reader_does_one_job(scene: Scene, peer: str, job: str) -> None:
    """A reader that fails or is wrong here would drop out of the report unseen."""
    workload = WORKLOADS[job]
    rows = list(run_all(scene, [workload], [peer]))
    modes = [False, True] if load_peer(peer, workload).keeps else [False]
    assert [each.kept for each in rows] == ([True] if peer in ONLY_KEPT else modes)
    for each in rows:
        assert each.verdict == "equal", each.failure
        (run,) = each.runs
        assert run.wire.requests > 0
        assert run.wire.depth <= run.wire.requests


def test_files_of_this_machine_are_read_past_the_wire(scene: Scene) -> None:
    """A request would make it another measurement; a wrong array, none."""
    rows = list(run_all(replace(scene, local=True), [WORKLOADS["atl03_box"]], LOCAL))
    assert {row.peer for row in rows} == set(LOCAL)
    for each in rows:
        assert each.verdict == "equal", each.failure
        assert each.place == "local"
        assert each.runs[0].wire.requests == 0


@pytest.mark.parametrize("workload", ["atl06_six_beams", "atl03_photons"])
def test_every_other_job_is_done_right_by_us(scene: Scene, workload: str) -> None:
    """Our own figures must be those of right values, in all jobs."""
    cold, kept = run_all(scene, [WORKLOADS[workload]], ["cryodata"])
    assert cold.verdict == kept.verdict == "equal", (cold.failure, kept.failure)
    assert kept.runs[0].wire.depth <= cold.runs[0].wire.depth


@pytest.mark.parametrize("job", ["atl06_box", "atl06_box_paged", "atl03_box", "atl03_box_paged"])
def test_every_other_cut_is_done_right_by_us(scene: Scene, tmp_path: Path, job: str) -> None:
    """Our own figures must be those of the right rows, in all layouts."""
    workload = WORKLOADS[job]
    (path,) = scene.granules[workload.granules]
    box, expected = middle_box(path, workload), tmp_path / "rows.npz"
    expected_rows([path], workload, box, expected)
    with cloud("none", server="static") as sky:
        sky.put(path)
        target = Target((Place(sky.url, PUBLIC, path.name),), box)
        read = load_peer("cryodata", workload).read(target, workload)
    assert verdict(read, expected) == "equal"
    with h5py.File(path) as file:
        whole = sum(len(file[f"{group}/{workload.latitude}"]) for group in workload.groups())
    assert 0.2 * whole < len(read[workload.latitude]) < 0.5 * whole


def row(peer: str, *seconds: float, kept: bool = False, failure: str = "") -> Row:
    """What a session yields, with made-up figures."""
    wire = Summary(
        requests=12, nbytes=3_400_000, depth=5, seconds=1.0, in_flight=4, ttfb_p50=0.1, ttfb_p99=0.2
    )
    return Row(
        workload="atl06_one_beam",
        peer=peer,
        title=peer + (", index kept" if kept else ""),
        kept=kept,
        runs=tuple(
            Run(
                cost=Cost(seconds=s, cpu=0.5, memory=7_000_000, verdict="equal"),
                wire=wire,
                wire_cpu=0.1,
                late=peer == "other",
            )
            for s in seconds
        ),
        failure=failure,
    )


def test_table_compares_medians_with_ours_cold_and_kept() -> None:
    """A ratio of the wrong rows, or of the best run, would be a false claim."""
    workload = WORKLOADS["atl06_one_beam"]
    rows = [
        row("cryodata", 0.2, 0.1, 0.9),
        row("cryodata", 0.05, kept=True),
        row("other", 3.0, 2.0, 9.0),
        row("broken", failure="no such thing"),
        replace(row("slow"), gave_up=90.0),
        replace(row("part"), gave_up=90.0, tried=False),
    ]
    lines = table(workload, rows).splitlines()
    assert lines[0] == f"{workload.title}: in region"
    words = [" ".join(line.split()) for line in lines]
    assert words[2] == "cryodata 0.200 0.10-0.90 12 3.4 5 0.50 7 100/200 ms equal"
    assert (
        words[4]
        == "other 3.000 2.00-9.00 12 3.4 5 0.50 7 100/200 ms equal (wire late) 15.0x / 60.0x"
    )
    assert words[5] == "broken failed no such thing"
    assert words[6] == "slow >90 given up >450x / >1800x"
    assert words[7].startswith("part >90 not tried: given up at less")


def test_table_scales_what_was_read_of_some_granules_and_says_so() -> None:
    """Five granules must not pass for twenty, nor their seconds for all."""
    some = replace(row("other", 3.0), read=5, of=50)
    rows = [row("cryodata", 0.2), some, replace(some, runs=(), gave_up=90.0)]
    lines = table(WORKLOADS["atl06_twenty"], rows).splitlines()
    words = [" ".join(line.split()) for line in lines]
    assert words[3] == (
        "other 30.000 once 120 34.0 50 5.00 7 100/200 ms"
        " equal (wire late) (5 of 50 read, scaled) 150.0x"
    )
    assert words[4] == "other >900 given up (5 of 50 read, scaled) >4500x"


def test_results_keep_rows_versions_and_machine(scene: Scene, tmp_path: Path) -> None:
    """A figure without what it was measured on cannot be compared with the next."""
    rows, path = [row("pyfive", 1.0), row("broken", failure="no")], tmp_path / "new" / "r.json"
    save(rows, scene, path)
    add(path, "scaling", [1, 2])
    new = [row("pyfive", 2.0), row("pyfive", 0.5, kept=True)]
    assert amended(rows, new) == [new[0], rows[1], new[1]]
    save(rows, scene, path)
    kept = json.loads(path.read_text("utf-8"))
    assert rows_of(kept) == rows
    assert kept["scaling"] == [1, 2]
    assert {"h5py", "pyfive", "obstore", "icechunk", "kerchunk"} <= set(kept["versions"])
    assert kept["machine"]["cpus"] >= 1


def test_every_row_where_cryodata_is_not_first_is_named_with_its_reason() -> None:
    """A report that only tells what was won is not one."""
    ours, known = row("cryodata", 0.2), row("cryodata", 0.1, kept=True)
    fast = row("fast", 0.15)
    fewer = replace(fast.runs[0].wire, depth=2, requests=3)
    fast = replace(fast, runs=(replace(fast.runs[0], wire=fewer),))
    wrong = row("wrong", 0.01)
    wrong = replace(
        wrong, runs=(replace(wrong.runs[0], cost=replace(wrong.runs[0].cost, verdict="WRONG")),)
    )
    rows = [ours, known, fast, row("alike", 0.05, 0.3, 0.09, kept=True), row("slow", 3.0), wrong]
    assert list(not_first(rows)) == [
        (
            "not first: atl06_one_beam in_region cold: fast 0.75x, "
            "because 2 rounds for 5, 3 requests for 12"
        ),
        (
            "not first: atl06_one_beam in_region kept: alike, index kept 0.90x, "
            "because of time spent waiting: no figure counted is smaller (ranges overlap)"
        ),
    ]


def test_reader_that_fails_is_reported_not_hidden(scene: Scene, tmp_path: Path) -> None:
    """A crash must not end the benchmark, nor look like a fast read."""
    broken = tmp_path / "broken.h5"
    broken.write_bytes(b"not HDF5 at all" * 1000)
    workload = WORKLOADS["atl06_one_beam"]
    bad = Scene(
        granules=scene.granules,
        practice={"ATL06": (broken,)},
        profile="none",
        seeds=(1,),
        say=lambda text: None,
    )
    (failed,) = run_all(bad, [workload], ["pyfive"])
    assert failed.verdict == "failed"
    assert failed.failure


def test_reader_given_up_at_a_part_is_not_tried_at_the_whole(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Minutes of waiting for what is known would keep people from running the benchmark."""
    one, six = WORKLOADS["atl06_one_beam"], WORKLOADS["atl06_six_beams"]
    assert six.includes(one)
    assert not one.includes(six)
    assert not WORKLOADS["atl06_box"].includes(one)
    assert not WORKLOADS["atl06_twenty"].includes(WORKLOADS["atl06_box"])
    tried = []

    def too_slow(job: Job, *_: object, **__: object) -> Run:
        tried.append((job.peer, job.workload))
        raise TimeoutError

    monkeypatch.setattr("benchmarks.session.run_once", too_slow)
    jobs = [one, six, WORKLOADS["atl06_box"]]
    rows = list(run_all(scene, jobs, ["pyfive"]))
    assert tried == [("pyfive", "atl06_one_beam"), ("pyfive", "atl06_box")]
    assert [(row.workload, row.gave_up, row.tried) for row in rows] == [
        (job.name, scene.patience, job is not six) for job in jobs
    ]
    tried.clear()
    large = {**scene.granules, "ATL03": scene.granules["ATL03"] * 50}
    (_, later) = run_all(
        replace(scene, granules=large), [one, WORKLOADS["atl03_photons"]], ["pyfive"]
    )
    assert tried == [("pyfive", "atl06_one_beam")]
    assert not later.tried


def test_wrong_values_are_called_wrong(tmp_path: Path) -> None:
    """A comparison that always says equal would let a broken reader win."""
    path, kept = tmp_path / "x.h5", tmp_path / "x.npz"
    values = np.arange(5, dtype="f4")
    values[3] = 3.4e38
    with h5py.File(path, "w") as file:
        file["g/h"] = values
        file["g/h"].attrs["_FillValue"] = values[3:4]
        file["g/n"] = np.arange(5)
    expected_values(path, ["g/h", "g/n"], kept)
    numbers = np.arange(5)
    masked = np.where(values == values[3], np.nan, values).astype("f4")
    assert verdict({"g/h": values, "g/n": numbers}, kept) == "equal"
    assert verdict({"g/h": masked, "g/n": numbers}, kept) == "equal"
    assert verdict({"g/h": masked + 1, "g/n": numbers}, kept).startswith("WRONG: g/h differs")
    assert verdict({"g/h": masked[:4], "g/n": numbers}, kept).startswith("WRONG: g/h has shape")
    assert verdict({"g/h": masked.astype("f8"), "g/n": numbers}, kept).startswith("WRONG")
    assert verdict({"g/h": masked}, kept) == "WRONG: no g/n"
    assert verdict({"g/h": masked, "g/n": None}, kept) == "WRONG: no g/n"


def test_times_are_equal_only_within_what_is_stored(tmp_path: Path) -> None:
    """A reader a leap second, or a microsecond, off must not pass."""
    path, kept = tmp_path / "x.h5", tmp_path / "x.npz"
    seconds = np.array([0.0, 5.1e7 + 0.123456789, 1.5e8 + 0.5])
    with h5py.File(path, "w") as file:
        file["delta_time"] = seconds
    expected_values(path, ["delta_time"], kept)
    utc = np.datetime64("2018-01-01", "ns") + (seconds.astype("f16") * 1e9).astype("m8[ns]")
    assert verdict({"delta_time": utc}, kept) == "equal"
    assert verdict({"delta_time": utc + np.timedelta64(1, "us")}, kept).startswith("WRONG")
    assert verdict({"delta_time": utc - np.timedelta64(18, "s")}, kept).startswith("WRONG")


def test_a_box_has_its_edges_and_rows_run_from_the_first_to_the_last_inside() -> None:
    """Another box than the one the reader under test is given would call right rows wrong."""
    lon, lat = np.array([0.0, 1.0, 2.0, 3.0, 1.5]), np.array([9.0, 5.0, 6.0, 6.0, 5.5])
    chosen = inside(lon, lat, (1.0, 5.0, 2.0, 6.0))
    assert chosen.tolist() == [False, True, True, False, True]
    assert span(chosen) == slice(1, 5)
    assert span(np.zeros(3, bool)) == slice(0, 0)


def test_jobs_travel_between_processes() -> None:
    """The measured process must do what was asked, not what it guessed."""
    place = Place("http://127.0.0.1:1", "bucket", "key.h5")
    target = Target((place, place), (1.0, 2.0, 3.0, 4.0))
    job = Job(peer="p", workload="w", target=target, practice=Target((place,)), expected="/x.npz")
    assert Job.from_json(job.to_json()) == job
    assert place.http == "http://127.0.0.1:1/bucket/key.h5"
    assert place.s3 == "s3://bucket/key.h5"


def test_page_and_plots_are_those_of_the_results_in_the_repository() -> None:
    """A figure that no program printed, or that an older one did, would be a false claim."""
    content = json.loads(DATA.read_text("utf-8"))
    page = PAGE.read_text("utf-8")
    assert put(page, content) == page, "run: python -m benchmarks.page benchmarks/results/docs.json"
    shown = set(re.findall(r"images/(bench-[\w-]+\.svg)", page))
    assert shown == {path.name for path in IMAGES.glob("bench-*.svg")}
    assert {row.place for row in rows_of(content)} == {"in_region", "out_of_region", "local"}
    for name in shown:
        assert f"results {digest(content)}" in (IMAGES / name).read_text("utf-8"), name


def test_what_grows_is_measured_in_steps_and_checked(scene: Scene) -> None:
    """A step of wrong values, or of all granules at once, would bend the curve."""
    axes = {"granules": ("atl06_twenty", (1, 2)), "variables": ("atl06_one_beam", (6,))}
    steps = list(measure(scene.granules, scene.practice, profile="none", axes=axes))
    assert {step.verdict for step in steps} == {"equal"}
    assert len(steps) == 3 * 4  # counts, and readers with cryodata once more
    cold = {(s.axis, s.count): s.nbytes for s in steps if s.peer == "h5coro"}
    assert cold["granules", 2] > cold["granules", 1]
    table = scaling_table(steps)
    assert "by number of granules" in table
    assert len([line for line in table.splitlines() if line.endswith("equal")]) == len(steps)
