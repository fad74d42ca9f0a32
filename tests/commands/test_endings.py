"""How commands end: codes, errors as JSON, Ctrl-C, a pipe that closes."""

from __future__ import annotations

import json
import subprocess
import sys
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path

import pytest

from cryodata.cli import COMMANDS
from cryodata.commands.exit_codes import EXIT_CODES, exit_code
from cryodata.errors import (
    BudgetExceededError,
    ChunkCorruptError,
    CryodataError,
    EulaRequiredError,
    FetchTimeoutError,
    MissingDependencyError,
    NotFoundError,
    NotHDF5Error,
    NothingFoundError,
    ReaderClosedError,
    RegionError,
    ThrottledError,
    UnsafeReferenceError,
)
from tests.commands.conftest import Told

CODES: list[tuple[type[CryodataError], int]] = [
    (ReaderClosedError, 1),
    (RegionError, 2),
    (EulaRequiredError, 3),
    (NotFoundError, 4),
    (NothingFoundError, 4),
    (FetchTimeoutError, 5),
    (ThrottledError, 5),
    (ChunkCorruptError, 6),
    (NotHDF5Error, 7),
    (BudgetExceededError, 8),
    (UnsafeReferenceError, 9),
    (MissingDependencyError, 10),
]
"""As the documentation lists them."""


def below(kind: type[CryodataError]) -> Iterator[type[CryodataError]]:
    """A class and all that stand on it."""
    yield kind
    for one in kind.__subclasses__():
        yield from below(one)


@pytest.mark.parametrize("kind, code", CODES)
def test_codes_follow_the_classes(
    kind: type[CryodataError], code: int, cryodata: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the message says what to do, without a traceback."""

    def fail(asked: Namespace) -> None:
        raise kind("it went wrong", fix="do this", url="s3://bucket/key")

    monkeypatch.setattr("cryodata.commands.search.run", fail)
    said = cryodata("search", "ATL06")
    assert said.code == code
    assert "it went wrong" in said.err
    assert "do this" in said.err
    assert "Traceback" not in said.err
    assert said.out == ""
    said = cryodata("search", "ATL06", "--json")
    assert said.code == code
    assert said.data == {
        "error": kind.__name__,
        "what": "it went wrong",
        "fix": "do this",
        "url": "s3://bucket/key",
    }


def test_every_class_has_a_code() -> None:
    """None is 0, which says that all is well."""
    codes = {kind: exit_code(kind("x")) for kind in below(CryodataError)}
    assert 0 not in codes.values()
    assert set(codes.values()) == set(EXIT_CODES.values())


def test_interrupted(cryodata: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(asked: Namespace) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("cryodata.commands.search.run", stop)
    said = cryodata("search", "ATL06")
    assert (said.code, said.err) == (130, "cryodata: stopped\n")


def test_a_pipe_that_closes(granules: list[Path]) -> None:
    """As `head` does after its lines: that is no error to print."""
    command = f"{sys.executable} -m cryodata index {granules[0]} | head -2"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert len(done.stdout.splitlines()) == 2
    assert done.stderr == ""


def test_help_is_there_at_once() -> None:
    """It names every command, and imports nothing that takes its time."""
    code = (
        "import sys\nfrom cryodata import cli\n"
        "try: cli.main(['--help'])\nexcept SystemExit: pass\n"
        "heavy = {'numpy', 'xarray', 'pandas', 'pyarrow', 'obstore'} & set(sys.modules)\n"
        "import json; print('HEAVY', json.dumps(sorted(heavy)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    text, _, heavy = done.stdout.partition("HEAVY")
    assert json.loads(heavy) == []
    for command in COMMANDS:
        assert f"    {command} " in text


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    from cryodata import cli

    with pytest.raises(SystemExit) as ended:
        cli.main([command, "--help"])
    assert ended.value.code == 0
    assert f"usage: cryodata {command}" in capsys.readouterr().out
