"""From fetched bytes to the final arrays: decode each chunk and put it in its place.

An `Assembly` owns the result arrays of one plan. Its `place` may be called from several
threads at once, for different ranges: pieces never overlap in the result.
"""

from __future__ import annotations

import math
from collections.abc import Collection

import numpy as np

from cryodata.decoding.decode import check_filters, decode
from cryodata.errors import CryodataError
from cryodata.hdf5.values import strip_padding
from cryodata.layout import ArrayLayout, Inline
from cryodata.read_plan import ReadPlan, Want
from cryodata.types import AnyArray, Block
from cryodata.zones.zone_map import Learner, ZoneMap, can_have_zones

__all__ = ["Assembly"]


class Assembly:
    """Results of one plan, filled range by range.

    Parameters
    ----------
    plan : ReadPlan
    learn : collection of str
        Paths of datasets whose bounds are noted chunk by chunk.

    Raises
    ------
    UnsupportedError
        If a chunk wanted has a filter that cannot be undone; before anything is fetched.
    """

    def __init__(self, plan: ReadPlan, learn: Collection[str] = ()) -> None:
        _check_filters(plan)
        self._plan = plan
        layouts = {want.layout.path: want.layout for want in plan.wants}
        self._learners = {
            path: Learner(layout)
            for path, layout in layouts.items()
            if path in learn and can_have_zones(layout)
        }
        self._targets = [
            _Target(want, covered, self._learners.get(want.layout.path))
            for want, covered in zip(plan.wants, plan.covered, strict=True)
        ]
        self._bounds = np.searchsorted(plan.pieces.range, np.arange(plan.requests + 1))

    def place(self, number: int, block: Block) -> None:
        """Decode all pieces of one range.

        Parameters
        ----------
        number : int
            Which of the plan's ranges.
        block : Block
            Holds at least its bytes.

        Raises
        ------
        ChunkCorruptError
            If a piece fails its checksum or has another size; names variable and chunk.
        """
        pieces = self._plan.pieces
        rows = slice(self._bounds[number], self._bounds[number + 1])
        columns = zip(
            pieces.want[rows].tolist(),
            pieces.number[rows].tolist(),
            pieces.offset[rows].tolist(),
            pieces.nbytes[rows].tolist(),
            pieces.mask[rows].tolist(),
            strict=True,
        )
        for want, chunk, offset, nbytes, mask in columns:
            target = self._targets[want]
            start = offset - block.start
            try:
                target.place(chunk, block.data[start : start + nbytes], mask)
            except CryodataError as error:
                error.path = error.path or target.layout.path
                error.start, error.stop = offset, offset + nbytes
                raise

    def learnt(self) -> dict[str, ZoneMap]:
        """Bounds of the chunks that were placed, by path of the dataset."""
        return {path: learner.result() for path, learner in self._learners.items()}

    def results(self) -> list[AnyArray]:
        """The arrays, in the order of the plan's wants, as stored elements."""
        return [target.finish() for target in self._targets]


def _check_filters(plan: ReadPlan) -> None:
    """Refuse a plan with a chunk that no filter here can decode.

    Filters that a chunk's mask leaves out do not count: compressors leave out what they
    could not make smaller.
    """
    used = np.unique(np.stack([plan.pieces.want, plan.pieces.mask.astype(np.int64)]), axis=1)
    for number, mask in used.T.tolist():
        layout = plan.wants[number].layout
        try:
            check_filters(layout.filters, mask)
        except CryodataError as error:
            raise error.locate(path=layout.path) from None


class _Target:
    """The result array of one want."""

    def __init__(self, want: Want, covered: bool, learner: Learner | None) -> None:
        self.layout = layout = want.layout
        self._learner = learner
        self._want = want
        self._piece = layout.piece_shape
        self._filters = layout.filters if layout.chunk_shape is not None else ()
        self._contiguous = layout.chunk_shape is None
        self.out: AnyArray = np.empty(want.shape, layout.stored_dtype)
        if isinstance(layout.storage, Inline):
            whole = np.frombuffer(layout.storage.data, layout.stored_dtype).reshape(layout.shape)
            self.out[...] = whole[tuple(slice(*edges) for edges in want.box)]
        elif not covered:
            _fill(self.out, layout)

    def place(self, number: int, raw: memoryview, mask: int) -> None:
        """Decode one piece and copy the part of it that the box holds."""
        layout, piece = self.layout, self._piece
        corner = []
        for extent in reversed(layout.grid):
            number, at = divmod(number, extent)
            corner.append(at)
        corner.reverse()
        begin = [at * size for at, size in zip(corner, piece, strict=True)]
        shape = piece
        if self._contiguous:  # the last cut is short; a chunk is always stored whole
            shape = tuple(
                min(size, extent - start)
                for size, extent, start in zip(piece, layout.shape, begin, strict=True)
            )
        nbytes = math.prod(shape) * layout.stored_dtype.itemsize
        data = decode(raw, self._filters, mask, nbytes)
        values = np.frombuffer(data, layout.stored_dtype).reshape(shape)
        if self._learner is not None:
            inside = tuple(
                slice(extent - start) for start, extent in zip(begin, layout.shape, strict=True)
            )
            self._learner.note(corner[0], values[inside])
        source, target = [], []
        for start, size, (low, high) in zip(begin, shape, self._want.box, strict=True):
            first, last = max(start, low), min(start + size, high)
            source.append(slice(first - start, last - start))
            target.append(slice(first - low, last - low))
        self.out[tuple(target)] = values[tuple(source)]

    def finish(self) -> AnyArray:
        return strip_padding(self.out, self.layout.padding)


def _fill(out: AnyArray, layout: ArrayLayout) -> None:
    """Elements never written: the fill value, or a reference marked as never written."""
    if layout.dtype.hasobject:
        out.reshape(-1).view(np.uint8)[...] = 0xFF
    else:
        out[...] = layout.fill
