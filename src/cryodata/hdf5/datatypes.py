"""Datatype messages: what one element looks like, as a numpy dtype wherever there is one.

Source: HDF5 File Format Specification, section IV.A.2.d (datatype message, versions 1
to 5). The mapping to numpy is h5py's, so that arrays have the dtype users know.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

__all__ = ["Datatype", "parse_datatype"]

MOST_NESTED = 16
"""Types within types: more is no real file."""


@dataclass(frozen=True, slots=True)
class Datatype:
    """One element of a dataset or attribute.

    Attributes
    ----------
    dtype : numpy.dtype
        As h5py gives it, without the shape of array types.
    stored : numpy.dtype
        The bytes in the file; differs for variable-length data (``V16``).
    kind : str
        In words: ``integer``, ``float``, ``string``, ``vlen string``, ``enum``, ...
    shape : tuple of int
        Of an array type; empty for all others.
    encoding : str
        ``ascii`` or ``utf-8`` for strings, else empty.
    padding : str
        ``null-terminated``, ``null-padded`` or ``space-padded`` for fixed strings.
    base : Datatype or None
        Of a variable-length sequence.
    problem : str
        Why values of this type cannot be read; empty where they can.
    """

    dtype: np.dtype[Any]
    stored: np.dtype[Any]
    kind: str
    shape: tuple[int, ...] = ()
    encoding: str = ""
    padding: str = ""
    base: Datatype | None = None
    problem: str = ""


def parse_datatype(data: bytes | memoryview) -> Datatype:
    """Decode a datatype message (trailing bytes are ignored)."""
    return _parse_cached(bytes(data))


@lru_cache(maxsize=1024)  # a granule has a thousand datasets and a dozen types
def _parse_cached(data: bytes) -> Datatype:
    return _parse(data, 0, 0)[0]


def _parse(data: bytes, at: int, depth: int) -> tuple[Datatype, int]:
    """The type at ``data[at:]``, and where the next one begins."""
    if depth > MOST_NESTED:
        raise ValueError(f"datatypes nested deeper than {MOST_NESTED}")
    if at + 8 > len(data):
        raise ValueError("a datatype is cut short")
    number, version = data[at] & 0x0F, data[at] >> 4
    bits = int.from_bytes(data[at + 1 : at + 4], "little")
    size = int.from_bytes(data[at + 4 : at + 8], "little")
    if not 1 <= version <= 5:
        raise ValueError(f"unknown datatype version {version}")
    at += 8
    if number in _SIMPLE:
        parse, length = _SIMPLE[number]
        if at + length > len(data):
            raise ValueError("a datatype is cut short")
        return parse(bits, size, data[at : at + length]), at + length
    if number == OPAQUE:
        tag = bits & 0xFF
        return _opaque(size, data[at : at + tag]), at + -(-tag // 8) * 8
    if number in _NESTED:
        return _NESTED[number](data, at, version, bits, size, depth + 1)
    return _unreadable(size, f"datatype class {number}"), len(data)


def _unreadable(size: int, kind: str) -> Datatype:
    raw = _void(size)
    return Datatype(raw, raw, kind, problem=f"Values of type {kind} cannot be read")


def _void(size: int) -> np.dtype[Any]:
    if not 0 < size < 1 << 31:
        raise ValueError(f"a datatype of {size} bytes")
    return np.dtype((np.void, size))


def _fixed(name: str, kind: str) -> Datatype:
    dtype = np.dtype(name)
    return Datatype(dtype, dtype, kind)


def _order(bits: int) -> str:
    return ">" if bits & 1 else "<"


def _integer(bits: int, size: int, rest: bytes) -> Datatype:
    offset, precision = rest[0] | rest[1] << 8, rest[2] | rest[3] << 8
    if size not in (1, 2, 4, 8) or offset or precision != 8 * size:
        return _unreadable(size, f"{precision}-bit integer in {size} bytes")
    return _fixed(f"{_order(bits)}{'i' if bits & 8 else 'u'}{size}", "integer")


def _bitfield(bits: int, size: int, rest: bytes) -> Datatype:
    number = _integer(bits & ~8, size, rest)
    return number if number.problem else replace(number, kind="bitfield")


# exponent place and size, mantissa place and size, bias of the IEEE 754 formats
_IEEE = {2: (10, 5, 0, 10, 15), 4: (23, 8, 0, 23, 127), 8: (52, 11, 0, 52, 1023)}


def _float(bits: int, size: int, rest: bytes) -> Datatype:
    offset, precision = rest[0] | rest[1] << 8, rest[2] | rest[3] << 8
    layout = (*rest[4:8], int.from_bytes(rest[8:12], "little"))
    sign = bits >> 8 & 0xFF
    standard = _IEEE.get(size) == layout and not offset and precision == 8 * size
    if not standard or bits & 0x40 or sign != 8 * size - 1 or bits >> 4 & 3 != 2:
        return _unreadable(size, f"{precision}-bit floating point in {size} bytes")
    return _fixed(f"{_order(bits)}f{size}", "float")


def _time(bits: int, size: int, rest: bytes) -> Datatype:
    return _unreadable(size, "time")


_PADDINGS = ("null-terminated", "null-padded", "space-padded")
_ENCODINGS = ("ascii", "utf-8")


def _string(bits: int, size: int, rest: bytes) -> Datatype:
    padding, encoding = bits & 0x0F, bits >> 4 & 0x0F
    if padding >= len(_PADDINGS) or encoding >= len(_ENCODINGS):
        raise ValueError(f"unknown string padding {padding} or encoding {encoding}")
    if not 0 < size < 1 << 31:
        raise ValueError(f"a string of {size} bytes")
    dtype = np.dtype((np.bytes_, size))
    return Datatype(
        dtype, dtype, "string", encoding=_ENCODINGS[encoding], padding=_PADDINGS[padding]
    )


_REFERENCES = ("object reference", "region reference", "reference", "region reference", "reference")


def _reference(bits: int, size: int, rest: bytes) -> Datatype:
    number = bits & 0x0F
    kind = _REFERENCES[number] if number < len(_REFERENCES) else "reference"
    return replace(_unreadable(size, kind), dtype=np.dtype(object))


def _opaque(size: int, tag: bytes) -> Datatype:
    name = tag.split(b"\0")[0]
    if name.startswith(b"NUMPY:"):  # how h5py keeps datetime64 and timedelta64
        try:
            dtype = np.dtype(name[6:].decode("ascii"))
        except (TypeError, ValueError):
            dtype = _void(size)
        if dtype.kind in "mM" and dtype.itemsize == size:
            return Datatype(dtype, dtype, "opaque")
    return Datatype(_void(size), _void(size), "opaque")


# class number: parser of the flag bits, the size and the properties; bytes of properties
INTEGER, FLOAT, TIME, STRING, BITFIELD, OPAQUE, COMPOUND, REFERENCE = range(8)
ENUM, VLEN, ARRAY, COMPLEX = range(8, 12)
_SIMPLE = {
    INTEGER: (_integer, 4),
    FLOAT: (_float, 12),
    TIME: (_time, 2),
    STRING: (_string, 0),
    BITFIELD: (_bitfield, 4),
    REFERENCE: (_reference, 0),
}


def _name(data: bytes, at: int, padded: bool) -> tuple[str, int]:
    """A null-terminated name at ``data[at:]``, and the first byte after it."""
    end = data.index(0, at)
    if end == at:
        raise ValueError("a member of a datatype has no name")
    length = end + 1 - at
    return data[at:end].decode("utf-8", "surrogateescape"), at + (
        -(-length // 8) * 8 if padded else length
    )


def _compound(
    data: bytes, at: int, version: int, bits: int, size: int, depth: int
) -> tuple[Datatype, int]:
    names, members, offsets = [], [], []
    width = max(1, (size.bit_length() + 7) // 8) if version >= 3 else 4
    for _ in range(bits & 0xFFFF):
        name, at = _name(data, at, padded=version < 3)
        offset = int.from_bytes(data[at : at + width], "little")
        at += width
        shape: tuple[int, ...] = ()
        if version == 1:  # dimensions of array members stand before the member's type
            shape = tuple(
                int.from_bytes(data[at + 12 + 4 * i : at + 16 + 4 * i], "little")
                for i in range(min(data[at], 4))
            )
            at += 28
        member, at = _parse(data, at, depth)
        if shape:
            member = replace(member, shape=shape + member.shape)
        names.append(name)
        members.append(member)
        offsets.append(offset)
    return _make_compound(names, members, offsets, size), at


def _make_compound(
    names: list[str], members: list[Datatype], offsets: list[int], size: int
) -> Datatype:
    bad = next((m for m in members if m.problem or m.dtype.hasobject), None)
    if bad is not None:
        return _unreadable(size, f"compound with a member of type {bad.kind}")
    if names == ["r", "i"] and _are_complex_parts(members, offsets, size):
        return _fixed(f"{members[0].dtype.byteorder}c{size}", "complex")
    dtype = np.dtype(
        {
            "names": names,
            "formats": [(m.dtype, m.shape) if m.shape else m.dtype for m in members],
            "offsets": offsets,
            "itemsize": size,
        }
    )
    return Datatype(dtype, dtype, "compound")


def _are_complex_parts(members: list[Datatype], offsets: list[int], size: int) -> bool:
    real, imaginary = members
    part = real.dtype.itemsize
    return (
        real.kind == imaginary.kind == "float"
        and real.dtype == imaginary.dtype
        and not real.shape
        and not imaginary.shape
        and part in (4, 8)
        and offsets == [0, part]
        and size == 2 * part
    )


def _enum(
    data: bytes, at: int, version: int, bits: int, size: int, depth: int
) -> tuple[Datatype, int]:
    base, at = _parse(data, at, depth)
    names = []
    for _ in range(bits & 0xFFFF):
        name, at = _name(data, at, padded=version < 3)
        names.append(name)
    if base.problem or base.dtype.kind not in "iu" or base.dtype.itemsize != size:
        return _unreadable(size, f"enum of {base.kind}"), at
    stop = at + len(names) * size
    values = np.frombuffer(data[at:stop], base.dtype)
    members = dict(zip(names, values.tolist(), strict=True))
    if size == 1 and members == {"FALSE": 0, "TRUE": 1}:
        return _fixed("bool", "bool"), stop
    dtype = np.dtype(base.dtype, metadata={"enum": members})
    return Datatype(dtype, base.dtype, "enum"), stop


def _vlen(
    data: bytes, at: int, version: int, bits: int, size: int, depth: int
) -> tuple[Datatype, int]:
    base, at = _parse(data, at, depth)
    stored = _void(size)
    if bits & 0x0F == 1:
        encoding = bits >> 8 & 0x0F
        if encoding >= len(_ENCODINGS):
            raise ValueError(f"unknown string encoding {encoding}")
        return (
            Datatype(np.dtype(object), stored, "vlen string", encoding=_ENCODINGS[encoding]),
            at,
        )
    problem = base.problem
    if (base.dtype.hasobject or base.shape) and not problem:
        problem = f"Sequences of {'arrays' if base.shape else base.kind} cannot be read"
    sequence = Datatype(
        np.dtype(object), stored, f"vlen sequence of {base.kind}", base=base, problem=problem
    )
    return sequence, at


def _array(
    data: bytes, at: int, version: int, bits: int, size: int, depth: int
) -> tuple[Datatype, int]:
    rank = data[at]
    at += 4 if version < 3 else 1
    shape = tuple(int.from_bytes(data[at + 4 * i : at + 4 * i + 4], "little") for i in range(rank))
    at += 4 * rank * (2 if version < 3 else 1)  # version 2 stores a permutation as well
    base, at = _parse(data, at, depth)
    whole = base.stored.itemsize
    for extent in (*shape, *base.shape):
        whole *= extent
    if whole != size or len(shape) + len(base.shape) > 32:
        raise ValueError(f"an array type of shape {shape} does not fill {size} bytes")
    return replace(base, shape=shape + base.shape), at


def _complex(
    data: bytes, at: int, version: int, bits: int, size: int, depth: int
) -> tuple[Datatype, int]:
    base, at = _parse(data, at, depth)
    if base.kind != "float" or base.dtype.itemsize not in (4, 8) or size != 2 * base.dtype.itemsize:
        return _unreadable(size, f"complex of {base.kind}"), at
    return _fixed(f"{base.dtype.byteorder}c{size}", "complex"), at


_NESTED = {COMPOUND: _compound, ENUM: _enum, VLEN: _vlen, ARRAY: _array, COMPLEX: _complex}
