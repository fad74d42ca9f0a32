"""References that lie, or lead where they must not: nothing is opened outside, nobody is asked."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UNSAFE = frozenset({"UnsafeReferenceError"})
REFUSED = UNSAFE | {"FormatError", "UnsupportedError", "LimitExceededError"}
DAMAGED = {"CacheError", "FormatError", "ChunkCorruptError"}
WALKED = {"the granule itself"}
ALLOWED = {
    "url": UNSAFE,
    "s3 only": UNSAFE,
    "https only": UNSAFE,
    "keys from elsewhere": UNSAFE,
    "catalogue": DAMAGED,
    "index": DAMAGED | WALKED,
    "alike": DAMAGED | WALKED,
    "kerchunk": REFUSED,
    "kerchunk Parquet": REFUSED,
    "icechunk": UNSAFE,
}
"""What may come of each kind."""
COUNTS = Counter({"url": 40, "index": 20, "kerchunk": 100, "kerchunk Parquet": 90, "icechunk": 20})
"""So many of each at least."""


@pytest.fixture(scope="module")
def tried(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, object], str, Path]:
    """Outcomes, what the system was asked for, and the folder of it all."""
    for tool in ("unshare", "strace"):
        assert shutil.which(tool), f"{tool} is needed: apt-get install util-linux strace"
    folder = tmp_path_factory.mktemp("hostile")
    trace = folder / "trace"
    command = [
        *("unshare", "--net", "strace", "-f", "-qq", "-e", "trace=open,openat,connect,write"),
        *("-s", "300", "-o", str(trace), sys.executable),
        *("-m", "tests.references.hostile_references", str(folder)),
    ]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    text = trace.read_text("utf-8", "replace")
    assert 'write(2, "BEGIN' in text
    found = json.loads((folder / "outcomes.json").read_text())
    return found, text.partition('write(2, "BEGIN')[2], folder


def test_all_are_refused(tried: tuple[dict[str, object], str, Path]) -> None:
    """Or, where only an index is wrong, the granule is walked instead, and its values are right."""
    outcomes = tried[0]["outcomes"]
    assert isinstance(outcomes, dict)
    kinds = {name: name.partition(":")[0] for name in outcomes}
    assert Counter(kinds.values()) >= COUNTS
    assert {n: w for n, w in outcomes.items() if w not in ALLOWED[kinds[n]]} == {}


def test_nobody_was_asked(tried: tuple[dict[str, object], str, Path]) -> None:
    """No connection reached a server, and none was begun."""
    assert tried[0]["visits"] == 0
    assert re.findall(r"connect\(.*AF_INET.*", tried[1]) == []


def test_no_file_was_opened_outside(tried: tuple[dict[str, object], str, Path]) -> None:
    """Neither the planted secret, which is a granule like the other, nor what is private here."""
    _, trace, folder = tried
    opened = re.findall(r'open(?:at)?\((?:AT_FDCWD, )?"([^"]*)"', trace)
    assert any(str(folder / "allowed") in name for name in opened), "the trace saw what was read"
    places = (str(folder / "secret"), "/etc/passwd", "/proc/self/mem", "/etc/shadow")
    assert [name for name in map(os.path.normpath, opened) if name.startswith(places)] == []
    # Of files beside the granules no name may climb; libraries find their own that way.
    assert [name for name in opened if name.startswith(str(folder)) and "/../" in name] == []


def test_no_mutation_ends_the_process(tmp_path: Path) -> None:
    """A damaged footer must not take the kernel of a notebook with it, as Arrow alone lets it."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.references.mutated_parquet", str(tmp_path), "6000", "7"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    passed, refused = map(int, done.stdout.split())
    assert passed + refused == 6000
    assert min(passed, refused) > 300, "some changes harm, and some do not"
