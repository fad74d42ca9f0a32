"""What is in references, variable by variable: how it is stored, and how well that reads."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from cryodata.cost import Cost, Way, estimate
from cryodata.errors import CacheError, CryodataError
from cryodata.index import Index
from cryodata.layout import ArrayLayout, Chunked, Contiguous, Filter, Inline
from cryodata.no_garbage import nothing_collected
from cryodata.options import Network
from cryodata.prices import Prices
from cryodata.read_plan import Want, plan_reads
from cryodata.references.catalogue import Row
from cryodata.references.references import References

__all__ = ["describe_indexes", "describe_references"]

SIDE_BY_SIDE = 4
"""Indexes on their way at once: from S3 that hides latencies; decoding shares one interpreter."""
VARIOUS = "various"
COLUMNS = (
    *("product", "path", "granules", "dtype", "chunk_shape", "codecs", "chunks"),
    *("stored_bytes", "decoded_bytes", "ratio", "mean_chunk_bytes", "cloud"),
)


def describe_references(references: References) -> pd.DataFrame:
    """See `cryodata.references.describe`."""
    return describe_indexes(_indexes(references))


def describe_indexes(indexes: Iterable[tuple[str, Index]]) -> pd.DataFrame:
    """The table of `cryodata.references.describe`, of products and indexes of granules."""
    found: dict[tuple[str, str], _Variable] = {}
    granules = 0
    for product, index in indexes:
        granules += 1
        for path, layout in index.arrays.items():
            variable = found.get((product, path))
            if variable is None:
                variable = found[product, path] = _Variable()
            variable.add(layout)
    keys = sorted(found, key=lambda key: (key[1], key[0]))
    frame = pd.DataFrame([found[key].row(*key) for key in keys], columns=list(COLUMNS))
    frame.attrs = {
        "granules": granules,
        "variables": len(frame),
        **{name: int(frame[name].sum()) for name in ("chunks", "stored_bytes", "decoded_bytes")},
    }
    return frame


def _indexes(references: References) -> Iterator[tuple[str, Index]]:
    """Few of them in memory at a time."""
    rows = list(references)
    with ThreadPoolExecutor(SIDE_BY_SIDE, thread_name_prefix="cryodata-describe") as pool:
        for start in range(0, len(rows), 4 * SIDE_BY_SIDE):
            some = rows[start : start + 4 * SIDE_BY_SIDE]
            with nothing_collected():
                indexes = list(pool.map(lambda row: _index(references, row), some))
            yield from zip((row.granule.product for row in some), indexes, strict=True)


def _index(references: References, row: Row) -> Index:
    index = references.index(row)
    if index is None:
        raise CacheError(
            f"The index has format {row.index_format}, which this version does not read",
            url=row.source.url,
            fix="Build the references again: cryodata.references.build(granules, where).",
        )
    return index


@dataclass(slots=True)
class _Variable:
    """One variable of one product, summed up over its granules.

    Attributes
    ----------
    largest : ArrayLayout or None
        Of the granule in which it has most bytes: by that the requests are counted.
    """

    granules: int = 0
    chunks: int = 0
    stored: int = 0
    decoded: int = 0
    largest: ArrayLayout | None = None
    most: int = -1
    forms: set[tuple[Any, ...]] = field(default_factory=set)

    def add(self, layout: ArrayLayout) -> None:
        """One more granule."""
        chunks, stored = _bytes_in_file(layout)
        self.granules += 1
        self.chunks += chunks
        self.stored += stored
        self.decoded += math.prod(layout.shape) * layout.stored_dtype.itemsize
        kind = layout.kind if layout.dtype.hasobject else layout.dtype
        form = layout.chunk_shape if layout.chunk_shape is not None else type(layout.storage)
        self.forms.add((kind, form, layout.filters))
        if stored > self.most:
            self.most, self.largest = stored, layout

    def row(self, product: str, path: str) -> tuple[Any, ...]:
        """Values of `COLUMNS`."""
        kinds, shapes, filters = zip(*self.forms, strict=True)
        return (
            product,
            path,
            self.granules,
            _one(str(kind) for kind in kinds),
            _one(_shape_in_words(shape) for shape in shapes),
            _one(_codecs_in_words(steps) for steps in filters),
            self.chunks,
            self.stored,
            self.decoded,
            self.decoded / self.stored if self.stored else np.nan,
            self.stored / self.chunks if self.chunks else np.nan,
            np.nan if self.largest is None else _cloud(self.largest, self.most),
        )


def _bytes_in_file(layout: ArrayLayout) -> tuple[int, int]:
    """Chunks, and the bytes that they take; contiguous data counts as one."""
    storage = layout.storage
    if isinstance(storage, Chunked):
        nbytes = storage.table.nbytes
        return len(nbytes), int(nbytes.sum(dtype=np.int64))
    if isinstance(storage, Contiguous) and storage.offset is not None:
        return 1, storage.nbytes
    return 0, 0


def _cloud(layout: ArrayLayout, stored: int) -> float:
    """How well one variable reads from an object store, 0 to 100; NaN without bytes."""
    network = Network()
    whole = Want(layout, tuple((0, extent) for extent in layout.shape))
    try:
        plan = plan_reads([whole], network, memory=2**63)
    except CryodataError:  # its values cannot be read at all
        return np.nan
    if not stored or not plan.requests:
        return np.nan
    best = _seconds(1, stored, network)
    return 100 * min(1.0, best / _seconds(plan.requests, plan.nbytes, network))


def _seconds(requests: int, nbytes: int, network: Network) -> float:
    """How long requests of one round take, by the model of `cryodata.plan`, without decoding."""
    way = Way(title="", latency=network.latency, bandwidth=network.bandwidth, inside=True)
    cost = Cost(requests=requests, nbytes=nbytes, rounds=1)
    return estimate(cost, way, network, Prices(), threads=1).seconds


def _one(texts: Iterable[str]) -> str:
    """What all have in common."""
    different = set(texts)
    return different.pop() if len(different) == 1 else VARIOUS


def _shape_in_words(form: tuple[int, ...] | type) -> str:
    if isinstance(form, tuple):
        return " x ".join(map(str, form))
    return {Contiguous: "contiguous", Inline: "inline"}.get(form, "none")


def _codecs_in_words(filters: tuple[Filter, ...]) -> str:
    """``shuffle, deflate 6``: in the order of writing."""
    return ", ".join(_codec(step) for step in filters) or "none"


def _codec(step: Filter) -> str:
    name = {1: "deflate", 2: "shuffle", 3: "fletcher32"}.get(step.id) or step.name
    level = f" {step.values[0]}" if step.id == 1 and step.values else ""
    return f"{name or f'filter {step.id}'}{level}"
