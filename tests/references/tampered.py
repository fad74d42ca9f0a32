"""References that lie: indexes that somebody changed, put in place as if they were sound."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import cryodata as cd
from cryodata.formats import encode_apart
from cryodata.index import Index
from cryodata.layout import ArrayLayout, Chunked, ChunkTable
from cryodata.references.catalogue import rows_to_table
from cryodata.references.log import Log
from cryodata.references.references import References

__all__ = ["tampered", "with_array", "with_table"]


def tampered(references: References, change: Callable[[Index], Index]) -> References:
    """The same, after the index of the first granule was changed."""
    row = references[0]
    index = references.index(row)
    assert index is not None
    name, alike = references.shelf.put(encode_apart(change(index)))
    Log(references.folder).commit(rows_to_table([replace(row, index=name, alike=alike)]))
    found = cd.references.open(references.url, allow=row.source.url.rpartition("/")[0])
    assert len(found) == len(references)
    return found


def with_array(index: Index, path: str, layout: ArrayLayout) -> Index:
    """With another layout of one array."""
    return replace(index, arrays={**index.arrays, path: layout}, outline=None)


def with_table(index: Index, path: str, change: Callable[[ChunkTable], ChunkTable]) -> Index:
    """With other chunks of one array."""
    layout: Any = index.arrays[path]
    return with_array(index, path, replace(layout, storage=Chunked(change(layout.storage.table))))
