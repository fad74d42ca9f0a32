"""The contract that others inherit, held by our own products first."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cryodata.sandbox.granules import atl03, atl06
from cryodata.testing import ProductContract
from tests.real import real_files


def real(product: str, release: str) -> list[Path]:
    """Whole granules of a release beside the project; the test is skipped without any."""
    found = [
        path
        for name, path in real_files().items()
        if f"{product}_" in name and re.search(f"_{release}[_.]", name) and "only" not in name
    ]
    if not found:
        pytest.skip(f"no {product} {release} here")
    return found


class TestSyntheticAtl06(ProductContract):
    """Two granules, one with a beam without rows and one without a beam."""

    product = "ATL06"

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def files(cls, tmp_path_factory: pytest.TempPathFactory) -> None:
        """Made once."""
        folder = tmp_path_factory.mktemp("atl06")
        cls.granules = [
            atl06(folder, segments=3000, seed=1, cycle=3, empty=("gt2l",)),
            atl06(folder, segments=2000, seed=2, cycle=4, beams=("gt1l", "gt3r")),
        ]


class TestSyntheticAtl03(ProductContract):
    """Photons, which are bounded by their segments."""

    product = "ATL03"

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def files(cls, tmp_path_factory: pytest.TempPathFactory) -> None:
        """Made once."""
        cls.granules = [atl03(tmp_path_factory.mktemp("atl03"), photons=20_000, seed=1)]


class TestRealAtl06(ProductContract):
    """Granules of NASA's subsetter."""

    product = "ATL06"
    absent = ("residual_histogram", "segment_quality")

    @pytest.fixture(autouse=True)
    def files(self) -> None:
        """Those at hand."""
        self.granules = real("ATL06", "002")


class TestRealSubset(ProductContract):
    """A granule of a newer release, with the project."""

    product = "ATL06"
    absent = (
        "residual_histogram",
        "segment_quality",
        "land_ice_segments/geophysical/msw_flag",
    )

    @pytest.fixture(autouse=True)
    def files(self) -> None:
        """Those at hand."""
        self.granules = real("ATL06", "006")


class TestRealAtl07(ProductContract):
    """An old release, of other names than the table's."""

    product = "ATL07"
    absent = ("sea_ice_segments/stats/ice_conc_amsr2",)

    @pytest.fixture(autouse=True)
    def files(self) -> None:
        """Those at hand."""
        self.granules = real("ATL07-01", "003")


class TestRealAtl08(ProductContract):
    """A clip that was written anew, without words and labels."""

    product = "ATL08"

    @pytest.fixture(autouse=True)
    def files(self) -> None:
        """Those at hand."""
        self.granules = real("ATL08", "006")


class TestRealAtl03(ProductContract):
    """A subset of one beam, over the ocean."""

    product = "ATL03"
    absent = tuple(
        f"signal_find_output/{surface}"
        for surface in ("inlandwater", "land", "land_ice", "sea_ice")
    )

    @pytest.fixture(autouse=True)
    def files(self) -> None:
        """Those at hand."""
        self.granules = [p for p in real("ATL03", "006") if "bbox" in p.name]


class TestRealOriginal(ProductContract):
    """A whole granule of the first release, as its producer wrote it."""

    product = "ATL06"
    absent = ("residual_histogram/bin_top_h",)

    @pytest.fixture(autouse=True)
    def files(self) -> None:
        """Those at hand."""
        self.granules = real("ATL06", "209")
