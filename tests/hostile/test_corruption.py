"""Chunks with one wrong byte: always told, never turned into values."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from cryodata.decoding.decode import decode
from cryodata.errors import ChunkCorruptError
from cryodata.granule import GranuleFile
from cryodata.layout import Filter
from tests.hostile.jobs import NO_CACHE
from tests.matrix.case import rng_of

CHUNKS = 20
ELEMENTS = 400
PIPELINES: dict[str, dict[str, Any]] = {
    "gzip": {"compression": "gzip"},
    "shuffle-gzip": {"compression": "gzip", "shuffle": True},
    "fletcher32": {"fletcher32": True},
    "gzip-fletcher32": {"compression": "gzip", "fletcher32": True},
}


def heights() -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    """A random walk to the millimetre, as terrain is."""
    steps = rng_of("heights").normal(0, 0.2, CHUNKS * ELEMENTS)
    return np.round(np.cumsum(steps), 3).astype("f4")


@pytest.fixture(params=PIPELINES)
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    place = tmp_path / "sound.h5"
    with h5py.File(place, "w") as file:
        file.create_dataset("x", data=heights(), chunks=(ELEMENTS,), **PIPELINES[request.param])
    return place


def stored_chunks(path: Path) -> list[tuple[int, bytes]]:
    data = path.read_bytes()
    with h5py.File(path) as file:
        chunks = [file["x"].id.get_chunk_info(i) for i in range(CHUNKS)]
    return [(c.byte_offset, data[c.byte_offset : c.byte_offset + c.size]) for c in chunks]


def test_every_byte_of_every_chunk(path: Path) -> None:
    """A decoder that stops before the checksum returns plausible heights from rotten bytes."""
    with GranuleFile(path, options=NO_CACHE) as granule:
        filters = granule.walk().array("x").filters
    rng = rng_of("flips")
    nbytes = ELEMENTS * 4
    for number, (_, raw) in enumerate(stored_chunks(path)):
        good = bytes(decode(raw, filters, 0, nbytes))
        assert good == heights()[number * ELEMENTS : (number + 1) * ELEMENTS].tobytes()
        harmless = 0
        for at, flip in enumerate(rng.integers(1, 256, len(raw))):
            damaged = bytearray(raw)
            damaged[at] ^= int(flip)
            try:
                values = bytes(decode(damaged, filters, 0, nbytes))
            except ChunkCorruptError:
                continue
            assert values == good, (number, at)
            harmless += 1
        # zlib's header has other spellings of the same, and the last block's padding no meaning
        assert harmless <= 2


def test_every_bit_of_one_chunk(path: Path) -> None:
    """As above, where single bits flip, as they do in memory and on disks."""
    with GranuleFile(path, options=NO_CACHE) as granule:
        filters = granule.walk().array("x").filters
    _, raw = stored_chunks(path)[3]
    good = bytes(decode(raw, filters, 0, ELEMENTS * 4))
    told = 0
    for bit in range(8 * len(raw)):
        damaged = bytearray(raw)
        damaged[bit // 8] ^= 1 << bit % 8
        try:
            assert bytes(decode(damaged, filters, 0, ELEMENTS * 4)) == good, bit
        except ChunkCorruptError:
            told += 1
    assert told >= 8 * len(raw) - 16


@pytest.mark.parametrize("extra", [-200, -1, 1, 200])
def test_every_length(path: Path, extra: int) -> None:
    """A chunk cut short or with something behind it is not the chunk that was written."""
    with GranuleFile(path, options=NO_CACHE) as granule:
        filters = granule.walk().array("x").filters
    for _, raw in stored_chunks(path):
        damaged = raw[:extra] if extra < 0 else raw + bytes(extra)
        try:
            values = bytes(decode(damaged, filters, 0, ELEMENTS * 4))
        except ChunkCorruptError:
            continue
        assert extra > 0  # bytes after the end of a zlib stream are not part of it
        assert values == bytes(decode(raw, filters, 0, ELEMENTS * 4))


def test_streams_of_the_wrong_size() -> None:
    """A stream that is sound but longer or shorter than the chunk must not be cut or padded."""
    deflated = (Filter(1, "deflate", (6,)),)
    for size in (0, 1, 1599, 1601, 100_000):
        with pytest.raises(ChunkCorruptError):
            decode(zlib.compress(bytes(size)), deflated, 0, 1600)
    with pytest.raises(ChunkCorruptError):
        decode(bytes(1599), (), 0, 1600)


def test_reader_asks_again_once(path: Path, tmp_path: Path) -> None:
    """A byte lost on the way is mended by one more request; one lost in the file is told."""
    data = bytearray(path.read_bytes())
    offset, raw = stored_chunks(path)[7]
    data[offset + len(raw) // 2] ^= 0x55
    damaged = tmp_path / "damaged.h5"
    damaged.write_bytes(data)
    with GranuleFile(damaged, options=NO_CACHE) as granule:
        granule.walk()
        before = granule.receipt.requests
        wanted = (slice(7 * ELEMENTS, 8 * ELEMENTS),)
        with pytest.raises(ChunkCorruptError, match="/x") as caught:
            granule.read([("x", wanted)])
        assert granule.receipt.requests - before <= 2
        assert caught.value.url.endswith("damaged.h5")
        assert caught.value.start == offset
        assert caught.value.stop == offset + len(raw)
        (rest,) = granule.read([("x", (slice(0, 7 * ELEMENTS),))])
    assert np.array_equal(rest, heights()[: 7 * ELEMENTS])
