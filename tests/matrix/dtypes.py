"""What one element looks like: each type as dataset in every layout, and as attribute."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import h5py
import numpy as np
from h5py import h5a, h5d, h5p, h5s, h5t

from tests.matrix.case import Case, rng_of, sample

__all__ = ["CASES"]

NUMBERS = ("i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8")
NESTED = np.dtype(
    [
        ("id", "<u4"),
        ("where", [("lat", "<f8"), ("lon", ">f8")]),
        ("label", "S7"),
        ("cov", "<f4", (2, 3)),
        ("flag", "i1"),
    ]
)
PADDED = np.dtype(
    {"names": ["a", "b"], "formats": ["i1", "<f8"], "offsets": [3, 16], "itemsize": 40}
)
COLOURS = h5py.enum_dtype({"RED": 0, "GREEN": 1, "BLUE": 42, "dark blue": -3}, basetype="<i2")

FIXED: dict[str, np.dtype[Any]] = {
    **{f"{order}{n}": np.dtype(f"{order}{n}") for n in NUMBERS for order in "<>" if n[1] != "1"},
    "i1": np.dtype("i1"),
    "u1": np.dtype("u1"),
    "bool": np.dtype("?"),
    "enum": COLOURS,
    "enum-big-endian": h5py.enum_dtype({"A": 1, "B": 500}, basetype=">u4"),
    "string-1": np.dtype("S1"),
    "string-12": np.dtype("S12"),
    "complex64": np.dtype("<c8"),
    "complex128-big-endian": np.dtype(">c16"),
    "compound": NESTED,
    "compound-padded": PADDED,
    "array": np.dtype(("<i2", (3,))),
    "array-2d-big-endian": np.dtype((">f4", (2, 4))),
    "array-of-compound": np.dtype((np.dtype([("x", "<i2"), ("y", "<f4")]), (3,))),
    "compound-enum": np.dtype([("colour", COLOURS), ("on", "?")]),
    "opaque": np.dtype("V9"),
}


def values_of(dtype: np.dtype[Any], shape: tuple[int, ...], seed: str) -> Any:
    """Random values; members of an enum only where the type is one."""
    members = h5py.check_enum_dtype(dtype)
    if members:
        return rng_of(seed).choice(list(members.values()), shape).astype(dtype.base)
    if dtype.subdtype is not None:
        base, inner = dtype.subdtype
        return values_of(base, shape + inner, seed)
    if dtype.names is None:
        return sample(dtype, shape, seed)
    values = np.zeros(shape, dtype)
    for name in dtype.names:
        part = values_of(dtype[name], shape, seed + name)
        values[name] = part
    return values


def write_fixed(dtype: np.dtype[Any], seed: str, file: h5py.File) -> None:
    """One type: a scalar, contiguous, chunked with a partial edge, unwritten, and attributes."""
    tid = h5t.py_create(dtype, logical=True)
    for name, shape, chunks in (
        ("scalar", (), None),
        ("contiguous", (5, 3), None),
        ("chunked", (11, 6), (4, 4)),
        ("unwritten", (7,), (3,)),
        ("zero", (0,), None),
    ):
        dcpl = h5p.create(h5p.DATASET_CREATE)
        if chunks:
            dcpl.set_chunk(chunks)
            dcpl.set_shuffle()
            dcpl.set_deflate(5)
        made = h5d.create(
            file.id,
            name.encode(),
            tid,
            h5s.create_simple(shape) if shape else h5s.create(h5s.SCALAR),
            dcpl,
        )
        values = values_of(dtype, shape, seed + name)
        if name == "unwritten":
            continue
        made.write(h5s.ALL, h5s.ALL, np.ascontiguousarray(values), tid)
        if name in {"scalar", "contiguous", "zero"}:
            held = h5a.create(file.id, f"as {name}".encode(), tid, made.get_space())
            if name != "zero":
                held.write(np.ascontiguousarray(values), tid)


def low_level(tid: Any, values: np.ndarray[Any, Any], file: h5py.File, name: str = "x") -> None:
    """A dataset and an attribute of a type h5py would not choose, written byte for byte."""
    space = h5s.create_simple(values.shape)
    made = h5d.create(file.id, name.encode(), tid, space)
    made.write(h5s.ALL, h5s.ALL, values, mtype=tid)
    h5a.create(file.id, name.encode(), tid, space).write(values, mtype=tid)


def fixed_strings(file: h5py.File) -> None:
    """Null-terminated, null-padded, space-padded; ASCII and UTF-8."""
    texts = [b"short", b"exactly12chr", b"", b"a  b ", "h\u00f6he".encode()]
    for padding in (h5t.STR_NULLTERM, h5t.STR_NULLPAD, h5t.STR_SPACEPAD):
        for charset in (h5t.CSET_ASCII, h5t.CSET_UTF8):
            tid = h5t.C_S1.copy()
            tid.set_size(13)
            tid.set_strpad(padding)
            tid.set_cset(charset)
            filler = b" " if padding == h5t.STR_SPACEPAD else b"\0"
            raw = np.array([t.ljust(13, filler) for t in texts], "V13")
            space = h5s.create_simple((len(texts),))
            name = f"pad{padding}-set{charset}".encode()
            made = h5d.create(file.id, name, tid, space)
            made.write(h5s.ALL, h5s.ALL, raw.view("S13"), mtype=tid)
            h5a.create(file.id, name, tid, space).write(raw.view("S13"), mtype=tid)
            one = h5a.create(file.id, name + b"-one", tid, h5s.create(h5s.SCALAR))
            one.write(raw.view("S13")[:1].reshape(()), mtype=tid)


def vlen_strings(file: h5py.File) -> None:
    """Strings in the global heap: ASCII, UTF-8, empty, long, unwritten, chunked and filtered."""
    texts = ["plain", "", "h\u00f6he \u2744 \u6c34", "x" * 5000, "last"]
    ascii_only = h5py.string_dtype("ascii")
    file.create_dataset("utf8", data=texts, dtype=h5py.string_dtype())
    file.create_dataset("ascii", data=["a", "", "ccc"], dtype=ascii_only)
    file.create_dataset("chunked", data=texts * 5, dtype=h5py.string_dtype(), chunks=(4,))
    file.create_dataset(
        "filtered",
        data=np.array(texts * 4, object).reshape(4, 5),
        dtype=h5py.string_dtype(),
        chunks=(3, 2),
        compression="gzip",
        shuffle=True,
    )
    file.create_dataset("unwritten", (3,), h5py.string_dtype())
    holes = file.create_dataset("holes", (9,), h5py.string_dtype(), chunks=(2,))
    holes[4] = "there"
    file["scalar"] = "one text"
    file.create_dataset("many", data=[f"name {i}" for i in range(3000)], dtype=ascii_only)
    file.attrs["one"] = "h\u00f6he"
    file.attrs["none"] = ""
    file.attrs.create("some", texts, dtype=h5py.string_dtype())
    file.attrs.create("grid", np.array([["a", "b"], ["c", ""]], object), dtype=ascii_only)


def vlen_sequences(file: h5py.File) -> None:
    """Ragged rows of numbers, an empty one among them (h5py misreads big-endian ones)."""
    for base in ("<i4", "<f8", "u1"):
        rows = np.empty(6, object)
        for row in range(6):
            rows[row] = sample(base, (row * 3 % 7,), f"{base}{row}")
        kind = h5py.vlen_dtype(np.dtype(base))
        file.create_dataset(base, data=rows, dtype=kind)
        file.create_dataset(f"{base} chunked", data=rows, dtype=kind, chunks=(4,), compression=3)
        file.create_dataset(f"{base} unwritten", (3,), kind)
        held = file.attrs
        held.create(base, rows, dtype=kind)


def bitfields(file: h5py.File) -> None:
    """Bit patterns, which h5py gives as unsigned integers."""
    for size, tid in (
        (1, h5t.STD_B8LE),
        (2, h5t.STD_B16BE),
        (4, h5t.STD_B32LE),
        (8, h5t.STD_B64LE),
    ):
        values = sample(f"{'>' if size == 2 else '<'}u{size}", (9,), f"bits{size}")
        low_level(tid, values, file, f"b{size}")


def times_in_opaque(file: h5py.File) -> None:
    """Bytes with a tag: h5py's own way to keep times."""
    times = np.array(["2018-10-14T00:24:45", "NaT", "2026-01-01"], "M8[s]")
    file.create_dataset("times", data=times.astype(h5py.opaque_dtype(times.dtype)))
    file.attrs.create("spans", np.array([1, -5], "m8[ns]").astype(h5py.opaque_dtype("m8[ns]")))


