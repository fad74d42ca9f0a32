"""The wheel holds what an installed cryodata needs, and nothing of the workshop."""

from __future__ import annotations

import configparser
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

PROJECT = Path(__file__).parent.parent
SOURCE = PROJECT / "src"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel as it would be published, built without the network."""
    pytest.importorskip("hatchling", reason="building the wheel needs hatchling")
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=PROJECT,
        check=True,
        capture_output=True,
        timeout=120,
    )
    (path,) = folder.glob("*.whl")
    return zipfile.ZipFile(path)


def test_wheel_holds_every_file_of_the_package(wheel: zipfile.ZipFile) -> None:
    """A product table or py.typed left behind fails only on the users' machines."""
    wanted = {
        path.relative_to(SOURCE).as_posix()
        for pattern in ("*.py", "*.toml", "*.json", "py.typed")
        for path in SOURCE.rglob(pattern)
    }
    assert "cryodata/py.typed" in wanted
    assert wanted <= set(wheel.namelist())


def test_wheel_holds_only_the_package(wheel: zipfile.ZipFile) -> None:
    """Top-level ``tests`` or ``benchmarks`` would shadow those of other projects."""
    tops = {name.split("/")[0] for name in wheel.namelist()}
    assert {top.partition("-")[0] for top in tops} == {"cryodata", "cryodata_earth"}


def test_wheel_tells_xarray_and_the_shell_about_us(wheel: zipfile.ZipFile) -> None:
    """Without the entry points neither ``engine="cryodata"`` nor the command exists."""
    entries = configparser.ConfigParser()
    (name,) = (name for name in wheel.namelist() if name.endswith("entry_points.txt"))
    entries.read_string(wheel.read(name).decode())
    assert entries["xarray.backends"]["cryodata"] == "cryodata.backend:CryodataBackend"
    assert entries["console_scripts"]["cryodata"] == "cryodata.cli:main"
