"""Damaged files: an error in words, or the right data; never a crash, a hang or a wrong value."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.hostile.bases import GENERATED, REAL, write_granule
from tests.hostile.jobs import Digests, digest_of, seen_digests, seen_digests_by_h5py
from tests.hostile.mutate import Anatomy, dissect, mutant
from tests.hostile.sandboxed import Bounds, Outcome, Sandbox

EVERYDAY = 60
"""Mutants of each base: 300 together."""
SOAK = 2000
MEMORY = 512 << 20
BASES = [*REAL, *GENERATED]


def sound_file(base: str, folder: Path) -> Path:
    if base in REAL:
        return REAL[base]
    path = folder / "sound.h5"
    write_granule(path, GENERATED[base])
    return path


@pytest.mark.parametrize("base", BASES)
def test_mutants(base: str, tmp_path: Path, sandbox: Sandbox) -> None:
    """A parser that trusts one field too many crashes, hangs, or makes up values."""
    attack(base, range(EVERYDAY), tmp_path, sandbox)


@pytest.mark.soak
@pytest.mark.parametrize("base", BASES)
def test_mutants_in_number(base: str, tmp_path: Path, sandbox: Sandbox) -> None:
    """The promise's full count: 2,000 of each file, 10,000 together."""
    attack(base, range(EVERYDAY, EVERYDAY + SOAK), tmp_path, sandbox)


def attack(base: str, seeds: range, folder: Path, sandbox: Sandbox) -> None:
    """Fail with the seeds whose outcome is neither an error of ours nor the right data."""
    sound = sound_file(base, folder)
    anatomy = dissect(sound)
    original = sandbox.run(seen_digests, str(sound))
    assert original.returned, original
    assert not original.value.refused
    failures = []
    kinds: Counter[str] = Counter()
    for seed in seeds:
        outcome, wrong = judged(anatomy, seed, folder, original.value, sandbox)
        kinds[
            outcome.error or ("partly" if outcome.value and outcome.value.refused else "read")
        ] += 1
        if wrong:
            failures.append(f"{base} seed {seed}: {wrong}")
    assert not failures, "\n".join(failures[:20])
    assert kinds["read"] < len(seeds), "the damage does not hurt"


def judged(
    anatomy: Anatomy, seed: int, folder: Path, original: Digests, sandbox: Sandbox
) -> tuple[Outcome, str]:
    """What became of one mutant, and what is wrong with that; empty where nothing is."""
    data, wounds = mutant(anatomy, seed)
    path = folder / "mutant.h5"
    path.write_bytes(data)
    outcome = sandbox.run(seen_digests, str(path))
    if outcome.memory > MEMORY:
        return outcome, f"{outcome.memory >> 20} MB"
    if outcome.hung or outcome.signal:
        return outcome, outcome.signal or "hangs"
    if outcome.error:
        return outcome, "" if outcome.typed else outcome.what
    if outcome.value.untyped:
        return outcome, f"untyped {outcome.value.untyped}"
    changed = unlike(outcome.value, original)
    if not changed:
        return outcome, ""
    oracle = sandbox.run(seen_digests_by_h5py, str(path))
    if oracle.signal or oracle.hung:
        return outcome, ""  # libhdf5 itself did not survive: nobody knows what is right
    theirs = oracle.value if oracle.returned else Digests({}, {}, {"/": (oracle.error, "")})
    still = set(unlike(outcome.value, theirs))
    wrong = [
        key
        for key in changed
        if key in still and not excused(key, outcome.value, theirs, lone=wounds == 1)
    ]
    return outcome, f"differs in {wrong[:5]} {oracle.error or oracle.signal}" if wrong else ""


def excused(key: str, ours: Digests, theirs: Digests, *, lone: bool) -> bool:
    """Why a field may differ from both: h5py could not read it, and that was to be expected."""
    lost_to = [path for path in theirs.untyped if key.startswith(below([path]))]
    if not lone and (lost_to or key.endswith("#dims")):
        return True  # another wound may have been too much for h5py, here or in a scale
    if not lost_to:
        return False
    errors = [theirs.untyped[path] for path in lost_to]
    if any(error == "UnicodeDecodeError" or "doesn't exist" in what for error, what in errors):
        return True  # a name that it cannot take, or not find in the order it is in now
    # axes without names, where it cannot read the references to the scales either
    return key.endswith("#dims") and ours.fields.get(key) == digest_of(())


def below(paths: Iterable[str]) -> tuple[str, ...]:
    """How the keys of these objects, their attributes and their members begin."""
    return tuple(f"{path.rstrip('/@')}{mark}" for path in paths for mark in "#@/")


def unlike(ours: Digests, other: Digests) -> list[str]:
    """Fields in which two snapshots differ, but for those below what ours refused."""
    lost = below(ours.refused)
    return [
        key
        for key in sorted(ours.fields.keys() | other.fields.keys())
        if ours.fields.get(key) != other.fields.get(key)
        and not key.startswith(lost)
        and not (key.endswith("#fill") and key not in other.fields)
    ]


def crash() -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def test_sandbox_tells_ends_apart(sandbox: Sandbox) -> None:
    """If crashes, hangs and errors looked like results, no test here could fail."""
    assert sandbox.run(crash).signal == "SIGSEGV"
    assert sandbox.run(time.sleep, 60, bounds=Bounds(seconds=1)).hung
    assert sandbox.run(bytearray, 1 << 29, bounds=Bounds(memory=1 << 28)).error == "MemoryError"
    assert sandbox.run(bytes, 100 << 20).memory > 50 << 20
    assert sandbox.run(int, "x").error == "ValueError"
    assert sandbox.run(int, "7").value == 7