def committed(file: h5py.File) -> None:
    """Named datatypes, shared by datasets and attributes."""
    file["colour"] = COLOURS
    file["record"] = NESTED
    file["number"] = np.dtype(">f4")
    file.create_dataset("x", data=np.array([0, 42, -3], "<i2"), dtype=file["colour"])
    file.create_dataset("y", data=values_of(NESTED, (7,), "y"), dtype=file["record"], chunks=(3,))
    file.create_dataset("z", data=sample(">f4", (5,), "z"), dtype=file["number"])
    file["x"].attrs.create("like", np.array([1, 0], "<i2"), dtype=file["colour"])
    file.attrs.create("top", 4.5, dtype=file["number"])
    file["number"].attrs["units"] = "m"


def odd_precision(file: h5py.File) -> None:
    """Numbers that do not fill their bytes, and floats of no standard."""
    twelve = h5t.STD_I16LE.copy()
    twelve.set_precision(12)
    h5d.create(file.id, b"twelve bits", twelve, h5s.create_simple((4,)))
    three = h5t.STD_I32LE.copy()
    three.set_size(3)
    h5d.create(file.id, b"three bytes", three, h5s.create_simple((4,)))
    file["long double"] = np.arange(3, dtype=np.longdouble)
    file["fine"] = np.arange(4)


