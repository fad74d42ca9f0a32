"""Builders that are killed, and many at once: what was committed stays, nothing is twice."""

from __future__ import annotations

import os
import pickle
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import cryodata as cd
from cryodata.references import building
from tests.references.stores import clean, contents, tiny_granules

MOST = 60.0
"""Seconds that any child may take."""


@pytest.fixture(scope="module")
def granules(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return tiny_granules(tmp_path_factory.mktemp("granules"), 6)


@pytest.fixture(autouse=True)
def many_commits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A commit for each granule: more moments at which something is half done."""
    monkeypatch.setattr(building, "SECONDS", 0.0)
    monkeypatch.setattr(building, "SLOWER", 0.0)


def forked(job: Callable[[], object]) -> int:
    """A child that does a job; its number. It shares the modules, and no thread."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            job()
            code = 0
        finally:
            os._exit(code)
    return child


def ended(child: int) -> int:
    """Wait for a child; the signal that ended it, or minus its exit code."""
    until = time.monotonic() + MOST
    while time.monotonic() < until:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.WTERMSIG(status) if os.WIFSIGNALED(status) else -os.WEXITSTATUS(status)
        time.sleep(0.001)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    raise AssertionError("a child did not come to an end")


CRASHES = """
import sys
from pathlib import Path
import cryodata.reader, cryodata.references.refreshing, cryodata.references.appending
import obstore, pyarrow.parquet, deflate  # once, for all children
from tests.references import test_crash
from cryodata.references import building
building.SECONDS = building.SLOWER = 0.0
test_crash.crash(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], int(sys.argv[4]))
"""


def crash(folder: Path, work: Path, what: str, kills: int) -> None:
    """Kill builders at random moments, in a process without threads, which can be forked."""
    chance = random.Random(kills)
    files = sorted(folder.glob("*.h5"))
    base = files[:2] if what == "append" else []

    def build(where: Path, wanted: list[Path]) -> Callable[[], object]:
        if wanted is base or what == "build":
            return lambda: cd.references.build(wanted, where, parallel=None)
        return lambda: cd.references.append(where, wanted, parallel=None)

    def whole(where: Path) -> float:
        begin = time.monotonic()
        if base:
            assert ended(forked(build(where, base))) == 0
            begin = time.monotonic()
        assert ended(forked(build(where, files))) == 0
        return time.monotonic() - begin

    seconds = min(whole(work / name) for name in ("timed", "again", "whole"))
    plain = _contents(work / "whole")
    hit = partly = 0
    for number in range(3 * kills):  # some are done before they are killed
        if hit == kills:
            break
        where = work / str(number)
        if base:
            assert ended(forked(build(where, base))) == 0
        child = forked(build(where, files))
        time.sleep(chance.uniform(0, seconds))
        os.kill(child, signal.SIGKILL)
        if ended(child) != signal.SIGKILL:
            continue
        hit += 1
        kept = _contents(where)
        assert kept.items() <= plain.items()
        assert len(kept) >= len(base)
        partly += len(base) < len(kept) < len(files)
        assert ended(forked(build(where, files))) == 0
        assert _contents(where) == plain
    sys.stdout.write(f"{hit} {partly}")


def _contents(where: Path) -> dict[str, object]:
    """What is in a store, all of it looked at; in a child, so that this process has no thread."""
    reading, writing = os.pipe()

    def tell() -> None:
        with os.fdopen(writing, "wb") as file:
            pickle.dump(dict(contents(clean(where))), file)

    child = forked(tell)
    os.close(writing)
    with os.fdopen(reading, "rb") as file:
        data = file.read()
    assert ended(child) == 0
    found: dict[str, object] = pickle.loads(data)
    return found


@pytest.mark.parametrize("kills", [25, pytest.param(100, marks=pytest.mark.soak)])
@pytest.mark.parametrize("what", ["build", "append"])
def test_killed_at_any_moment(granules: list[Path], tmp_path: Path, what: str, kills: int) -> None:
    """The store is clean, a build goes on, and ends as if nothing had been."""
    done = subprocess.run(
        [sys.executable, "-c", CRASHES, str(granules[0].parent), str(tmp_path), what, str(kills)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    hit, partly = map(int, done.stdout.split())
    assert hit == kills
    assert partly > kills // 10, "and many with some granules committed"


ROUNDS = """
import sys
import cryodata as cd
from pathlib import Path
from cryodata.references import building
from tests.references.stores import clean
building.SECONDS = building.SLOWER = 0.0
folder, where, number = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
files = sorted(folder.glob("*.h5"))
files = files[number % len(files):] + files[: number % len(files)]
for end in range(1, len(files) + 1):
    refs = cd.references.build(files[:end], where)
    assert {str(f) for f in files[:end]} <= {row.key for row in refs}
    clean(where)
"""


def test_eight_at_once(granules: list[Path], tmp_path: Path) -> None:
    """All build and read the same store, in different orders."""
    where = tmp_path / "refs"
    children = [
        subprocess.Popen(
            [sys.executable, "-c", ROUNDS, str(granules[0].parent), str(where), str(number)],
            cwd=Path(__file__).parents[2],
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(8)
    ]
    for child in children:
        _, problem = child.communicate(timeout=200)
        assert child.returncode == 0, problem[-3000:]
    refs = clean(where)
    assert contents(refs) == contents(cd.references.build(granules, tmp_path / "plain"))
    assert not list(where.rglob("*.part"))
