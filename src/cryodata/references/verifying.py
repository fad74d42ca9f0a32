"""References compared with their granules, by a reader that is not ours."""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from cryodata.errors import (
    ConfigurationError,
    CryodataError,
    NotFoundError,
    UnsupportedError,
)
from cryodata.formats import FORMAT
from cryodata.granule import GranuleFile
from cryodata.granule.referenced import Referenced
from cryodata.index import Index
from cryodata.layout import ArrayLayout, Chunked
from cryodata.options import Limits, Options
from cryodata.references.building import SIDE_BY_SIDE
from cryodata.references.catalogue import Row
from cryodata.references.independent import BLOCK, Blocks, Piece, Seen, import_h5py, seen_by_h5py
from cryodata.references.progress import Progress
from cryodata.references.references import References
from cryodata.store import loop
from cryodata.types import AnyArray, ByteRange

__all__ = ["verify_references"]

HOLES = 1 / 8
"""Of the chunks that are drawn of an array with holes, this part may be one of the holes."""
MOST_TOLD = 5
"""Differences told of one granule."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Verdict:
    """One row of the table."""

    name: str
    url: str
    version: str
    chunks: int = 0
    problem: str = ""


def verify_references(
    references: References,
    *,
    sample: int = 8,
    seed: int = 0,
    storage_options: Mapping[str, Any] | None = None,
    progress: bool | None = None,
    options: Options | None = None,
) -> pd.DataFrame:
    """See `cryodata.references.verify`."""
    given: object = sample
    if isinstance(given, bool) or not isinstance(given, int | np.integer) or sample < 0:
        raise ConfigurationError(f"sample={sample!r}", fix="It is a number of chunks, 0 or more.")
    import_h5py()
    fresh = replace(options or Options(), cache=None)  # what was kept on disk is not in question
    check = _Check(references, sample, seed, storage_options, fresh)
    rows = list(references)
    verdicts = []
    with (
        ThreadPoolExecutor(SIDE_BY_SIDE, thread_name_prefix="cryodata-verify") as pool,
        Progress(len(rows), "granules", show=progress) as bar,
    ):
        for verdict in pool.map(check.verdict, rows):
            verdicts.append(asdict(verdict))
            bar.step()
    return pd.DataFrame(verdicts, columns=list(_Verdict.__dataclass_fields__))


@dataclass(frozen=True, slots=True)
class _Check:
    """How granules are checked."""

    references: References
    sample: int
    seed: int
    storage_options: Mapping[str, Any] | None
    options: Options

    def verdict(self, row: Row) -> _Verdict:
        """What there is to say of one granule. Raises nothing."""
        name = row.granule.name or row.source.url.rpartition("/")[2]
        said = _Verdict(name=name, url=row.source.url, version="unknown")
        try:
            what = self.references._referenced(row).what
            with self._open(what) as granule:
                now = granule.version()
            if (now.size, now.etag) != (row.source.size, row.source.etag):
                why = "The granule was replaced since it was indexed; refresh indexes it anew"
                return replace(said, version="changed", problem=why)
            said = replace(said, version="same")
            chunks, problem = self._compared(row, what)
            return replace(said, chunks=chunks, problem=problem)
        except NotFoundError as error:
            if said.version == "same":  # it is the index that is not there
                return replace(said, problem=_line(error))
            why = "There is no such granule; refresh takes it out of the references"
            return replace(said, version="gone", problem=why)
        except Exception as error:  # noqa: BLE001 - what makes no sense may do anything
            return replace(said, problem=_line(error))

    def _open(self, what: Any) -> GranuleFile:
        return GranuleFile(what, options=self.options, storage_options=self.storage_options)

    def _compared(self, row: Row, what: Any) -> tuple[int, str]:
        """How many chunks were compared, and what differs."""
        index = self.references.index(row)
        if index is None:
            return 0, f"The index has format {row.index_format}, and this version reads {FORMAT}"
        rng = np.random.default_rng([self.seed, zlib.crc32(row.key.encode("utf-8", "replace"))])
        pieces = _draw(index, self.sample, rng)
        with self._open(Referenced(what, row.granule.name, lambda _: index)) as granule:
            if granule.walk([]).arrays is not index.arrays:  # it looked for itself
                return 0, "The granule was replaced while it was verified"

            def fetch(ranges: Sequence[ByteRange]) -> Sequence[memoryview]:
                return loop.run(granule.afetch(ranges))

            blocks = Blocks(row.source.size, _most_bytes(pieces, self.options.limits))
            theirs = seen_by_h5py(pieces, blocks, fetch)
            ours = _read(granule, [p for p in pieces if p.number is not None])
        found = [(piece, _difference(theirs[piece], ours.get(piece))) for piece in pieces]
        told = [f"{piece}: {differs}" for piece, differs in found if differs]
        more = f"; and {len(told) - MOST_TOLD} more" if len(told) > MOST_TOLD else ""
        return sum(p.number is not None for p in pieces), "; ".join(told[:MOST_TOLD]) + more


def _line(error: Exception) -> str:
    if isinstance(error, CryodataError):
        return " ".join(error.what.split()) + (f" ({error.path})" if error.path else "")
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"


def _most_bytes(pieces: Sequence[Piece], limits: Limits) -> int:
    """That h5py may ask for: the pieces themselves, ends of blocks, and structure."""
    places = [piece.place for piece in pieces if piece.number is not None]
    return limits.metadata_bytes + sum(place[1] + 2 * BLOCK for place in places if place)


def _draw(index: Index, sample: int, rng: np.random.Generator) -> list[Piece]:
    """Pieces of random arrays; all there are, where those are no more."""
    layouts = [a for a in index.arrays.values() if not a.problem and not a.is_null]
    if not layouts or not sample:
        return []
    sizes = [max(1, math.prod(layout.grid)) for layout in layouts]
    if sum(sizes) <= sample:
        return [
            _piece(x, number) for x, n in zip(layouts, sizes, strict=True) for number in range(n)
        ]
    drawn: dict[tuple[int, int], Piece] = {}
    for _ in range(4 * sample):  # the same one may be drawn twice
        which = int(rng.integers(len(layouts)))
        number = _number(layouts[which], sizes[which], rng)
        drawn[which, number] = _piece(layouts[which], number)
        if len(drawn) == sample:
            break
    return list(drawn.values())


def _piece(layout: ArrayLayout, number: int) -> Piece:
    return Piece(layout, None if 0 in layout.shape else number)


def _number(layout: ArrayLayout, size: int, rng: np.random.Generator) -> int:
    """One of the chunks, mostly of those that were written."""
    if not isinstance(layout.storage, Chunked):
        return int(rng.integers(size))
    written = layout.storage.table.numbers
    if len(written) and (len(written) >= size or rng.random() >= HOLES):
        return int(written[rng.integers(len(written))])
    return int(rng.integers(min(size, np.iinfo(np.int64).max)))


def _read(granule: GranuleFile, pieces: Sequence[Piece]) -> dict[Piece, AnyArray | CryodataError]:
    """What our reader gives by the index; or the error of those pieces that it cannot read."""
    wanted = [(piece.layout.path, piece.box) for piece in pieces]
    try:
        return dict(zip(pieces, granule.read(wanted), strict=True))
    except CryodataError as error:
        if len(pieces) == 1:
            return {pieces[0]: error}
    alone = [_read(granule, [piece]) for piece in pieces]
    return {piece: values for one in alone for piece, values in one.items()}


def _difference(theirs: Seen, ours: AnyArray | CryodataError | None) -> str:
    """What is wrong with a piece; empty where nothing is."""
    if theirs.differs:
        return theirs.differs
    if isinstance(ours, UnsupportedError):  # refused, which is no lie
        return ""
    if isinstance(ours, CryodataError):
        return f"it cannot be read: {ours.what}"
    if ours is None or theirs.values is None or _equal(ours, theirs.values):
        return ""
    return "other values than h5py reads"


def _equal(ours: AnyArray, theirs: AnyArray) -> bool:
    """Whether two arrays are the same in every bit; objects by their values."""
    if ours.shape != theirs.shape or ours.dtype != theirs.dtype:
        return False
    if ours.dtype.names is not None:  # member by member: what lies between them means nothing
        return all(_equal(ours[name], theirs[name]) for name in ours.dtype.names)
    if ours.dtype.hasobject:
        return all(_alike(a, b) for a, b in zip(ours.flat, theirs.flat, strict=True))
    return ours.tobytes() == theirs.tobytes()


def _alike(ours: Any, theirs: Any) -> bool:
    """Two texts, or two sequences."""
    if isinstance(ours, np.ndarray) and isinstance(theirs, np.ndarray):
        return _equal(ours, theirs)
    as_bytes = [
        x.encode("utf-8", "surrogateescape") if isinstance(x, str) else x for x in (ours, theirs)
    ]
    return type(as_bytes[0]) is type(as_bytes[1]) and bool(as_bytes[0] == as_bytes[1])
