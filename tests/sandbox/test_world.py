"""Unmodified libraries work in a world where the real host names are the sandbox."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from cryodata.sandbox import Fault
from cryodata.sandbox.granules import atl06
from cryodata.sandbox.world import Host, Login, Outcome, World, available, run_in_world

pytestmark = pytest.mark.skipif(bool(available()), reason=available())

HEIGHTS = "gt1l/land_ice_segments/h_li"
EARTHACCESS = """
import json, sys
import earthaccess, h5py

how, wanted, *_ = sys.argv[1:]
assert earthaccess.login(strategy=how).authenticated
(collection,) = earthaccess.search_datasets(short_name="ATL06", version="006")
asked = dict(short_name="ATL06", bounding_box=(-180, 55, 180, 90), temporal=("2019-01", "2020-12"))
results = earthaccess.search_data(**asked)
nothing = earthaccess.search_data(**{**asked, "bounding_box": (0, -10, 10, 10)})
(opened,) = earthaccess.open(results, show_progress=False)
with h5py.File(opened) as file:
    heights = file[wanted][:].tolist()
print(json.dumps({
    "collection": collection["meta"]["concept-id"],
    "names": [result["umm"]["GranuleUR"] for result in results],
    "nothing": len(nothing),
    "in_region": earthaccess.__store__.in_region,
    "kind": type(opened.f).__module__,
    "heights": heights,
}))
"""
KEYS = """
import sys, json
import earthaccess, obstore, obstore.exceptions, s3fs
from obstore.store import S3Store

bucket, key = sys.argv[1:]
earthaccess.login(strategy="environment")
keys = earthaccess.__auth__.get_s3_credentials(
    endpoint="https://data.nsidc.earthdatacloud.nasa.gov/s3credentials"
)
same = earthaccess.get_s3_credentials(provider="NSIDC_CPRD")
assert keys.keys() == same.keys()
said = {}
named = dict(key=keys["accessKeyId"], secret=keys["secretAccessKey"], token=keys["sessionToken"])
for region in (None, "us-west-2"):
    fs = s3fs.S3FileSystem(**named, client_kwargs={"region_name": region} if region else {})
    try:
        said[f"s3fs {region}"] = fs.cat_file(f"{bucket}/{key}", start=0, end=8).hex()
    except PermissionError:
        said[f"s3fs {region}"] = "denied"
for hosted in (False, True):
    store = S3Store(
        bucket,
        region="us-west-2",
        access_key_id=keys["accessKeyId"],
        secret_access_key=keys["secretAccessKey"],
        session_token=keys["sessionToken"],
        virtual_hosted_style_request=hosted,
    )
    try:
        said[f"obstore {hosted}"] = bytes(obstore.get_range(store, key, start=0, end=8)).hex()
    except obstore.exceptions.PermissionDeniedError:
        said[f"obstore {hosted}"] = "denied"
print(json.dumps(said))
"""
PROVIDER = """
import json, sys
import obstore
from obstore.auth.earthdata import NasaEarthdataCredentialProvider
from obstore.store import S3Store

bucket, key = sys.argv[1:]
endpoint = "https://data.nsidc.earthdatacloud.nasa.gov/s3credentials"
provider = NasaEarthdataCredentialProvider(endpoint)
store = S3Store(bucket, region="us-west-2", credential_provider=provider)
print(bytes(obstore.get_range(store, key, start=0, end=8)).hex())
provider.close()
"""
STRANGERS = """
import json, os, socket
def told(call):
    try:
        call()
    except OSError as error:
        return type(error).__name__
    return "reached"
print(json.dumps({
    "address": told(lambda: socket.create_connection(("192.0.2.1", 443), 5)),
    "name": told(lambda: socket.create_connection(("example.org", 443), 5)),
    "variables": sorted(os.environ),
    "home": os.listdir(os.environ["HOME"]),
}))
"""
MAGIC = b"\x89HDF\r\n\x1a\n".hex()


@pytest.fixture(scope="module")
def granule(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A granule over Greenland's latitudes, of 2019 or 2020."""
    return atl06(tmp_path_factory.mktemp("world"), segments=500, rgt=1169, cycle=5)


@pytest.fixture(scope="module")
def running(granule: Path) -> Iterator[World]:
    with World(granules=[granule]) as made:
        yield made


