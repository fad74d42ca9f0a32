"""What is in references, variable by variable, beside what h5py counts."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest

import cryodata as cd
from cryodata.errors import CacheError
from cryodata.granule import GranuleFile
from cryodata.options import Network, Options
from cryodata.read_plan import Want, plan_reads
from cryodata.references.references import References
from tests.real import real_files


def make(path: Path, *, chunks: int = 40, packed: Any = "gzip") -> Path:
    with h5py.File(path, "w") as file:
        values = np.arange(100, dtype="f4")
        file.create_dataset(
            "packed", data=values, chunks=(chunks,), compression=packed, shuffle=True
        )
        file.create_dataset("plain", data=np.ones((6, 8), "i2"), chunks=(3, 4))
        file["run"] = np.arange(1000, dtype=">f8")
        file["texts"] = np.array(["one", "two"], h5py.string_dtype())
        file.create_dataset("holes", (1000, 1000), "f4", chunks=(10, 10))
        file.create_dataset("never", (50,), "f4")
        file.create_virtual_dataset("virtual", h5py.VirtualLayout((20,), "f8"))
    return path


def described(references: References) -> pd.DataFrame:
    return cd.references.describe(references).set_index("path")


def test_columns(tmp_path: Path) -> None:
    references = cd.references.build([make(tmp_path / "a.h5")], tmp_path / "refs")
    table = cd.references.describe(references)
    assert list(table.columns) == [
        *("product", "path", "granules", "dtype", "chunk_shape", "codecs", "chunks"),
        *("stored_bytes", "decoded_bytes", "ratio", "mean_chunk_bytes", "cloud"),
    ]
    assert list(table["path"]) == sorted(table["path"])
    table = table.set_index("path")
    packed, plain, run, texts = (table.loc[f"/{n}"] for n in ("packed", "plain", "run", "texts"))
    assert packed["codecs"] == "shuffle, deflate 4"
    assert packed["chunk_shape"] == "40"
    assert packed["ratio"] == 400 / packed["stored_bytes"]
    assert packed["mean_chunk_bytes"] == packed["stored_bytes"] / 3
    assert (plain["chunk_shape"], plain["codecs"]) == ("3 x 4", "none")
    assert (plain["chunks"], plain["stored_bytes"], plain["ratio"]) == (4, 96, 1.0)
    assert (run["dtype"], run["chunk_shape"], run["chunks"]) == (">f8", "contiguous", 1)
    assert run["cloud"] == 100
    assert texts["dtype"] == "vlen string"
    assert table["decoded_bytes"]["/holes"] == 4_000_000
    for nothing in ("/holes", "/never", "/virtual"):
        assert table["chunks"][nothing] == table["stored_bytes"][nothing] == 0
        assert math.isnan(table["cloud"][nothing])
        assert math.isnan(table["ratio"][nothing])
    assert table["chunk_shape"]["/virtual"] == "none"


def test_granules_that_differ(tmp_path: Path) -> None:
    paths = [
        make(tmp_path / "a.h5"),
        make(tmp_path / "b.h5", chunks=50),
        make(tmp_path / "c.h5", packed="lzf"),
    ]
    with h5py.File(paths[0], "a") as file:
        file["only here"] = 1
    table = described(cd.references.build(paths, tmp_path / "refs"))
    packed = table.loc["/packed"]
    assert (packed["chunk_shape"], packed["codecs"]) == ("various", "various")
    assert (packed["granules"], packed["chunks"]) == (3, 8)
    assert packed["dtype"] == "float32"
    assert table["granules"]["/only here"] == 1
    assert table.attrs["granules"] == 3


def test_every_real_file_is_counted_as_h5py_counts(tmp_path: Path) -> None:
    """Paths with a product of their own each; sums over all granules of it."""
    references = cd.references.build([*real_files().values()], tmp_path / "refs")
    table = cd.references.describe(references)
    expected: dict[tuple[str, str], list[int]] = {}
    for row in references:
        with h5py.File(row.source.url) as file:

            def add(name: str, thing: Any, product: str = row.granule.product) -> None:
                if isinstance(thing, h5py.Dataset):
                    sums = expected.setdefault((product, f"/{name}"), [0, 0, 0])
                    inline = thing.id.get_create_plist().get_layout() == h5py.h5d.COMPACT
                    stored = 0 if inline else thing.id.get_storage_size()
                    chunks = thing.id.get_num_chunks() if thing.chunks else int(stored > 0)
                    for i, count in enumerate((1, chunks, stored)):
                        sums[i] += count

            file.visititems(add)
    found = {
        (row.product, row.path): [row.granules, row.chunks, row.stored_bytes]
        for row in table.itertuples()
    }
    assert found == expected
    assert table.attrs["stored_bytes"] == sum(row.nbytes for row in references)
    score = table["cloud"].dropna()
    assert ((score > 0) & (score <= 100)).all()


@pytest.fixture(scope="module")
def scattered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same values in 800 chunks far apart, in 800 close together, and in one run."""
    path = tmp_path_factory.mktemp("scattered") / "x.h5"
    count, piece, gap = 800, 100, 30_000
    with h5py.File(path, "w") as file:
        wide = file.create_dataset("between", (0,), "f8", chunks=(gap,), maxshape=(None,))
        apart = file.create_dataset("apart", (0,), "f8", chunks=(piece,), maxshape=(None,))
        for n in range(count):
            for dataset, size in ((wide, gap), (apart, piece)):
                dataset.resize(((n + 1) * size,))
                dataset[-size:] = n
            file.flush()
        file.create_dataset("close", data=apart[:], chunks=(piece,))
        file["run"] = apart[:]
    return path


