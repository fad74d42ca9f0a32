"""Chunk indexes that say what cannot be, in files larger than any test writes."""

from __future__ import annotations

import pytest

from cryodata.errors import FormatError
from cryodata.hdf5.chunk_index import ChunkedArray, read_chunk_table
from cryodata.hdf5.context import Context
from cryodata.hdf5.messages import SINGLE_FILTERED, Layout
from cryodata.hdf5.rounds import Held, Rounds
from cryodata.layout import ChunkTable
from cryodata.options import Limits

TERABYTE = 1 << 40


def single(address: int, nbytes: int) -> ChunkTable:
    """The table of an array of one filtered chunk, in a file of a terabyte."""
    rounds = Rounds(Held(TERABYTE))
    layout = Layout("chunked", address, nbytes, b"", (4,), "single", SINGLE_FILTERED)
    array = ChunkedArray((4,), (4,), (4,), 4, True)
    rounds.start(read_chunk_table(Context(rounds, Limits()), layout, array))
    assert not rounds.needs()
    table: ChunkTable = rounds.result
    return table


def test_sizes_that_the_table_can_hold() -> None:
    """Up to 4 GiB less a byte, at the very end of the file."""
    most = (1 << 32) - 1
    table = single(TERABYTE - most, most)
    assert table.nbytes.tolist() == [most]
    assert table.offsets.tolist() == [TERABYTE - most]


@pytest.mark.parametrize(
    "address, nbytes",
    [
        (100, 1 << 32),  # cut to 32 bits, it would be no byte
        (100, (1 << 32) + 16),
        (TERABYTE - 15, 16),
        (TERABYTE, 1),
        ((1 << 63) - 1, 16),
        (100, (1 << 63) - 1),
    ],
)
def test_chunks_that_no_file_holds_are_damage(address: int, nbytes: int) -> None:
    """Never another place, and never another size."""
    with pytest.raises(FormatError, match="outside the file"):
        single(address, nbytes)
