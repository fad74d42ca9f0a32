"""The doctor: ticks where all is well, and a cross with the fix for each thing that is not."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from cryodata.sandbox.earthdata import Earth
from tests.commands.conftest import Said, Told

NAMES = ["versions", "cache", "clock", "catalogue", "account", "way", "licence"]


def checks(said: Said) -> dict[str, Any]:
    """By name."""
    return {check["name"]: check for check in said.data["checks"]}


def crosses(said: Said) -> dict[str, Any]:
    """Those that are not as they should be, and no consequence of another."""
    return {name: check for name, check in checks(said).items() if check["ok"] is False}


def test_all_is_well_inside(cryodata: Told, earth: Earth) -> None:
    """Seven ticks; of the granule one byte is read."""
    said = cryodata("doctor", "--json")
    assert list(checks(said)) == NAMES
    assert crosses(said) == {}
    assert said.data["well"]
    assert said.code == 0
    assert "straight from S3" in checks(said)["way"]["what"]
    assert earth.user in checks(said)["account"]["what"]
    text = cryodata("doctor").out
    assert text.count("✓") == len(NAMES)


def test_all_is_well_outside(cryodata: Told, earth: Earth) -> None:
    """A laptop at home is not ill."""
    earth.outside()
    said = cryodata("doctor", "--json")
    assert said.data["well"]
    assert "over https" in checks(said)["way"]["what"]


def test_nobody_is_logged_in(cryodata: Told, earth: Earth, monkeypatch: pytest.MonkeyPatch) -> None:
    """What hangs on it is not looked at, and is no cross."""
    monkeypatch.delenv("EARTHDATA_TOKEN")
    said = cryodata("doctor", "--json")
    assert list(crosses(said)) == ["account"]
    assert crosses(said)["account"]["fix"]
    assert checks(said)["licence"]["ok"] is None
    assert said.code == 1
    assert "✗ account" in cryodata("doctor").out


def test_a_licence_is_not_agreed_to(
    cryodata: Told, earth: Earth, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fix is a link to click."""
    earth.add_user("newcomer", "secret-word", approved=False)
    monkeypatch.setenv("EARTHDATA_TOKEN", earth.token("newcomer"))
    said = cryodata("doctor", "--json")
    found = crosses(said)
    assert found
    assert set(found) <= {"way", "licence"}
    assert all("http" in check["fix"] for check in found.values())
    assert "secret-word" not in said.out + said.err


def test_a_token_that_is_over(
    cryodata: Told, earth: Earth, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = earth.token()
    earth.revoke(token)
    monkeypatch.setenv("EARTHDATA_TOKEN", token)
    said = cryodata("doctor", "--json")
    assert list(crosses(said)) == ["account"]
    assert token not in said.out + said.err


def test_a_clock_that_is_wrong(cryodata: Told, earth: Earth) -> None:
    """Theirs, as it looks from here."""
    earth.clock_skew = 3600.0
    said = cryodata("doctor", "--json")
    assert "clock" in crosses(said)
    assert "behind" in crosses(said)["clock"]["what"]
    assert "Set it" in crosses(said)["clock"]["fix"]


def test_a_cache_that_cannot_be_written(
    cryodata: Told, earth: Earth, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Something else stands in its place."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CRYODATA_CACHE", str(tmp_path / "file" / "cache"))
    said = cryodata("doctor", "--json")
    assert "CRYODATA_CACHE" in crosses(said)["cache"]["fix"]


def test_a_package_that_is_too_old(
    cryodata: Told, earth: Earth, monkeypatch: pytest.MonkeyPatch
) -> None:
    really = metadata.version

    def version(name: str) -> str:
        if name == "deflate":
            raise metadata.PackageNotFoundError
        return "0.1" if name == "xarray" else really(name)

    monkeypatch.setattr(metadata, "version", version)
    found = crosses(cryodata("doctor", "--json"))["versions"]
    assert "deflate is missing" in found["what"]
    assert "xarray 0.1 is not" in found["what"]
    assert "pip install" in found["fix"]
