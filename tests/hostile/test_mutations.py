"""Damaged files: an error in words, or the right data; never a crash, a hang or a wrong value."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hostile.bases import GENERATED, REAL, write_granule
from tests.hostile.jobs import Digests, digest_of, seen_digests, seen_digests_by_h5py
from tests.hostile.mutate import Anatomy, dissect, mutant
from tests.hostile.sandboxed import Outcome, Sandbox

EVERYDAY = 60
"""Mutants of each base: 300 together."""
SOAK = 2000
MEMORY = 512 << 20
BASES = [*REAL, *GENERATED]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as made:
        yield made


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
        kinds[outcome.error or ("partly" if outcome.value and outcome.value.refused else "read")] += 1
        if wrong:
            failures.append(f"{base} seed {seed}: {wrong}")
    assert not failures, "\n".join(failures[:20])
    assert kinds["read"] < len(seeds), "the damage does not hurt"


def judged(
    anatomy: Anatomy, seed: int, folder: Path, original: Digests, sandbox: Sandbox
) -> tuple[Outcome, str]:
    """What became of one mutant, and what is wrong with that; empty where nothing is."""
    path = folder / "mutant.h5"
    path.write_bytes(mutant(anatomy, seed))
    outcome = sandbox.run(seen_digests, str(path))
    if outcome.memory > MEMORY:
        return outcome, f"{outcome.memory >> 20} MB"
    if outcome.hung or outcome.signal:
        return outcome, outcome.signal or "hangs"
    if outcome.error:
        return outcome, "" if outcome.typed else outcome.what
    if outcome.value.untyped:
        return outcome, f"untyped {outcome.value.untyped}"
    doubtful = unlike(outcome.value, original)
    if not doubtful:
        return outcome, ""
    theirs = sandbox.run(seen_digests_by_h5py, str(path))
    if not theirs.returned:
        return outcome, f"differs in {doubtful[:5]}, h5py: {theirs.error} {theirs.signal}"
    still = set(unlike(outcome.value, theirs.value))
    differing = [
        key for key in doubtful if key in still and not unnamed(key, outcome.value, theirs.value)
    ]
    return outcome, f"differs from both in {differing[:5]}" if differing else ""


def unnamed(key: str, ours: Digests, theirs: Digests) -> bool:
    """Axes without names, where h5py cannot read the references to the scales either."""
    path, _, field = key.partition("#")
    return field == "dims" and ours.fields.get(key) == digest_of(()) and path in theirs.untyped


def unlike(ours: Digests, other: Digests) -> list[str]:
    """Fields in which two snapshots differ, but for those below what ours refused."""
    lost = tuple(f"{path.rstrip('/')}{mark}" for path in ours.refused for mark in "#@/")
    return [
        key
        for key in sorted(ours.fields.keys() | other.fields.keys())
        if ours.fields.get(key) != other.fields.get(key)
        and not key.startswith(lost)
        and not (key.endswith("#fill") and key not in other.fields)
    ]


def test_sandbox_tells_ends_apart(sandbox: Sandbox) -> None:
    """If crashes, hangs and errors looked like results, no test here could fail."""
    assert sandbox.run(os.kill, 0, 11).signal == "SIGSEGV"
    assert sandbox.run(int, "x").error == "ValueError"
    assert sandbox.run(int, "7").value == 7
