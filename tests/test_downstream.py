"""A product of somebody else's: one table, one line, and everything of ours works on it."""

from __future__ import annotations

import importlib
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest

import cryodata as cd
from cryodata import products
from cryodata.decoding.finish import UtcTime
from cryodata.errors import FormatError, SelectionError
from cryodata.products import registry
from cryodata.testing import ProductContract
from cryodata.timespan import TimeSpan
from cryodata.types import AnyArray
from tests import downstream

SOURCE = Path(next(iter(cd.__path__))).parent
UNCACHED = cd.Options(cache=None)


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The package is on the path."""

    def forget() -> None:
        registry._brought.cache_clear()
        registry._load_brought.cache_clear()

    monkeypatch.syspath_prepend(str(downstream.install(tmp_path / "site")))
    importlib.invalidate_caches()
    forget()
    yield
    forget()
    sys.modules.pop("cryosat_tables", None)


@pytest.fixture
def granule(tmp_path: Path) -> Path:
    return downstream.granule(tmp_path / f"{downstream.NAME}_20200101.nc")


def test_granule_is_opened_by_its_name(installed: None, granule: Path) -> None:
    """A table that is found and then not used would be worth nothing."""
    ds = cd.open(granule, options=UNCACHED)
    with h5py.File(granule) as file:
        heights = file["height_20_ku"][:].astype("f8")
        heights[heights == 2**31 - 1] = np.nan
        np.testing.assert_allclose(ds.height_20_ku.values, heights * 1e-3, rtol=1e-12)
        np.testing.assert_array_equal(ds.sig0_20_ku.values, file["sig0_20_ku"][:])
        np.testing.assert_array_equal(ds.latitude.values, file["lat_20_ku"][:] * 1e-7)
    begin = np.datetime64("2020-01-01T01:02:03", "ns")
    assert abs(ds.time.values[0] - begin) < np.timedelta64(1, "us")
    assert ds.sizes == {"sample": 4000, "track": 1}
    assert ds.rowSize.values.tolist() == [4000]


def test_reader_cuts_by_region_and_words(installed: None, granule: Path) -> None:
    """Rows are chosen by the names and words of the table, across the meridian of 0."""
    reader = cd.Reader(downstream.NAME, where="flag_surf_type_class_20_ku == 'sea_ice'")
    ds = pickle.loads(pickle.dumps(reader))(granule, region=(-4, -70, 3, -60))
    with h5py.File(granule) as file:
        lat, lon = file["lat_20_ku"][:] * 1e-7, file["lon_20_ku"][:] * 1e-7
        lon = np.where(lon > 180, lon - 360, lon)
        inside = (lat >= -70) & (lat <= -60) & (lon >= -4) & (lon <= 3)
        inside &= file["flag_surf_type_class_20_ku"][:] == 6
        assert 0 < inside.sum() < 1000
        np.testing.assert_array_equal(ds.sig0_20_ku.values, file["sig0_20_ku"][:][inside])
    assert ds.rowSize.values.tolist() == [inside.sum()]


def test_table_at_hand_needs_no_package(tmp_path: Path) -> None:
    """Who tries out a table has not installed it, and has files called anything."""
    product = cd.Product.from_toml(downstream.TABLE)
    path = downstream.granule(tmp_path / "anything.nc")

    assert cd.open(path, product=product).sizes["sample"] == 4000
    assert cd.Reader(product)(path).sizes["sample"] == 4000
    assert cd.Reader(product)([path]).equals(cd.open(path, product=product))
    assert cd.open_tree(path, product=product)["height_20_ku"].dims == ("sample",)


def test_file_of_another_product_is_refused(tmp_path: Path) -> None:
    """A file read by the wrong table would give numbers that mean something else."""
    product = cd.Product.from_toml(downstream.TABLE)
    other = downstream.granule(tmp_path / "anything.nc", says="CS_LTA_SIR_LRM")
    for opens in (cd.open, cd.open_tree):
        with pytest.raises(SelectionError, match="of CS_LTA_SIR_LRM, not of CS_LTA_SIR_GOP"):
            opens(other, product=product)
    said = downstream.granule(tmp_path / "ATL06_x.nc", says="cs_lta_sir_gop")
    assert cd.open(said, product=product).sizes["sample"] == 4000
    named = tmp_path / "ATL06_20191106230008_06270503_006_01.h5"
    with pytest.raises(SelectionError, match="of ATL06, not of CS_LTA_SIR_GOP"):
        cd.open(downstream.granule(named), product=product, options=UNCACHED)


def test_file_without_anything_of_the_table_is_an_error(tmp_path: Path) -> None:
    """An empty Dataset would look as if there were no rows."""
    path = tmp_path / "other.nc"
    with h5py.File(path, "w") as file:
        file["x"] = np.arange(3)
    for product in (cd.Product.from_toml(downstream.TABLE), "ATL06"):
        with pytest.raises(FormatError, match="nothing that the table of"):
            cd.open(path, product=product)


GRID = """
short_name = "ELEVATION_OF_OURS"
title = "A grid of somebody"
doi = "10.1/x"