def times(file: h5py.File) -> None:
    """HDF5's own time type, which no library gives a value."""
    h5d.create(file.id, b"time", h5t.UNIX_D64LE.copy(), h5s.create_simple((4,)))
    file["fine"] = np.arange(4)


def references(file: h5py.File) -> None:
    """Pointers to objects and regions, alone, in a compound and in sequences."""
    target = file.create_dataset("target", data=np.arange(12).reshape(3, 4))
    file.create_dataset("objects", data=[target.ref, file.ref], dtype=h5py.ref_dtype)
    file.create_dataset("regions", data=[target.regionref[1:, :2]], dtype=h5py.regionref_dtype)
    pair = np.dtype([("dataset", h5py.ref_dtype), ("dimension", "<i4")])
    file.create_dataset("pairs", data=np.array([(target.ref, 1)], pair))
    target.attrs["itself"] = target.ref
    target.attrs["region"] = target.regionref[:2]
    target.attrs.create("pairs", np.array([(target.ref, 1)], pair))


def texts_in_compound(file: h5py.File) -> None:
    """A variable-length member inside a compound."""
    kind = np.dtype([("name", h5py.string_dtype()), ("value", "<f8")])
    file.create_dataset("table", data=np.array([("a", 1.0), ("bb", 2.0)], kind))
    file.create_dataset("nested", (2,), h5py.vlen_dtype(h5py.string_dtype()))
    file.attrs.create("row", np.array(("c", 3.0), kind))
    file["fine"] = np.arange(4)


SPECIAL: dict[str, Callable[[h5py.File], None]] = {
    "fixed-strings": fixed_strings,
    "vlen-strings": vlen_strings,
    "vlen-sequences": vlen_sequences,
    "bitfields": bitfields,
    "times-in-opaque": times_in_opaque,
    "committed": committed,
    "odd-precision": odd_precision,
    "times": times,
    "references": references,
    "texts-in-compound": texts_in_compound,
}

CASES = (
    *(
        Case(f"dtype/{what}/{libver}", partial(write_fixed, dtype, what), libver)
        for what, dtype in FIXED.items()
        for libver in ("earliest", "latest")
    ),
    *(
        Case(f"dtype/{what}/{libver}", write, libver)
        for what, write in SPECIAL.items()
        for libver in ("earliest", "v110", "latest")
    ),
)
