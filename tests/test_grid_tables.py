"""Tables of gridded products, against recorded structures of their files."""

from __future__ import annotations

import pickle
from fnmatch import fnmatchcase
from typing import Any

import h5py
import numpy as np
import pytest
from pyproj import CRS

from cryodata import products
from cryodata.errors import ProductError
from cryodata.products import Grid, Product, read_name
from tests.grid_files import STRUCTURES, structure
from tests.real import DATA

GRIDDED = [name for name in products.known() if products.get(name).grid is not None]

TABLE = """
short_name = "XYZ02"
title = "A grid"
doi = "10.1/{release}"

[grid]
groups = ["a", "b*"]
x = "/gx"
names = ['XYZ02_(?P<date>\\d{8})_(?P<resolution>\\d+km)_v(?P<release>\\d+)']
crs = { "_N_" = "EPSG:3413", "" = "EPSG:3031" }
marks = { title = "of XYZ02" }

[[grid.lattices]]
rows = 4
columns = 6
cell = 1000.0
crs = "EPSG:6933"
"""


def grid_of(name: str) -> Grid:
    grid = products.get(name).grid
    assert grid is not None
    return grid


def paths_of(name: str, variable: str, recorded: dict[str, Any]) -> list[str]:
    """Where a variable of the table would lie, in each of the recorded groups of grids."""
    if variable.startswith("/"):
        return [variable]
    grid = grid_of(name)
    groups = [""] if "" in grid.groups else []
    groups += [
        path
        for path in recorded["groups"]
        if any(fnmatchcase(path.strip("/"), p) for p in (*grid.groups, *grid.layers) if p)
    ]
    return [f"{group}/{variable}" for group in groups]


def test_grid_of_a_table_is_read_as_written() -> None:
    """A pattern read wrongly would open a file of one product as one of another."""
    product = Product.from_toml(TABLE)
    assert product.grid is not None
    assert product.grid.groups == ("a", "b*")
    assert product.grid.lattices[0].columns == 6
    assert product.grid.crs_of("dir_N_/XYZ02_20200101_1km_v1.nc") == "EPSG:3031"
    assert product.grid.crs_of("s3://x/XYZ02_N_20200101.nc") == "EPSG:3413"
    assert pickle.loads(pickle.dumps(product)) == product
    name = read_name(product, "https://host/a/sub_XYZ02_20200102_10km_v3.nc?token=x")
    assert name is not None
    assert (name.start, name.release, name.resolution) == (
        np.datetime64("2020-01-02", "ns"),
        "3",
        "10km",
    )
    assert read_name(product, "XYZ02_20201301_10km_v3.nc") is None
    assert read_name(product, "AXYZ02_20200102_10km_v3.nc") is None


@pytest.mark.parametrize(
    "old, new",
    [
        ('groups = ["a", "b*"]', "groups = []"),
        ('groups = ["a", "b*"]', 'groups = ["a", "a"]'),
        ('x = "/gx"', 'x = ""'),
        ('x = "/gx"', 'latitude = "lat"'),
        ("cell = 1000.0", "cell = 0.0"),
        ("rows = 4", ""),
        ("(?P<date>", "(?P<date"),
        ('crs = "EPSG:6933"', 'crs = ""'),
    ],
)
def test_wrong_grids_are_refused(old: str, new: str) -> None:
    """A slip in a table must say so when it is loaded, not when it is used."""
    assert old in TABLE
    with pytest.raises(ProductError):
        Product.from_toml(TABLE.replace(old, new))


@pytest.mark.parametrize("name", GRIDDED)
def test_each_table_has_a_recorded_structure(name: str) -> None:
    """A table that nothing stands behind is an opinion."""
    recorded = structure(name)
    assert recorded["kind"] in {"real file", "dictionary"}
    assert recorded["credit"]
    assert len(list(STRUCTURES.glob("*.json"))) == len(GRIDDED)


