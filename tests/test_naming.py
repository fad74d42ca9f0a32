"""Granule names, against the facts that the files themselves state."""

from __future__ import annotations

from dataclasses import dataclass

import h5py
import numpy as np
import pytest

from cryodata.products import parse_name
from cryodata.products.naming import product_in
from tests.real import real_files


@dataclass(frozen=True)
class Case:
    """A name and what must be read from it."""

    name: str
    product: str
    start: str | None
    rgt: int
    cycle: int
    last_cycle: int
    region: int
    release: str
    revision: str
    hemisphere: str = ""
    campaign: str = ""
    prefix: str = ""
    suffix: str = ".h5"


CASES = [
    Case(
        "ATL06_20191106230008_06270503_006_01.h5",
        *("ATL06", "2019-11-06T23:00:08", 627, 5, 5, 3, "006", "01"),
    ),
    Case(
        "s3://bucket/ATLAS/ATL06/006/2019/04/16/processed_ATL06_20190416093911_02770303_002_01.h5",
        *("ATL06", "2019-04-16T09:39:11", 277, 3, 3, 3, "002", "01"),
        prefix="processed_",
    ),
    Case(
        "ATL07-01_20190222003738_08490201_003_02.h5",
        *("ATL07", "2019-02-22T00:37:38", 849, 2, 2, 1, "003", "02"),
        hemisphere="01",
    ),
    Case(
        "ATL10-02_20200131235959_13873014_007_03.h5",
        *("ATL10", "2020-01-31T23:59:59", 1387, 30, 30, 14, "007", "03"),
        hemisphere="02",
    ),
    Case(
        "ATL03_20181014002445_02350104_006_02.gt1l_bbox_subset.h5",
        *("ATL03", "2018-10-14T00:24:45", 235, 1, 1, 4, "006", "02"),
        suffix=".gt1l_bbox_subset.h5",
    ),
    Case("ATL11_051911_0328_007_01.h5", "ATL11", None, 519, 3, 28, 11, "007", "01"),
    Case(  # made of release 006, revision 02 of ATL03
        "ATL24_20181228203822_00060208_006_02_001_01.h5",
        *("ATL24", "2018-12-28T20:38:22", 6, 2, 2, 8, "001", "01"),
    ),
    Case(
        "GLAH06_634_1102_001_0071_0_01_0001.H5",
        *("GLAH06", None, 71, 1, 1, 0, "034", "01"),
        campaign="1102",
        suffix=".H5",
    ),
    Case(
        "ILATM1B_20190506_112233.ATM6AT6.h5",
        *("ILATM1B", "2019-05-06T11:22:33", 0, 0, 0, 0, "", ""),
        campaign="ATM6AT6",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.rsplit("/", 1)[-1])
def test_parts_of_a_name(case: Case) -> None:
    """A cycle taken for a region would sort granules into the wrong place and time."""
    name = parse_name(case.name)
    assert name is not None
    for part in ("product", "rgt", "cycle", "last_cycle", "region", "release", "revision"):
        assert getattr(name, part) == getattr(case, part)
    assert name.start == (None if case.start is None else np.datetime64(case.start))
    assert (name.hemisphere, name.campaign) == (case.hemisphere, case.campaign)
    assert (name.prefix, name.suffix) == (case.prefix, case.suffix)
    assert str(name) in case.name


@pytest.mark.parametrize(
    "name",
    [
        "ATL03_20220401221822_006.ICESat2VegR_clip_gt1r.h5",
        "ATL06_20191306230008_06270503_006_01.h5",  # a 13th month
        "ATL06_2019110623000_06270503_006_01.h5",  # a digit short
        "ATL06_20191106230008_06270503_006_011.h5",  # a digit long
        "XATL06_20191106230008_06270503_006_01.h5",
        "GLAH06_634_1102_001_0071_0_01_00012.H5",  # a digit long
        "ILATM1B_20191306_112233.ATM6AT6.h5",  # a 13th month
        "ILATM1B_20190506_1122334.h5",
        "granule.h5",
        "",
    ],
)
def test_what_is_no_name(name: str) -> None:
    """Numbers guessed from a name that does not fit would be wrong without notice."""
    assert parse_name(name) is None


@pytest.mark.parametrize(
    "name, product",
    [
        ("ATL03_20220401221822_006.ICESat2VegR_clip_gt1r.h5", "ATL03"),
        ("s3://bucket/ATL06/my.h5", ""),
        ("my_ATL06.h5", "ATL06"),
        ("ATL060.h5", ""),
        ("granule.h5", ""),
        ("GLAH06_cut.H5", "GLAH06"),
        ("ILATM1B_cut.h5", "ILATM1B"),
    ],
)
def test_product_of_a_changed_name(name: str, product: str) -> None:
    """A cut name still tells the product, a folder does not."""
    assert product_in(name) == product


def test_other_missions_have_no_orbit_number() -> None:
    """ICESat counted orbits otherwise: the formula of ICESat-2 would give some number."""
    name = parse_name("GLAH06_634_1102_001_0071_0_01_0001.H5")
    assert name is not None
    assert name.orbit == 0


def test_campaigns_and_instruments_tell_granules_apart() -> None:
    """Two granules taken for revisions of one would be refused, or one of them dropped."""
    names = [
        "GLAH06_634_1102_001_0071_0_01_0001.H5",
        "GLAH06_634_2107_001_0071_0_01_0001.H5",
        "ILATM1B_20190506_112233.ATM6AT6.h5",
        "ILATM1B_20190506_112233.ATM6BT7.h5",
    ]
    assert len({parse_name(name) for name in names}) == 4


def test_orbit_number_equals_the_file() -> None:
    """The formula would be worth nothing if one real granule disagreed."""
    compared = 0
    for file_name, path in real_files().items():
        name = parse_name(file_name)
        if name is None or "ph_index_beg_only" in file_name:
            continue
        with h5py.File(path) as file:
            if "orbit_info/orbit_number" in file:
                assert name.orbit == file["orbit_info/orbit_number"][0]
                assert name.rgt == file["orbit_info/rgt"][0]
                assert name.cycle == file["orbit_info/cycle_number"][0]
                compared += 1
    if not compared:
        pytest.skip("no real file with an orbit number here")
