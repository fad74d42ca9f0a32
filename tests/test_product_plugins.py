"""Tables that other packages bring: found, named when broken, never in place of a shipped one."""

from __future__ import annotations

import importlib
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cryodata import products
from cryodata.errors import ProductError, UnknownProductError
from cryodata.products import plugins, registry

TABLE = """
short_name = "{name}"
title = "Geolocated radar heights"
doi = "10.1/x"
epoch = "2000-01-01T00:00:00"
tracks = [""]
rows = "sample"

[[rates]]
dimension = "sample"
time = "time_20_ku"
latitude = "lat_20_ku"
longitude = "lon_20_ku"
default = ["height_1_20_ku"]
"""

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Put a package onto the path as an installer would: its files, and its metadata."""
    made = []

    def install(package: str, entries: str, **files: str) -> None:
        site = tmp_path / f"site_{package}"
        folder = site / package
        folder.mkdir(parents=True)
        for name, content in files.items():
            path = folder / name.replace("__dot__", ".")
            path.write_text(content, "utf-8")
        metadata = site / f"{package}-1.0.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n"
        )
        (metadata / "entry_points.txt").write_text(
            f"[{plugins.GROUP}]\n{textwrap.dedent(entries)}\n"
        )
        monkeypatch.syspath_prepend(str(site))
        importlib.invalidate_caches()
        made.append(package)

    def forget() -> None:
        registry._brought.cache_clear()
        registry._load_brought.cache_clear()

    forget()
    yield install
    forget()
    for package in made:
        sys.modules.pop(package, None)


def test_one_file_and_one_line_make_a_product(install: Install) -> None:
    """Who keeps another mission's products needs no code, and no leave of this project."""
    install(
        "radar",
        "CS_GOP = radar:cs_gop.toml",
        __init____dot__py="",
        cs_gop__dot__toml=TABLE.format(name="CS_GOP"),
    )
    assert "CS_GOP" in products.known()
    product = products.get("cs_gop")
    assert product.rate.coordinates == {
        "time": "time_20_ku",
        "latitude": "lat_20_ku",
        "longitude": "lon_20_ku",
    }
    assert products.get("CS_GOP") is product
    assert products.recognise("s3://b/CS_GOP_2020.nc", {}, {}) is product
    assert products.recognise("x.nc", {"short_name": "CS_GOP"}, {}) is product
    assert products.recognise("CS_GOPHER_2020.nc", {}, {}) is None
    assert products.recognise("my_CS_GOP.nc", {}, {}) is None


def test_package_without_a_module_of_its_own_will_do(install: Install) -> None:
    """A folder with nothing but tables is a package, too."""
    install("bare", "BARE = bare:bare.toml", bare__dot__toml=TABLE.format(name="BARE"))
    assert products.get("BARE").short_name == "BARE"


@pytest.mark.parametrize(
    "files, message",
    [
        ({"__init____dot__py": ""}, "cannot be used"),
        ({"t__dot__toml": "rows = 1"}, "cannot be used"),
        ({"t__dot__toml": TABLE.format(name="OTHER")}, "brings OTHER under the name BROKEN"),
        (
            {"__init____dot__py": "raise RuntimeError('boom')", "t__dot__toml": "x"},
            "boom",
        ),
    ],
)
def test_broken_plugin_breaks_itself_only(
    install: Install, files: dict[str, str], message: str
) -> None:
    """One bad package must not take ATL06 away, and has to be called by its name."""
    install("broken", "BROKEN = broken:t.toml", **files)
    assert products.get("ATL06").short_name == "ATL06"
    assert products.recognise("ATL06_x.h5", {}, {}) is products.get("ATL06")
    assert products.recognise("nothing.h5", {}, {}) is None
    assert "BROKEN" in products.known()
    with pytest.raises(ProductError, match=message) as caught:
        products.get("broken")
    assert "broken 1.0 (broken:t.toml)" in str(caught.value)
    assert "package:table.toml" in str(caught.value)


def test_entry_point_that_names_no_file(install: Install) -> None:
    """Half a line in somebody's pyproject is their error, and is said so."""
    install("half", "HALF = half", __init____dot__py="")
    with pytest.raises(ProductError, match=r"half 1\.0 \(half\)"):
        products.get("HALF")


def test_shipped_tables_are_not_replaced(install: Install) -> None:
    """A stranger's ATL06 would silently change what everybody reads."""
    install("usurper", "ATL06 = usurper:t.toml", t__dot__toml=TABLE.format(name="ATL06"))
    with pytest.warns(UserWarning, match=r"ATL06 of usurper 1\.0 .*cryodata has one"):
        assert products.known().count("ATL06") == 1
    assert products.get("ATL06").title.startswith("ATLAS")


def test_two_packages_with_one_name_are_an_error(install: Install) -> None:
    """Which of two tables is used must not depend on the order of the path."""
    for package in ("one", "two"):
        install(package, f"SAME = {package}:t.toml", t__dot__toml=TABLE.format(name="SAME"))
    with pytest.raises(ProductError, match=r"one 1\.0 .*two 1\.0|two 1\.0 .*one 1\.0"):
        products.get("SAME")
    with pytest.raises(UnknownProductError, match="SAME"):
        products.get("SAMME")
