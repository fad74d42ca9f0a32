"""The command line: what it prints, and what it says when something is missing."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import pytest

from cryodata import cli
from cryodata.errors import MissingDependencyError
from cryodata.sandbox.demo import run_demo


def test_version_is_the_installed_one(capsys: pytest.CaptureFixture[str]) -> None:
    """A bug report with another version sends everybody the wrong way."""
    with pytest.raises(SystemExit) as ended:
        cli.main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.strip() == version("cryodata-earth")


def test_no_command_is_an_error_that_names_them(capsys: pytest.CaptureFixture[str]) -> None:
    """Silence would look like success."""
    with pytest.raises(SystemExit) as ended:
        cli.main([])
    assert ended.value.code == 2
    assert "required: command" in capsys.readouterr().err


def test_errors_are_printed_without_traceback(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fix stands in the message; forty lines of traceback would hide it."""

    def missing(picture: Path) -> None:
        raise MissingDependencyError("no matplotlib", fix='pip install "cryodata-earth[plot]"')

    monkeypatch.setattr("cryodata.sandbox.demo.run_demo", missing)
    assert cli.main(["demo"]) == 10
    printed = capsys.readouterr().err
    assert "cryodata-earth[plot]" in printed
    assert "Traceback" not in printed


def test_demo_reads_equal_values_and_draws(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first thing a stranger runs must work, and must not claim speed for wrong values."""
    monkeypatch.setenv("CRYODATA_CACHE", str(tmp_path / "cache"))  # put back afterwards
    picture = tmp_path / "profile.png"
    run_demo(picture, segments=300, profile="none")
    printed = capsys.readouterr().out
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert "DIFFERENT" not in printed
    assert printed.count(" equal") >= 5  # one per reader, and both ways to the archive
    assert "Logged in to Earthdata as" in printed
    assert "<xarray.Dataset>" in printed
