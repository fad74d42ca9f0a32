"""What a citation says, against what the files say."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr

import cryodata as cd
from cryodata.errors import ConfigurationError
from cryodata.sandbox.granules import atl06
from tests.after.samples import REAL
from tests.real import real_files


def attribute(path: Path, name: str) -> str:
    with h5py.File(path) as file:
        value = file.attrs[name]
    return value.decode() if isinstance(value, bytes) else str(value)


def test_text_of_a_real_granule() -> None:
    """A DOI of another release, or an author nobody named, is worse than no citation."""
    said = cd.open(REAL, variables="h_li").cryo.citation(accessed="2025-07-03")
    assert "https://doi.org/10.5067/ATLAS/ATL06.006." in said
    assert attribute(REAL, "identifier_product_doi") == "doi:10.5067/ATLAS/ATL06.006"
    for name in ("title", "creator_name", "publisher_name", "citation"):
        assert attribute(REAL, name).rstrip(".") in said
    assert "(ATL06, release 006)" in said
    assert "1 granule. accessed 2025-07-03." in said
    assert f"cryodata {cd.__version__}" in said


def test_bibtex_of_a_real_granule() -> None:
    """Brackets that do not pair up, or a bare & or _, stop LaTeX."""
    said = cd.open(REAL, variables="h_li").cryo.citation("bibtex", accessed="2025-07-03")
    data, software = said.split("\n\n")
    assert data.startswith("@misc{ATL06.006,\n")
    assert "  doi = {10.5067/ATLAS/ATL06.006}," in data
    assert "  version = {006}," in data
    assert "  urldate = {2025-07-03}," in data
    assert attribute(REAL, "creator_name") in data
    assert software.startswith("@software{cryodata,\n")
    for entry in (data, software):
        assert entry.count("{") == entry.count("}")
        keys = re.findall(r"^  (\w+) = \{.+\},$", entry, re.MULTILINE)
        assert len(keys) == len(set(keys)) == entry.count("\n") - 1


def test_signs_of_tex() -> None:
    """A title may hold any sign."""
    ds = xr.Dataset(attrs={"title": r"Ice & snow_{a} 50% \x ~ ^ # $"})
    said = ds.cryo.citation("bibtex")
    title = said.splitlines()[1]
    assert title == (
        r"  title = {{Ice \& snow\_ a  50\%  x \textasciitilde{} \textasciicircum{} \# \$}},"
    )


def test_each_release_has_its_doi(tmp_path: Path) -> None:
    """Joined releases are data sets of their own."""
    paths = [
        atl06(tmp_path, segments=50, seed=1, rgt=50, cycle=4),
        atl06(tmp_path, segments=50, seed=2, rgt=51, cycle=4),
        atl06(tmp_path, segments=50, seed=3, rgt=52, cycle=4, release="007"),
    ]
    parts = [cd.open(path, variables="h_li") for path in paths]
    granules = np.concatenate([part.granule.values for part in parts])
    joined = xr.Dataset(coords={"granule": ("track", granules)}, attrs=parts[0].attrs)
    said = joined.cryo.citation()
    old, new, *_ = said.split("\n\n")
    assert "release 006). " in old
    assert "ATL06.006. 2 granules." in old
    assert "release 007). " in new
    assert "ATL06.007. 1 granule." in new
    assert joined.cryo.citation("bibtex").count("@misc") == 2


def test_release_of_the_name_counts_more_than_an_old_attribute() -> None:
    """Real granules of release 002 carry the DOI of 001; those of 209, which has none, too."""
    by_name = {name: path for name, path in real_files().items() if "ATL06" in name}
    for name, path in by_name.items():
        found = re.search(r"_(\d{3})_\d\d\.", name)
        if found is None:
            continue
        said = cd.open(path, variables="h_li", on_missing="skip").cryo.citation()
        release = "001" if found[1] == "209" else found[1]
        assert f"https://doi.org/10.5067/ATLAS/ATL06.{release}." in said


def test_day_of_access() -> None:
    """Today, while granules are read; nobody knows, where values came from elsewhere."""
    ds = cd.open(REAL, variables="h_li")
    before = dt.datetime.now(dt.UTC).date().isoformat()
    said = ds.cryo.citation()
    after = dt.datetime.now(dt.UTC).date().isoformat()
    assert f"accessed {before}" in said or f"accessed {after}" in said
    assert "accessed 2024-02-29." in ds.cryo.citation(accessed=dt.date(2024, 2, 29))
    copied = xr.Dataset(ds.coords, attrs=ds.attrs)
    assert "accessed" not in copied.cryo.citation()
    with pytest.raises(ConfigurationError, match="no day"):
        ds.cryo.citation(accessed="yesterday")


def test_other_files_say_what_they_say(tmp_path: Path) -> None:
    """A file of no known product has a title, and perhaps a DOI."""
    with h5py.File(tmp_path / "ice.h5", "w") as file:
        file["height"] = [1.0]
        file.attrs["title"] = "Ice"
        file.attrs["doi"] = "10.1/ice"
    said = cd.open(tmp_path / "ice.h5").cryo.citation(accessed="2025-01-01")
    assert said.startswith("Ice. https://doi.org/10.1/ice. 1 granule. accessed 2025-01-01.")
    glas = xr.Dataset(attrs={"title": "GLAS", "short_name": "GLAH06"})
    assert "https://doi.org/10.5067/ICESAT/GLAS/DATA109." in glas.cryo.citation()
    with pytest.raises(ConfigurationError, match="what its title is"):
        xr.Dataset().cryo.citation()
    with pytest.raises(ConfigurationError, match=r"style(.|\n)*bibtex"):
        xr.Dataset(attrs={"title": "Ice"}).cryo.citation("bibtx")
