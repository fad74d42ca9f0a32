"""``import cryodata``: cheap, complete, and sure of being itself."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import cryodata


def run(code: str, **environment: str) -> str:
    """What a fresh interpreter prints."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
        env={"PATH": "", **environment},
    )
    return done.stdout


def test_import_brings_no_heavy_package() -> None:
    """xarray, numpy and the network cost a second, which a command line does not have."""
    loaded = run("import sys, cryodata; print(*sorted(sys.modules))").split()
    assert "cryodata" in loaded
    assert not {"xarray", "numpy", "obstore", "fsspec", "dask"} & set(loaded)


def test_public_names_come_when_they_are_used() -> None:
    """Every public name resolves, and each is what its module calls it."""
    for name in cryodata.__all__:
        assert getattr(cryodata, name) is getattr(cryodata, name)
    assert set(cryodata.__all__) <= set(dir(cryodata))
    assert cryodata.open.__module__ == "cryodata.dataset"
    with pytest.raises(AttributeError, match="no attribute 'opne'"):
        _ = cryodata.opne


def test_version_is_that_of_the_distribution() -> None:
    """A bug report names the version that is installed."""
    assert cryodata.__version__ == version("cryodata-earth")


def test_unrelated_package_of_the_same_name_is_refused(tmp_path: Path) -> None:
    """Two packages mixed in one folder must say so, and say how to get out."""
    package = tmp_path / "cryodata"
    package.mkdir()
    source = Path(cryodata.__file__)
    (package / "__init__.py").write_text(source.read_text())
    code = "import sys; sys.path.insert(0, {!r}); import cryodata; print(cryodata.__file__)"
    assert str(package) in run(code.format(str(tmp_path)))
    (tmp_path / "cryodata_earth-0.1.0.dist-info").mkdir()
    assert str(package) in run(code.format(str(tmp_path)))
    (tmp_path / "cryodata-0.1.4b4.dist-info").mkdir()
    with pytest.raises(subprocess.CalledProcessError) as caught:
        run(code.format(str(tmp_path)))
    assert "ImportError" in caught.value.stderr
    assert "pip install cryodata-earth" in caught.value.stderr
