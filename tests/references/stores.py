"""References to small granules, for tests."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import h5py
import numpy as np

import cryodata as cd
from cryodata.references.references import References
from cryodata.references.shelf import INDEXES
from cryodata.types import Source

__all__ = ["clean", "contents", "tiny_granules"]


def tiny_granules(folder: Path, count: int, *, first: int = 0) -> list[Path]:
    """Files of ATL06's name and a single small beam, each with other values."""
    folder.mkdir(parents=True, exist_ok=True)
    return [_tiny(folder, number) for number in range(first, first + count)]


def _tiny(folder: Path, number: int) -> Path:
    path = (
        folder / f"ATL06_20190101000000_{number % 1387 + 1:04d}{number // 1387 + 1:02d}03_006_01.h5"
    )
    rng = np.random.default_rng(number)
    with h5py.File(path, "w") as file:
        group = file.create_group("gt1l/land_ice_segments")
        for name in ("h_li", "latitude", "longitude", "delta_time"):
            group.create_dataset(name, data=rng.random(100), chunks=(40,), compression="gzip")
    return path


def clean(where: Path) -> References | None:
    """The references at a place, each index of them looked at; None where there are none.

    No half file counts: every one is whole, or was never there.
    """
    if not list(where.glob("granules/*.parquet")):
        return None
    references = cd.references.open(where)
    keys = [row.key for row in references]
    assert len(keys) == len(set(keys)), "a granule twice"
    for row in references:
        index = references.index(row)
        assert index is not None
        assert index.complete
        assert index.source == row.source
        with h5py.File(row.source.url) as file:
            h_li = file["gt1l/land_ice_segments/h_li"]
            table = index.array("/gt1l/land_ice_segments/h_li").storage.table  # type: ignore[union-attr]
            assert table.offsets.tolist() == [
                h_li.id.get_chunk_info(i).byte_offset for i in range(h_li.id.get_num_chunks())
            ]
    assert {f"{row.index}.parquet" for row in references} <= {
        path.name for path in (where / INDEXES).iterdir()
    }
    return references


def contents(references: References | None) -> Mapping[str, tuple[Source, str]]:
    """What two stores of the same granules have in common."""
    return {} if references is None else {r.key: (r.source, r.index) for r in references}