@pytest.fixture
def world(running: World) -> Iterator[World]:
    """The world of all tests here, inside the region and without faults."""
    running.move(inside=True)
    running.clear_faults()
    yield running
    running.clear_faults()


@pytest.fixture(scope="module")
def place(granule: Path) -> tuple[str, str]:
    """Bucket and key of the granule."""
    digits = granule.name.split("_")[1]
    day = f"{digits[:4]}/{digits[4:6]}/{digits[6:8]}"
    return "nsidc-cumulus-prod-protected", f"ATLAS/ATL06/006/{day}/{granule.name}"


def said(outcome: Outcome) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(outcome.check().splitlines()[-1])
    return answer


def filled(heights: Any) -> Any:
    """Heights with NaN where the file has its fill value."""
    return np.where(heights > 1e38, np.float32(np.nan), heights)


def reads(outcome: Outcome, host: Host) -> int:
    """How many requests a host has answered with bytes of a granule."""
    return sum(entry.status == 206 for entry in outcome.requests[host])


@pytest.mark.parametrize(
    "login, inside", [("password", True), ("token", True), ("netrc", False), ("token", False)]
)
def test_earthaccess(world: World, granule: Path, login: Login, inside: bool) -> None:
    """Users of the library most use would read something else than the granule, or nothing."""
    world.move(inside=inside)
    how = "netrc" if login == "netrc" else "environment"
    outcome = world.run(EARTHACCESS, how, HEIGHTS, login=login)
    told = said(outcome)
    assert told["collection"] == "C2670138092-NSIDC_CPRD"
    assert told["names"] == [granule.name]
    assert told["nothing"] == 0
    assert told["in_region"] is inside
    assert told["kind"].startswith("s3fs" if inside else "fsspec.implementations.http")
    with h5py.File(granule) as file:
        assert np.array_equal(np.float32(told["heights"]), file[HEIGHTS][:])
    asked = {host: len(entries) for host, entries in outcome.requests.items()}
    assert (asked["s3"] > 0) == (asked["imds"] > 0) == inside
    assert (asked["cdn"] > 0) == (not inside)
    assert asked["cmr"] > 0


def test_keys_with_s3fs_and_obstore(world: World, place: tuple[str, str]) -> None:
    """Both ways to name a bucket, in path and in host, have to bear its signature."""
    assert set(said(world.run(KEYS, *place)).values()) == {MAGIC}


def test_keys_are_no_use_outside(world: World, place: tuple[str, str]) -> None:
    """Readers outside the region would seem to work, and fail before NASA's S3."""
    world.move(inside=False)
    answers = said(world.run(KEYS, *place))
    assert len(answers) == 4
    assert set(answers.values()) == {"denied"}


@pytest.mark.parametrize("login", ["token", "password"])
def test_obstores_own_provider(world: World, place: tuple[str, str], login: Login) -> None:
    """The one other provider of Earthdata's keys would not work here."""
    assert world.run(PROVIDER, *place, login=login).check().strip() == MAGIC


def test_nothing_else_is_there(world: World) -> None:
    """A program could reach the real network, or find what its user has at home."""
    told = said(world.run(STRANGERS, login="none", env={"MINE": "1"}))
    assert told["address"] == "OSError"  # no route
    assert told["name"] == "gaierror"
    assert told["home"] == []
    assert "MINE" in told["variables"]
    assert not [name for name in told["variables"] if name.startswith(("EARTHDATA_", "AWS_ACC"))]


def test_faults_meet_programs(world: World) -> None:
    """What users suffer could not be shown to them before they suffer it."""
    world.fault("cmr", Fault("html", status=200), times=1)
    script = "import earthaccess; earthaccess.search_data(short_name='ATL06')"
    outcome = world.run(script, login="none")
    assert outcome.returncode == 1
    assert outcome.requests["cmr"][0].fault == "html"
    world.clear_faults()
    assert world.run(script, login="none").returncode == 0


def test_status(world: World) -> None:
    """A library that asks first whether all is well would be told nothing."""
    script = "import earthaccess; print(earthaccess.status(raise_on_outage=True))"
    assert "'Earthdata Login': 'OK'" in world.run(script, login="none").check()


