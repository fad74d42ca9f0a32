"""Files that ask for too much: refused in words, at once, and in little memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.hostile.bombs import BOMBS, FINE, Bomb
from tests.hostile.bombs.counts import outside
from tests.hostile.bombs.shapes import huge_shape
from tests.hostile.jobs import Digests, digest_of, read_rows, seen_digests, seen_digests_by_h5py
from tests.hostile.sandboxed import Sandbox
from tests.snapshot import canonical

SECONDS = 2.0
"""Beyond the start of the interpreter, which the sandbox has behind it."""
MEMORY = 256 << 20


@pytest.mark.parametrize("bomb", BOMBS, ids=lambda bomb: bomb.name)
def test_bomb(bomb: Bomb, tmp_path: Path, sandbox: Sandbox) -> None:
    """One hostile file in an archive must not end the worker that meets it."""
    path = tmp_path / "bomb.h5"
    bomb.build(path)
    outcome = sandbox.run(seen_digests, str(path))
    assert not outcome.hung
    assert not outcome.signal
    assert outcome.seconds < SECONDS
    assert outcome.memory < MEMORY
    if not bomb.where:
        assert outcome.typed, outcome.what
        assert outcome.error in bomb.errors
        return
    assert outcome.returned, outcome.what
    seen: Digests = outcome.value
    assert not seen.untyped
    assert seen.fields["/fine#value"] == digest_of(canonical(FINE))
    if bomb.where == "-":
        theirs = sandbox.run(seen_digests_by_h5py, str(path)).value
        assert not seen.refused
        assert seen.fields == theirs.fields
    else:
        assert seen.refused.keys() == {bomb.where}
        assert seen.refused[bomb.where][0] in bomb.errors


@pytest.mark.parametrize("libver", ["earliest", "latest"])
def test_a_few_of_10_to_the_12(libver: str, tmp_path: Path, sandbox: Sandbox) -> None:
    """Opening must not build anything per chunk, and a slice must cost what the slice costs."""
    path = tmp_path / "huge.h5"
    huge_shape(path, libver, axes=1)
    few = sandbox.run(read_rows, str(path), "x", 10)
    assert few.returned, few.what
    assert np.array_equal(few.value, np.ones(10, "f4"))
    assert few.seconds < SECONDS
    assert few.memory < MEMORY
    everything = sandbox.run(read_rows, str(path), "x", None)
    assert everything.typed, everything.what
    assert everything.error == "SelectionError"
    assert everything.memory < MEMORY


def test_files_outside_stay_outside(tmp_path: Path, sandbox: Sandbox) -> None:
    """External storage would hand out any file of the machine that reads the granule."""
    path = tmp_path / "outside.h5"
    outside(path)
    for variable in ("x", "link"):
        outcome = sandbox.run(read_rows, str(path), variable, None)
        assert outcome.error == "UnsupportedError"
        assert "SECRET" not in outcome.what
