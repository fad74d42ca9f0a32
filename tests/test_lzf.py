"""LZF streams: what h5py's own filter made, and what nobody's filter makes."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from cryodata.decoding.lzf import lzf_decompress
from tests.matrix.case import rng_of

PAYLOADS = {
    "zeros": bytes(70_000),
    "ramp": np.arange(20_000, dtype="<u8").tobytes(),
    "text": b"the sea ice and the land ice " * 900,
    "far": rng_of("far").bytes(8000) * 3,
    "walk": np.cumsum(rng_of("walk").integers(-2, 3, 30_000)).astype("<i8").tobytes(),
}


def compressed(payload: bytes, path: Path) -> bytes:
    """By h5py, from one chunk."""
    with h5py.File(path, "w") as file:
        made = file.create_dataset(
            "x", data=np.frombuffer(payload, "u1"), chunks=(len(payload),), compression="lzf"
        )
        mask, stored = made.id.read_direct_chunk((0,))
    assert mask == 0, "h5py left the filter out"
    return bytes(stored)


@pytest.mark.parametrize("name", PAYLOADS)
def test_streams_of_h5py(name: str, tmp_path: Path) -> None:
    """Long runs, references that overlap what they make, and the farthest ones."""
    payload = PAYLOADS[name]
    assert lzf_decompress(compressed(payload, tmp_path / "x.h5"), len(payload)) == payload


@pytest.mark.parametrize(
    "stream, reason",
    [
        (b"\x05abc", "cut short"),
        (b"\x00a\x20", "cut short"),
        (b"\x00a\xe0\x05", "cut short"),
        (b"\x20\x00", "before its beginning"),
        (b"\x00a\x20\x01", "before its beginning"),
        (b"\x00a\xe0\xff\x00", "more than 100"),
        (b"\x00a" + b"\xe0\xff\x00" * 100_000, "more than 100"),
    ],
)
def test_streams_of_nobody(stream: bytes, reason: str) -> None:
    """A damaged chunk must end in an error, and a bomb before it is large."""
    with pytest.raises(ValueError, match=reason):
        lzf_decompress(stream, 100)
