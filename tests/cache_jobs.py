"""What the cache's tests run in processes of their own, because they are ended or crowded.

``python -m tests.cache_jobs NAME FOLDER NUMBER`` runs one job and exits with 0 if all was
as it should be.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from cryodata.errors import CacheError
from cryodata.formats import decode_index, encode_index
from cryodata.formats.seal import DIGITS, MARK, seal
from cryodata.keep import cache
from cryodata.keep.cache import IndexCache
from tests.index_samples import differences, every_kind, small_index

__all__ = ["VERSIONS", "run_job"]

VERSIONS = [small_index(etag=f'"{i}"', arrays=1 + i, pad=3000 * i) for i in range(3)]


def fork_and_kill(folder: Path, rounds: int) -> None:
    """Children that save without end are killed at random moments."""
    kept = IndexCache(folder)
    assert kept.save(VERSIONS[0])
    rng = random.Random(rounds)
    for _ in range(rounds):
        child = os.fork()
        if not child:
            while True:
                for index in VERSIONS:
                    kept.save(index)
        time.sleep(rng.uniform(0.001, 0.03))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        expect_one_of_them(kept)


def expect_one_of_them(kept: IndexCache) -> None:
    index = kept.load(VERSIONS[0].source.url)
    assert index is not None, "the entry is lost or damaged"
    assert any(not differences(index, version) for version in VERSIONS)


def crowd(folder: Path, rounds: int) -> None:
    """One of many processes that save and load the same granule."""
    kept = IndexCache(folder)
    rng = random.Random(os.getpid())
    for _ in range(rounds):
        assert kept.save(rng.choice(VERSIONS))
        expect_one_of_them(kept)


def fork_while_saving(folder: Path, _: int) -> None:
    """A child made while another thread saves must not wait for that thread for ever."""
    with cache._saving:
        child = os.fork()
        if not child:
            os._exit(0 if IndexCache(folder).save(VERSIONS[0]) else 1)
        _, status = os.waitpid(child, 0)
    assert status == 0


def mutants(_: Path, count: int) -> None:
    """Files changed at random under a checksum that fits: refused, or a sound index."""
    data = encode_index(every_kind())
    rng = random.Random(count)
    refused = 0
    for _number in range(count):
        changed = bytearray(data)
        for _flip in range(rng.choice((1, 1, 2, 8))):
            changed[rng.randrange(len(data))] = rng.randrange(256)
        try:
            index = decode_index(sealed_again(bytes(changed)))
        except (CacheError, ValueError):
            refused += 1
        else:
            assert decode_index(encode_index(index)).source == index.source
    assert refused > count // 2


def sealed_again(data: bytes) -> bytes:
    first = data.rfind(MARK) + len(MARK)
    return seal(data[:first] + b"0" * DIGITS + data[first + DIGITS :])


JOBS: Mapping[str, Callable[[Path, int], None]] = {
    job.__name__: job for job in (fork_and_kill, crowd, fork_while_saving, mutants)
}


def run_job(name: str, folder: Path, number: int) -> subprocess.Popen[bytes]:
    """Start a job; the caller waits for it."""
    command = [sys.executable, "-m", "tests.cache_jobs", name, str(folder), str(number)]
    root = Path(__file__).resolve().parents[1]
    return subprocess.Popen(command, cwd=root, stderr=subprocess.PIPE)


if __name__ == "__main__":
    JOBS[sys.argv[1]](Path(sys.argv[2]), int(sys.argv[3]))