@pytest.mark.parametrize("name", GRIDDED)
def test_tables_name_what_files_have(name: str) -> None:
    """An axis or a default variable under a wrong path would be missing from every file."""
    recorded, grid = structure(name), grid_of(name)
    arrays = recorded["arrays"]
    wanted = [grid.time.partition("@")[0], grid.mapping, *grid.default]
    if not grid.lattices:
        wanted += [grid.x, grid.y, grid.latitude, grid.longitude]
    for variable in filter(None, wanted):
        assert any(path in arrays for path in paths_of(name, variable, recorded)), variable
    for pattern in (*grid.groups, *grid.layers):
        if name not in {"SPL3FTP", "SPL3SMP_E", "ATL15"}:  # of which parts are recorded
            assert not pattern or paths_of(name, "", recorded)
    if "@" in grid.time:
        told, _, attribute = grid.time.partition("@")
        assert attribute in arrays[f"/{told}"]["attributes"]


@pytest.mark.parametrize("name", GRIDDED)
def test_recorded_files_find_their_table(name: str) -> None:
    """A renamed file, and one that says nothing of itself, are still of their product."""
    recorded = structure(name)
    by_name = products.recognise(f"s3://bucket/{recorded['name']}", {}, {})
    assert by_name is not None
    assert by_name.short_name == name
    parsed = read_name(by_name, recorded["name"])
    assert parsed is not None
    root = recorded["groups"]["/"]
    told = [recorded["groups"].get(f"/{m}/DatasetIdentification", {}) for m in ("Metadata",)]
    renamed = products.recognise("renamed.h5", root, told[0])
    assert renamed is not None
    assert renamed.short_name == name
    for crs in {*grid_of(name).crs.values(), *(one.crs for one in grid_of(name).lattices)}:
        CRS(crs)


@pytest.mark.parametrize(
    "file, product, parts",
    [
        ("ATL15_GL_0314_01km_002_01.nc", "ATL15", ("002", "01km")),
        ("ATL15_A3_0332_3mo_1km_006_02.nc", "ATL15", ("006", "1km")),
        ("ATL14_AA_0314_100m_002_02.nc", "ATL14", ("002", "100m")),
        ("ATL20-02_20181001010615_00370101_004_01.h5", "ATL20", ("004", "")),
        ("seaice_conc_daily_nh_20210101_f17_v04r00.nc", "G02202", ("04", "")),
        ("sic_pss25_20240101_F17_v06r00.nc", "G02202", ("06", "")),
        ("sic_psn25_20170101-20171231_v06r00.nc", "G02202", ("06", "")),
        ("BedMachineGreenland-2017-09-20.nc", "IDBMG4", ("", "")),
        ("BedMachineAntarctica_2020-07-15_v02.nc", "NSIDC-0756", ("02", "")),
        ("SMAP_L3_FT_P_20180616_R16010_001.h5", "SPL3FTP", ("", "")),
        ("SMAP_L3_SM_P_E_20200824_R16515_001_HEGOUT.nc", "SPL3SMP_E", ("", "")),
        ("SMAP_L4_SM_gph_20150414T013000_Vb1010_001.h5", "SPL4SMGP", ("", "")),
    ],
)
def test_names_seen_in_public(file: str, product: str, parts: tuple[str, str]) -> None:
    """Producers rename their files now and then, and old ones stay around."""
    found = products.recognise(file, {}, {})
    assert found is not None
    name = read_name(found, file)
    assert name is not None
    assert (found.short_name, (name.release, name.resolution)) == (product, parts)


@pytest.mark.parametrize(
    "file", ["SMAP_L3_FT_P_E_20231212_R19240_001.h5", "SMAP_L3_SM_P_20200824_R16515_001.h5", "x.nc"]
)
def test_neighbouring_products_are_others(file: str) -> None:
    """SPL3FTP_E lies on a finer grid than SPL3FTP, whose name its files nearly have."""
    assert products.recognise(file, {}, {}) is None


def test_flag_words_of_sea_ice() -> None:
    """Flags stand among the concentrations: a wrong number takes land for ice."""
    words = products.get("G02202").flags_of("")["cdr_seaice_conc_monthly"].words
    with h5py.File(DATA / "seaice_conc_monthly_nh_202112_f17_v04r00.nc") as file:
        attributes = file["cdr_seaice_conc_monthly"].attrs
        told = dict(
            zip(
                attributes["flag_meanings"].decode().split(),
                attributes["flag_values"].tolist(),
                strict=True,
            )
        )
    assert dict(words) == told
