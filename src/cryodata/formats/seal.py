"""A checksum inside the file that it protects: any changed bit is noticed.

The checksum is taken of the whole file with zeros where the checksum stands, as tar does
for its headers; so it covers itself, the footer and every page.
"""

from __future__ import annotations

import hashlib

__all__ = ["UNSEALED", "check_seal", "seal"]

MARK = b"blake2b-256:"
DIGITS = 64
UNSEALED = MARK.decode("ascii") + "0" * DIGITS
"""To be written into the file, after everything in which such a text could occur."""


def seal(data: bytes) -> bytes:
    """`data` with the checksum in place of `UNSEALED`.

    Raises
    ------
    ValueError
        If `data` does not end with an `UNSEALED` that is the last of its kind.
    """
    blank, digits = _split(data)
    if digits != b"0" * DIGITS:
        raise ValueError("there is no place for the checksum")
    return _put(blank, _digest(blank))


def check_seal(data: bytes) -> None:
    """Raise `ValueError` where `data` is not what `seal` returned."""
    blank, digits = _split(data)
    if digits != _digest(blank):
        raise ValueError("the checksum does not fit the file")


def _split(data: bytes) -> tuple[bytes, bytes]:
    """`data` with zeros for the checksum, and the checksum."""
    at = data.rfind(MARK)
    if at < 0:
        raise ValueError("there is no checksum")
    first = at + len(MARK)
    return _put(data, b"0" * DIGITS), data[first : first + DIGITS]


def _put(data: bytes, digits: bytes) -> bytes:
    first = data.rfind(MARK) + len(MARK)
    return data[:first] + digits + data[first + DIGITS :]


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=DIGITS // 2).hexdigest().encode("ascii")