[grid]
crs = { "" = "EPSG:3413" }
default = ["h"]
"""


def grid(path: Path, says: str = "") -> Path:
    """A grid of heights that does not say where on Earth it lies."""
    with h5py.File(path, "w") as file:
        for name, values in {"x": np.arange(5) * 1e3, "y": np.arange(4) * -1e3}.items():
            file[name] = values
            file[name].make_scale(name)
        file["h"] = np.arange(20.0).reshape(4, 5)
        for axis, name in enumerate(("y", "x")):
            file["h"].dims[axis].attach_scale(file[name])
        if says:
            file.attrs["short_name"] = says
    return path


def test_grid_at_hand(tmp_path: Path) -> None:
    """A grid is read by a table of one's own as rows are, and held to it as they are."""
    product = cd.Product.from_toml(GRID)
    path = grid(tmp_path / "anything.nc")
    for ds in (cd.open(path, product=product), cd.Reader(product)(path)):
        np.testing.assert_array_equal(ds.h.values, np.arange(20.0).reshape(4, 5))
        assert ds.h.dims == ("y", "x")
        assert "3413" in str(ds.spatial_ref.attrs)
    tree = cd.open_tree(path, product=product)
    np.testing.assert_array_equal(tree["h"].values, np.arange(20.0).reshape(4, 5))
    other = grid(tmp_path / "other.nc", says="ATL14")
    with pytest.raises(SelectionError, match="no file of ELEVATION_OF_OURS"):
        cd.open(other, product=product)
    with pytest.raises(SelectionError, match="of ATL14, not of ELEVATION_OF_OURS"):
        cd.open_tree(other, product=product)
    said = grid(tmp_path / "said.nc", says="Elevation_of_ours")
    assert cd.open(said, product=product).sizes == {"y": 4, "x": 5}


def test_table_of_the_page_is_one() -> None:
    """Whoever copies it from the documentation gets a table that loads."""
    page = (Path(__file__).parent.parent / "docs" / "downstream.md").read_text("utf-8")
    table = page.partition("```toml\n")[2].partition("```")[0]
    product = cd.Product.from_toml(table)
    assert product.rate.coordinates == cd.Product.from_toml(downstream.TABLE).rate.coordinates


def test_contract_says_what_it_is_not_for(granule: Path) -> None:
    """A contract that tests nothing must not be green."""
    grid = cd.Product(short_name="G", title="A grid", doi="10.1/x", grid=products.Grid())
    for product, granules, message in (
        (grid, [granule], "G is a grid"),
        (cd.Product.from_toml(downstream.TABLE), [], "names no file"),
        (cd.Product.from_toml(downstream.TABLE), str(granule), "is a list of files"),
    ):
        contract = ProductContract()
        contract.product, contract.granules = product, granules
        with pytest.raises(AssertionError, match=message):
            contract.test_values_equal_h5py()


def one_less(found: AnyArray) -> AnyArray:
    """A mask without the first of its rows."""
    found = found.copy()
    found[np.flatnonzero(found)[:1]] = False
    return found


@pytest.mark.parametrize(
    "owner, method, wrong, test, message",
    [
        (cd.Region, "contains", one_less, "region_equals_filtering", "rows instead of"),
        (TimeSpan, "contains", one_less, "time_equals_filtering", "rows instead of"),
        (cd.Condition, "evaluate", one_less, "quality_words_choose_rows", "rows instead of"),
        (UtcTime, "__call__", lambda t: t + np.timedelta64(1, "ms"), "values_equal_h5py", "time"),
        (
            cd.Region,
            "contains",
            lambda m: np.roll(m, 1),
            "region_equals_filtering",
            "values differ",
        ),
    ],
)
def test_contract_finds_wrong_reading(
    granule: Path,
    monkeypatch: pytest.MonkeyPatch,
    owner: type,
    method: str,
    wrong: Callable[[AnyArray], AnyArray],
    test: str,
    message: str,
) -> None:
    """A table can be right and the reading wrong: h5py has the last word."""
    contract = ProductContract()
    contract.product, contract.granules = cd.Product.from_toml(downstream.TABLE), [granule]
    getattr(contract, f"test_{test}")()
    right = getattr(owner, method)
    monkeypatch.setattr(owner, method, lambda *words: wrong(right(*words)))
    with pytest.raises(AssertionError, match=message):
        getattr(contract, f"test_{test}")()


def run_contract(folder: Path, table: str) -> subprocess.CompletedProcess[str]:
    """What pytest says of the contract of a table, in a process of its own."""
    site = downstream.install(folder / "site", table)
    for day in (1, 2):
        downstream.granule(folder / f"{downstream.NAME}_2020010{day}.nc", rows=1500, day=day)
    (folder / "test_gop.py").write_text(downstream.TESTS, "utf-8")
    (folder / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n", "utf-8")
    path = os.pathsep.join([str(site), str(SOURCE)])
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-rA", "--tb=short", "-p", "no:cacheprovider"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path, "CRYODATA_CACHE": str(folder / "cache")},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def test_contract_holds(tmp_path: Path) -> None:
    """Who inherits the contract gets tests that run, all of them, and pass."""
    done = run_contract(tmp_path, downstream.TABLE)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "12 passed, 1 skipped" in done.stdout  # one track: none to choose


@pytest.mark.parametrize(
    "true, lie, failing",
    [
        ('"height_20_ku", "sig0', '"height_20", "sig0', "granules_have_what_the_table_names"),
        ("sea_ice = 6", "sea_ice = 5", "words_are_those_of_the_granules"),
        ('latitude = "lat_20_ku"', 'latitude = "lon_20_ku"', "coordinates_are_what"),
        ("2000-01-01T", "2000-01-02T", "coordinates_are_what_the_table_says"),
        ('["lat_20_ku", "lon_20', '["lat_1_ku", "lon_20', "granules_have_what"),
    ],
)
def test_contract_finds_lies(tmp_path: Path, true: str, lie: str, failing: str) -> None:
    """A contract that a wrong table fulfils protects nobody."""
    assert downstream.TABLE.count(true) == 1
    done = run_contract(tmp_path, downstream.TABLE.replace(true, lie))
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"FAILED test_gop.py::TestGop::test_{failing}" in done.stdout