def test_program_that_does_not_end(world: World) -> None:
    """A test would hang with the program it runs; the world goes on."""
    outcome = world.run("import time; print(1, flush=True); time.sleep(100)", timeout=1.0)
    assert outcome.returncode == -signal.SIGKILL
    assert outcome.stdout == "1\n"
    assert "killed after" in outcome.stderr
    with pytest.raises(AssertionError, match="exit code -9"):
        outcome.check()
    assert world.run("print(2)").check() == "2\n"


def test_nothing_outlives_a_program(world: World) -> None:
    """Workers that a program leaves behind would read on, and disturb the next."""
    script = (
        "import subprocess; quiet = subprocess.DEVNULL\n"
        "left = subprocess.Popen(['sleep', '1000'], stdout=quiet, stderr=quiet)\n"
        "print(left.pid)"
    )
    pid = int(world.run(script).check())
    deadline = time.monotonic() + 30
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not alive(pid)


def test_script_in_a_file(world: World, tmp_path: Path) -> None:
    """A program that is a file would not be run from where it is."""
    script = tmp_path / "own.py"
    script.write_text("import sys; print(sys.argv)")
    assert world.run(script, "a", tmp_path).check() == f"{[str(script), 'a', str(tmp_path)]}\n"


def test_user_is_known_to_the_test(world: World) -> None:
    """Tests that look for secrets in what a program leaves would look for nothing."""
    told = world.run("import os; print(os.environ['EARTHDATA_PASSWORD'])").check()
    assert told.strip() == world.secrets["password"]


def test_token_of_a_given_life(world: World) -> None:
    """A token that is over could not be given to a program."""
    script = "import earthaccess; earthaccess.login(); earthaccess.search_data(short_name='ATL06')"
    for life, code in ((60.0, 0), (-60.0, 1)):
        given = {"EARTHDATA_TOKEN": world.token(life)}
        assert world.run(script, login="none", env=given).returncode == code


def test_wrong_password(world: World) -> None:
    """A user who mistypes would be let in."""
    script = "import earthaccess; earthaccess.login(strategy='environment')"
    outcome = world.run(script, env={"EARTHDATA_PASSWORD": "wrong"})
    assert outcome.returncode == 1
    assert "LoginAttemptFailure" in outcome.stderr


def test_one_program(granule: Path) -> None:
    """The short form would leave out what the long one does; and keys that are over be good."""
    script = """
import earthaccess, time
earthaccess.login()
(granule,) = earthaccess.search_data(short_name="ATL06")
keys = earthaccess.get_s3_credentials(provider="NSIDC_CPRD")
fs = earthaccess.get_s3_filesystem(provider="NSIDC_CPRD")
(url,) = granule.data_links(access="direct")
assert fs.cat_file(url, start=0, end=8)
time.sleep(2.5)
try:
    fs.cat_file(url, start=0, end=8)
except PermissionError as error:
    print(error)
"""
    outcome = run_in_world(script, granules=[granule], session="2s")
    assert "token has expired" in outcome.check()


def test_world_ends_with_its_maker() -> None:
    """Servers would be left behind by a test run that is killed."""
    script = (
        "from cryodata.sandbox.world import World; import time\n"
        "world = World().start(); print(world._process.pid, flush=True)\n"
        "world.run('import time; time.sleep(100)')\n"
    )
    maker = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert maker.stdout is not None
    pid = int(maker.stdout.readline())
    try:
        below = descendants(pid)
        deadline = time.monotonic() + 60
        while len(below) < 3 and time.monotonic() < deadline:  # until the program runs
            time.sleep(0.05)
            below = descendants(pid)
        assert len(below) >= 3  # keeper, S3 server, program
    finally:
        maker.kill()
        maker.wait()
        maker.stdout.close()
    deadline = time.monotonic() + 60
    while any(alive(one) for one in (pid, *below)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not [one for one in (pid, *below) if alive(one)]


def test_reason_why_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests would be skipped without a word, or fail where there can be no world."""
    monkeypatch.setenv("PATH", "/nowhere")
    assert "unshare" in available.__wrapped__()


def descendants(pid: int) -> list[int]:
    """Processes below one, of all generations."""
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        direct = [int(word) for task in tasks for word in (task / "children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [*direct, *(one for child in direct for one in descendants(child))]


def alive(pid: int) -> bool:
    """Whether a process runs: one that is over and not yet buried does not."""
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"