def test_score(scattered: Path, tmp_path: Path) -> None:
    """As the docstring has it, for the requests that would be made."""
    table = described(cd.references.build([scattered], tmp_path / "refs"))
    score = table["cloud"]
    assert score["/run"] == 100
    assert score["/close"] > 90
    assert score["/apart"] < 50
    network = Network()
    with GranuleFile(scattered, options=Options(cache=None)) as granule:
        layout = granule.walk().array("/apart")
    plan = plan_reads([Want(layout, ((0, layout.shape[0]),))], network, memory=1 << 40)
    assert plan.requests > network.in_flight

    def seconds(requests: int, nbytes: int) -> float:
        more = max(0, requests - 96) / 96 * 0.04
        return 2 * 0.04 + more + nbytes / 85e6

    best = seconds(1, 800 * 800)
    assert score["/apart"] == pytest.approx(100 * best / seconds(plan.requests, plan.nbytes))


def test_score_is_that_of_the_largest_granule(scattered: Path, tmp_path: Path) -> None:
    """Whichever granule comes first."""
    small = tmp_path / "small.h5"
    with h5py.File(small, "w") as file:
        file["apart"] = np.arange(10.0)
    score = [
        described(cd.references.build(paths, tmp_path / name))["cloud"]["/apart"]
        for name, paths in (("one", [small, scattered]), ("other", [scattered, small]))
    ]
    alone = described(cd.references.build([scattered], tmp_path / "alone"))["cloud"]["/apart"]
    assert score == [alone, alone]


def test_a_damaged_index(tmp_path: Path) -> None:
    """Sums that silently lack a granule would be believed."""
    references = cd.references.build([make(tmp_path / "a.h5")], tmp_path / "refs")
    (path,) = Path(references.url, "indexes").iterdir()
    path.write_bytes(b"")
    with pytest.raises(CacheError, match="changed after it was written"):
        cd.references.describe(references)


def test_no_granules(tmp_path: Path) -> None:
    references = cd.references.build([make(tmp_path / "a.h5")], tmp_path / "refs")
    table = cd.references.describe(references.select(product="ATL03"))
    assert len(table) == 0
    assert table.attrs == {
        "granules": 0,
        "variables": 0,
        "chunks": 0,
        "stored_bytes": 0,
        "decoded_bytes": 0,
    }
