"""What h5py finds in a granule: a second reader, which shares no line of code with ours.

h5py holds one lock for all its files while it reads. An object of it that is collected as garbage
in the thread of our event loop waits for that lock; if h5py waited for the loop meanwhile, both
would wait for ever. So h5py is given blocks that are there already. Where one is missing, it is
noted, the attempt is given up with all that was opened, and there is another when the block came.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cryodata.errors import FormatError, LimitExceededError, MissingDependencyError
from cryodata.layout import ArrayLayout, Chunked, Contiguous
from cryodata.types import AnyArray, ByteRange

__all__ = ["Blocks", "Piece", "Seen", "import_h5py", "seen_by_h5py"]

BLOCK = 512 * 1024
"""Bytes fetched at once: metadata that h5py reads one after the other mostly lies together."""
ATTEMPTS = 64
"""Of one granule. Each comes a level deeper into groups and B-trees, of all pieces at once."""
NO_FILTER = 2**32 - 1

Fetch = Callable[[Sequence[ByteRange]], Sequence[memoryview]]


@dataclass(frozen=True, slots=True)
class Piece:
    """A chunk that is looked at, or a cut of contiguous data.

    Attributes
    ----------
    layout : ArrayLayout
        As the index has it.
    number : int or None
        In C order over ``layout.grid``; None where the array has no elements: then its type
        and shape are looked at.
    """

    layout: ArrayLayout
    number: int | None

    @property
    def box(self) -> tuple[slice, ...]:
        """Its elements: a slice per axis, half-open, cut at the end of the array."""
        layout = self.layout
        corner = np.unravel_index(self.number or 0, layout.grid) if layout.grid else ()
        return tuple(
            slice(int(at) * piece, min((int(at) + 1) * piece, extent))
            for at, piece, extent in zip(corner, layout.piece_shape, layout.shape, strict=True)
        )

    @property
    def place(self) -> tuple[int, int, int] | None:
        """First byte in the file, stored bytes, filter mask; None where it was never written."""
        located = self.layout.locate(np.array([self.number or 0]))
        if not len(located.positions):
            return None
        return int(located.offsets[0]), int(located.nbytes[0]), int(located.masks[0])

    def __str__(self) -> str:
        chunk = isinstance(self.layout.storage, Chunked) and self.number is not None
        return f"{self.layout.path}, chunk {self.number}" if chunk else self.layout.path


@dataclass(frozen=True, slots=True)
class Seen:
    """What h5py finds.

    Attributes
    ----------
    differs : str
        From what the index says; empty where it does not.
    values : array or None
        Of the piece; None where h5py cannot read them, or something differs.
    """

    differs: str = ""
    values: AnyArray | None = None


class _Missing(Exception):  # noqa: N818 - not an error: it ends an attempt
    """A block is not there yet."""


class Blocks:
    """Blocks of one file, as far as they were fetched.

    Parameters
    ----------
    size : int
        Bytes of the file.
    most : int
        Bytes that may be fetched, with what is around them. A file that was made to hurt could
        lead h5py all over itself.
    """

    def __init__(self, size: int, most: int) -> None:
        self.size = size
        self.misses = 0
        """How often something was asked for that is not there."""
        self._most = most
        self._held: dict[int, memoryview] = {}
        self._missing: set[int] = set()

    def want(self, start: int, stop: int) -> None:
        """Note that these bytes are going to be needed."""
        start, stop = max(0, start), min(stop, self.size)
        if start < stop:
            last = min((stop - 1) // BLOCK, start // BLOCK + self._most // BLOCK + 1)
            self._missing.update(set(range(start // BLOCK, last + 1)) - self._held.keys())

    def fetch(self, fetch: Fetch) -> None:
        """Fetch what is missing, in one round.

        Raises
        ------
        LimitExceededError
            That would be more than `most`.
        CryodataError
            Whatever `fetch` raises.
        """
        numbers = sorted(self._missing)
        if (len(self._held) + len(numbers)) * BLOCK > self._most:
            raise LimitExceededError(f"h5py asks for more than {self._most:,} bytes")
        ranges = [ByteRange(n * BLOCK, min((n + 1) * BLOCK, self.size)) for n in numbers]
        self._held.update(zip(numbers, fetch(ranges), strict=True))
        self._missing.clear()

    def copy(self, start: int, out: memoryview) -> int:
        """Bytes from `start` on into `out`, as many as there are; how many.

        Raises
        ------
        _Missing
            Some were not fetched; all that are wanted are noted.
        """
        stop = min(start + len(out), self.size)
        numbers = range(start // BLOCK, -(-stop // BLOCK)) if start < stop else range(0)
        if any(number not in self._held for number in numbers):
            self.misses += 1
            self.want(start, stop)
            raise _Missing
        for number in numbers:
            a, b = max(start, number * BLOCK), min(stop, (number + 1) * BLOCK)
            out[a - start : b - start] = self._held[number][a - number * BLOCK : b - number * BLOCK]
        return max(0, stop - start)


class _Window(io.RawIOBase):
    """A file for h5py over blocks; it never waits.

    Attributes
    ----------
    log : list of (int, int)
        Where h5py read, and how many bytes.
    """

    def __init__(self, blocks: Blocks) -> None:
        self._blocks = blocks
        self._at = 0
        self.log: list[tuple[int, int]] = []

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._blocks.size}[whence]
        self._at = base + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, out: Any) -> int:
        view = memoryview(out).cast("B")
        self.log.append((self._at, len(view)))
        count = self._blocks.copy(self._at, view)
        self._at += count
        return count


def import_h5py() -> Any:
    """h5py.

    Raises
    ------
    MissingDependencyError
        It is not installed.
    """
    try:
        import h5py
    except ImportError as error:
        raise MissingDependencyError(
            "Verifying references needs h5py, as the reader to compare with",
            fix="Install it: pip install h5py",
        ) from error
    return h5py


def seen_by_h5py(pieces: Iterable[Piece], blocks: Blocks, fetch: Fetch) -> dict[Piece, Seen]:
    """What h5py finds of some pieces.

    Parameters
    ----------
    pieces : iterable of Piece
    blocks : Blocks
    fetch : callable
        Brings ranges of the file; is called while h5py does nothing.

    Raises
    ------
    MissingDependencyError
        h5py is not installed.
    LimitExceededError
        h5py gets to no end: it asks for too many bytes, or too often.
    CryodataError
        Whatever `fetch` raises.

    Notes
    -----
    Paths are followed through groups of the file itself, never through links into other files;
    values that lie in other files are not read, and virtual datasets neither. Beyond that the
    file is in the hands of libhdf5, which is written in C: one that was made to crash it can.
    """
    h5py = import_h5py()
    left = list(dict.fromkeys(pieces))
    seen: dict[Piece, Seen] = {}
    blocks.want(0, BLOCK)
    blocks.want(blocks.size - BLOCK, blocks.size)
    for piece in left:  # a guess that saves a round; h5py looks for them itself
        if piece.number is not None and (place := piece.place) is not None:
            blocks.want(place[0], place[0] + place[1])
    for _ in range(ATTEMPTS):
        blocks.fetch(fetch)
        seen.update(_attempt(h5py, left, blocks))
        left = [piece for piece in left if piece not in seen]
        if not left:
            return seen
    raise LimitExceededError(f"h5py is not done after {ATTEMPTS} attempts")


def _attempt(h5py: Any, pieces: Sequence[Piece], blocks: Blocks) -> Mapping[Piece, Seen]:
    """Those pieces for which all blocks are there."""
    seen: dict[Piece, Seen] = {}
    window = _Window(blocks)
    begin = blocks.misses
    try:
        with h5py.File(window, "r") as file:
            for piece in pieces:
                before = blocks.misses
                try:
                    found = _look(h5py, file, window, piece)
                except Exception as error:  # noqa: BLE001 - whatever h5py raises, also of a miss
                    found = Seen(_said(error))
                # HDF5 may pass over a failed read as if there was nothing: also no error counts.
                if blocks.misses == before:
                    seen[piece] = found
    except Exception as error:  # noqa: BLE001 - as above
        if blocks.misses == begin:
            found = Seen(f"h5py cannot open the file: {_said(error)}")
            seen.update({piece: found for piece in pieces if piece not in seen})
    return seen


def _said(error: Exception) -> str:
    if isinstance(error, FormatError):
        return error.what
    return f"h5py says {type(error).__name__}: {' '.join(str(error).split())[:160]}"


def _look(h5py: Any, file: Any, window: _Window, piece: Piece) -> Seen:
    layout = piece.layout
    dataset = _open(h5py, file, layout.path)
    made = dataset.get_create_plist()
    # Asked first: of a virtual dataset, the shape alone may open other files.
    if made.get_layout() == h5py.h5d.VIRTUAL:
        return Seen("it is a virtual dataset, whose values lie in others")
    if made.get_external_count():
        return Seen("its values lie in other files")
    dtype = _dtype(h5py, dataset)
    if differs := _form_differs(h5py, dataset, made, dtype, layout):
        return Seen(differs)
    if piece.number is None:
        return Seen()
    axes = dataset.rank
    if differs := _place_differs(dataset, window, piece, axes):
        return Seen(differs)
    if dtype is None or not _can_decode(h5py, layout):
        return Seen()
    values = h5py.Dataset(dataset)[piece.box[:axes]]
    return Seen(values=_as_array(values, layout.dtype))


def _open(h5py: Any, file: Any, path: str) -> Any:
    """The dataset, by its own path: over no link but hard ones, which stay in the file."""
    here = file["/"].id
    for name in path.strip("/").split("/"):
        key = name.encode("utf-8", "surrogateescape")
        if key in {b"", b"."} or not isinstance(here, h5py.h5g.GroupID) or key not in here:
            raise FormatError("h5py finds no such dataset")
        if here.links.get_info(key).type != h5py.h5l.TYPE_HARD:
            raise FormatError("h5py finds a link there, not a dataset of the file")
        here = h5py.h5o.open(here, key)
    if not isinstance(here, h5py.h5d.DatasetID):
        raise FormatError("h5py finds no dataset there")
    return here


def _dtype(h5py: Any, dataset: Any) -> np.dtype[Any] | None:
    """The type; None where h5py knows none like it."""
    try:
        return h5py.Dataset(dataset).dtype  # type: ignore[no-any-return]
    except TypeError:
        return None


def _form_differs(
    h5py: Any, dataset: Any, made: Any, dtype: np.dtype[Any] | None, layout: ArrayLayout
) -> str:
    """How type, shape or shape of chunks differ."""
    inner = () if dtype is None else dtype.shape
    if dtype is not None and dtype.base != layout.dtype:
        return f"type {layout.dtype} is {dtype.base}"
    shape = dataset.shape
    if shape is None:
        return "it has no values"
    rank = len(shape)
    if layout.shape[:rank] != shape or (dtype is not None and layout.shape[rank:] != inner):
        return f"shape {layout.shape} is {(*shape, *inner)}"
    chunked = made.get_layout() == h5py.h5d.CHUNKED
    chunks = tuple(made.get_chunk()) if chunked else None
    ours = layout.chunk_shape
    if (None if ours is None else ours[:rank]) != chunks:
        return f"shape of chunks {ours} is {chunks}"
    return ""


def _place_differs(dataset: Any, window: _Window, piece: Piece, axes: int) -> str:
    """How the place of its bytes differs.

    Of a chunk that was never written by the index nothing is asked here: of arrays without any
    chunk libhdf5 2.0 gives a size that is not even initialised. That it is a hole shows in the
    values.
    """
    storage = piece.layout.storage
    if isinstance(storage, Chunked):
        ours = piece.place
        if ours is None:
            return ""
        theirs = _place_of_chunk(dataset, window, piece, axes)
        if _is_bare_edge(piece):
            ours, theirs = (*ours[:2], 0), (*theirs[:2], 0)
        return "" if ours == theirs else f"{_placed(ours)}, but h5py finds it {_placed(theirs)}"
    offset = dataset.get_offset()
    said = storage.offset if isinstance(storage, Contiguous) else None
    return "" if said == offset else f"the values are at byte {said}, but h5py says {offset}"


def _is_bare_edge(piece: Piece) -> bool:
    """Whether a chunk over the end of its array has no filters by the index.

    Where a file leaves its edges unfiltered, the index says so in the mask; HDF5 does not. That
    it is true shows in the values.
    """
    place = piece.place
    extents = tuple(part.stop - part.start for part in piece.box)
    return place is not None and place[2] == NO_FILTER and extents != piece.layout.piece_shape


def _place_of_chunk(dataset: Any, window: _Window, piece: Piece, axes: int) -> tuple[int, int, int]:
    """First byte, stored bytes and filter mask of a chunk; raises where there is none.

    The first byte is where h5py reads when it is told to give the stored bytes. To ask by
    ``get_chunk_info_by_coord`` would be wrong, and slow: of arrays that grow along another axis
    than their first, libhdf5 2.0 gives the place of another chunk; and it goes through all the
    chunks, while this goes straight to one.
    """
    corner = tuple(part.start for part in piece.box[:axes])
    window.log.clear()
    mask, raw = dataset.read_direct_chunk(corner)
    offset = next((at for at, count in reversed(window.log) if count == len(raw)), -1)
    return offset, len(raw), int(mask)


def _placed(place: tuple[int, int, int]) -> str:
    offset, nbytes, mask = place
    return f"at bytes {offset}-{offset + nbytes}" + (f" with filter mask {mask}" if mask else "")


def _can_decode(h5py: Any, layout: ArrayLayout) -> bool:
    """Whether h5py has all the filters, and its values mean the same as ours."""
    if any(not h5py.h5z.filter_avail(step.id) for step in layout.filters):
        return False
    # h5py gives sequences of the other byte order with their bytes swapped, and says nothing.
    return layout.element is None or layout.element.isnative


def _as_array(values: Any, dtype: np.dtype[Any]) -> AnyArray:
    """An array also of a scalar; one text or one sequence is a single object."""
    if isinstance(values, np.ndarray) and (values.dtype.hasobject or not dtype.hasobject):
        return values
    if dtype.hasobject:
        alone = np.empty((), object)
        alone[()] = values
        return alone
    return np.asarray(values, dtype)  # h5py turns scalars into the order of this machine
