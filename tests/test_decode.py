"""Filters undone: exactly the bytes that were written, or an error that says what is wrong."""

from __future__ import annotations

import bz2
import zlib
from collections.abc import Callable

import numcodecs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryodata.decoding.decode import check_filters, decode
from cryodata.errors import ChunkCorruptError, UnsupportedError
from cryodata.layout import Filter

DEFLATE = Filter(1, "deflate", (6,))
FLETCHER = Filter(3, "fletcher32")
BZIP2 = Filter(307, "bzip2")


def shuffle(width: int) -> Filter:
    return Filter(2, "shuffle", (width,))


def shuffled(data: bytes, width: int) -> bytes:
    """By the definition: byte i of every element, then byte i + 1, then the rest."""
    count = len(data) // width
    body = b"".join(bytes(data[i + width * e] for e in range(count)) for i in range(width))
    return body + data[count * width :]


def fletchered(data: bytes) -> bytes:
    """By the definition, word by word, folding as it goes."""
    low = high = 0
    words = [data[i : i + 2] for i in range(0, len(data), 2)]
    for word in words:
        low += int.from_bytes(word.ljust(2, b"\0"), "big")
        low = (low & 0xFFFF) + (low >> 16)
        high += low
        high = (high & 0xFFFF) + (high >> 16)
    for _ in range(2):
        low = (low & 0xFFFF) + (low >> 16)
        high = (high & 0xFFFF) + (high >> 16)
    return data + (high << 16 | low).to_bytes(4, "little")


@given(st.binary(max_size=3_000), st.sampled_from([1, 2, 4, 8, 3]))
def test_pipelines_are_undone_from_the_last(data: bytes, width: int) -> None:
    """Undone in another order, or with a lost rest, values would be scrambled."""
    once = zlib.compress(shuffled(data, width), 6)
    pipelines = {
        (): data,
        (DEFLATE,): zlib.compress(data),
        (shuffle(width), DEFLATE): once,
        (shuffle(width), DEFLATE, DEFLATE): zlib.compress(once, 4),
        (shuffle(width), DEFLATE, FLETCHER): fletchered(once),
        (FLETCHER, DEFLATE): zlib.compress(fletchered(data)),
        (BZIP2,): bz2.compress(data),
    }
    for filters, raw in pipelines.items():
        assert bytes(decode(raw, filters, 0, len(data))) == data, filters


def test_the_mask_leaves_filters_out() -> None:
    """Bit i stands for filter i in the order of writing, not of reading."""
    data = bytes(range(200)) * 2
    filters = (shuffle(4), DEFLATE)
    assert bytes(decode(shuffled(data, 4), filters, 0b10, len(data))) == data
    assert bytes(decode(zlib.compress(data), filters, 0b01, len(data))) == data
    assert bytes(decode(data, filters, 0b11, len(data))) == data


@pytest.mark.parametrize("filters", [(DEFLATE,), (DEFLATE, DEFLATE), (BZIP2,), ()])
@pytest.mark.parametrize("stored", [3_999, 4_001, 40_000_000])
def test_another_size_than_declared_is_corrupt(filters: tuple[Filter, ...], stored: int) -> None:
    """A chunk that inflates to more or less must neither be cut nor padded nor swallow memory."""
    raw = bytes(stored)
    for step in filters:
        raw = zlib.compress(raw) if step is DEFLATE else bz2.compress(raw)
    with pytest.raises(ChunkCorruptError):
        decode(raw, filters, 0, 4_000)


@pytest.mark.parametrize("filters", [(DEFLATE,), (shuffle(4), DEFLATE), (DEFLATE, FLETCHER)])
def test_every_flipped_byte_is_noticed(filters: tuple[Filter, ...]) -> None:
    """Deflate carries adler32 and fletcher32 covers all: no position may go unnoticed."""
    data = np.random.default_rng(0).normal(size=120).astype("f4").tobytes()
    raw = zlib.compress(shuffled(data, 4) if filters[0].id == 2 else data)
    if filters[-1] is FLETCHER:
        raw = fletchered(raw)
    for at in range(len(raw)):
        bad = bytearray(raw)
        bad[at] ^= 0xFF
        with pytest.raises(ChunkCorruptError):
            decode(bytes(bad), filters, 0, len(data))


def test_a_truncated_stream_is_corrupt() -> None:
    """Every prefix of a stream lacks something, be it only the checksum."""
    raw = zlib.compress(bytes(range(256)))
    for stop in range(len(raw)):
        with pytest.raises(ChunkCorruptError):
            decode(raw[:stop], (DEFLATE,), 0, 256)


@pytest.mark.parametrize(
    "step,encode",
    [
        (Filter(32001, "blosc"), numcodecs.Blosc(cname="lz4", shuffle=1).encode),
        (Filter(32015, "zstd"), numcodecs.Zstd(level=3).encode),
    ],
    ids=["blosc", "zstd"],
)
def test_borrowed_codecs(step: Filter, encode: Callable[[bytes], bytes]) -> None:
    """Their libraries trust the size a stream promises: another one is caught before."""
    data = bytes(range(256)) * 40
    raw = bytes(encode(data))
    assert bytes(decode(raw, (step,), 0, len(data))) == data
    for size in (len(data) - 1, len(data) + 1):
        with pytest.raises(ChunkCorruptError):
            decode(raw, (step,), 0, size)
    bomb = bytes(encode(bytes(100_000_000)))
    with pytest.raises(ChunkCorruptError, match="promises 100000000 bytes"):
        decode(bomb, (step,), 0, len(data))
    for stop in range(0, len(raw), 7):
        with pytest.raises(ChunkCorruptError):
            decode(raw[:stop], (step,), 0, len(data))


@pytest.mark.parametrize("size", [10, 250, 300, 65_000, 70_000])
def test_zstd_frames_of_any_size(size: int) -> None:
    """The frame keeps its size in 1, 2, 4 or 8 bytes; 2 bytes count from 256."""
    data = np.random.default_rng(size).bytes(size)
    raw = bytes(numcodecs.Zstd().encode(data))
    assert bytes(decode(raw, (Filter(32015, "zstd"),), 0, size)) == data


def test_an_unknown_filter_is_named() -> None:
    """Reading such a chunk as if it were plain would give noise."""
    strange = Filter(4711, "secret sauce")
    with pytest.raises(UnsupportedError, match=r"4711 \(secret sauce\)"):
        decode(b"1234", (strange,), 0, 4)
    with pytest.raises(UnsupportedError, match="4711"):
        check_filters((strange,), 0)
    check_filters((strange,), 1)
    assert decode(b"1234", (strange,), 1, 4) == b"1234"
