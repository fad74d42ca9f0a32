"""LZF, the fast filter of h5py: decompression.

Source: the stream format of LibLZF 3 (M. Lehmann), as h5py's filter 32000 stores it. A
control byte below 32 is followed by that many bytes and one, to be taken as they are. Any
other begins a reference: 3 bits of length and 5 of distance, a byte more of length where
the bits are all ones, and the low byte of the distance.
"""

from __future__ import annotations

__all__ = ["lzf_decompress"]


def lzf_decompress(raw: bytes | bytearray | memoryview, most: int) -> bytearray:
    """The bytes that `raw` stands for.

    Parameters
    ----------
    most : int
        Bytes that the result may have; no more are ever held.

    Raises
    ------
    ValueError
        If the stream is cut short, refers to before its beginning, or makes more than
        `most` bytes.
    """
    raw = bytes(raw)
    out = bytearray()
    at, end = 0, len(raw)
    while at < end:
        control = raw[at]
        at += 1
        if control < 32:
            stop = at + control + 1
            if stop > end:
                raise ValueError("an LZF stream is cut short")
            out += raw[at:stop]
            at = stop
        else:
            length = control >> 5
            if at + (length == 7) >= end:
                raise ValueError("an LZF stream is cut short")
            if length == 7:
                length += raw[at]
                at += 1
            start = len(out) - ((control & 31) << 8 | raw[at]) - 1
            at += 1
            if start < 0:
                raise ValueError("an LZF stream refers to before its beginning")
            _repeat(out, start, length + 2)
        if len(out) > most:
            raise ValueError(f"an LZF stream makes more than {most} bytes")
    return out


def _repeat(out: bytearray, start: int, count: int) -> None:
    """Append `count` bytes from `start` on; they may run into those just appended."""
    period = out[start : start + count]
    if len(period) == count:
        out += period
    else:
        out += (period * (count // len(period) + 1))[:count]
