"""Indexes to keep: walked from files, and made by hand to hold what no file here holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from cryodata.errors import CryodataError, FormatError, LimitExceededError, UnsupportedError
from cryodata.hdf5.walk import Walker
from cryodata.index import GroupLayout, Index, Link
from cryodata.layout import (
    ArrayLayout,
    Chunked,
    ChunkTable,
    Contiguous,
    Empty,
    Filter,
    Inline,
    Unreadable,
)
from cryodata.options import Limits
from cryodata.types import Block, Source
from cryodata.zones.zone_map import BOUNDED, UNKNOWN, ZoneMap

__all__ = ["differences", "every_kind", "small_index", "table_of", "walk_file"]

HEAD = 1 << 19


def walk_file(path: Path, paths: list[str] | None = None) -> Index:
    """The index of a local file, read whole into memory first."""
    data = memoryview(path.read_bytes())
    source = Source(url=f"s3://bucket/{path.name}", size=len(data), etag='"0f1e"')
    walker = Walker(source, [Block(0, data[:HEAD], len(data), "")], Limits())
    walker.begin(paths)
    while needs := walker.needs():
        walker.feed([Block(a, data[a:b], len(data), "") for a, b in needs])
    walker.result()
    return walker.index()


def table_of(numbers: Any, offsets: Any, nbytes: Any, masks: Any) -> ChunkTable:
    return ChunkTable(
        np.array(numbers, np.int64),
        np.array(offsets, np.int64),
        np.array(nbytes, np.uint32),
        np.array(masks, np.uint32),
    )


def small_index(
    name: str = "a", *, etag: str = '"1"', arrays: int = 1, complete: bool = False, pad: int = 0
) -> Index:
    """A valid index of few bytes, or with `pad` of many."""
    noise = np.random.default_rng(pad).bytes(pad)
    layouts = {}
    for number in range(arrays):
        path = f"/x{number}"
        layouts[path] = ArrayLayout(
            path=path,
            dtype=np.dtype("<f4"),
            stored_dtype=np.dtype("<f4"),
            kind="float",
            shape=(30,),
            maxshape=(None,),
            chunk_shape=(10,),
            fill=np.float32(0),
            attributes={"noise": np.bytes_(noise)},
            storage=Chunked(table_of([0, 1, 2], [100, 140, 180], [40, 40, 40], [0, 0, 0])),
        )
    return Index(
        source=Source(url=f"s3://bucket/{name}.h5", size=1000, etag=etag),
        arrays=layouts,
        whole=frozenset({"/"} if complete else ()),
    )


COMPOUND = np.dtype(
    {
        "names": ["a", "b c", "ä"],
        "formats": ["<i2", (">f4", (2, 3)), np.dtype("|i1", metadata={"enum": {"no": 0}})],
        "offsets": [4, 8, 0],
        "itemsize": 40,
    }
)
DTYPES: tuple[np.dtype[Any], ...] = (
    *(
        np.dtype(f"{order}{kind}")
        for order in "<>"
        for kind in ("i2", "u4", "i8", "f2", "f4", "f8")
    ),
    *(np.dtype(name) for name in ("|i1", "|u1", "|b1", "<c8", ">c16", "|S1", "|S13", "|V5")),
    *(np.dtype(name) for name in ("<M8[ns]", ">M8[25s]", "<m8[D]", "<M8")),
    np.dtype(">u2", metadata={"enum": {"land": 0, "ocean \udcff": 65535}}),
    COMPOUND,
    np.dtype({"names": ["in"], "formats": [COMPOUND], "offsets": [8], "itemsize": 64}),
)


def sample_values(dtype: np.dtype[Any], shape: tuple[int, ...]) -> Any:
    """Every bit pattern is possible, but for booleans and text."""
    count = int(np.prod(shape, dtype=int))
    if dtype.kind == "b":
        return (np.arange(count) % 3 == 1).reshape(shape)
    raw = np.random.default_rng(dtype.itemsize + count).bytes(count * dtype.itemsize)
    return np.frombuffer(raw, dtype).reshape(shape).copy()


def attribute_values() -> dict[str, Any]:
    """One of everything that the walker makes of an attribute."""
    texts = np.empty((2, 2), object)
    texts[:] = [["a", "ü\udc80"], ["", "\u2028\0end"]]
    rows = np.empty(3, object)
    rows[:] = [np.array([1.5, -0.0]), np.empty(0, ">i2"), np.array([2**64 - 1], "u8")]
    raw = np.empty(2, object)
    raw[:] = [b"\xff\0\\", b""]
    values: dict[str, Any] = {
        "text": 'quote " backslash \\ surrogate \udcfe',
        "empty text": "",
        "fixed": np.bytes_(b"caf\xc3\xa9 \xff"),
        "fixed, empty": np.bytes_(b""),
        "texts": texts,
        "sequences": rows,
        "raw texts": raw,
        "fixed texts": np.array([[b"a", b"\xfe\xff"], [b"", b"inner\0null"]], "S12"),
        "null": Empty(np.dtype(">f4")),
        "null of an enum": Empty(np.dtype("i1", metadata={"enum": {"a": 1}})),
        "reference": Unreadable("Values of type object reference cannot be read"),
        "none": np.empty((0, 3), "<f8"),
        "payload": np.frombuffer(b"\x01\0\xc0\x7f", "<f4")[0],
        "infinite": np.array([np.inf, -np.inf, np.nan, 0.1], ">f8"),
        "tiny": np.float64(5e-324),
        "minus zero": np.float32(-0.0),
        "largest": np.uint64(2**64 - 1),
        "flag": np.bool_(True),
        "": np.int16(-1),
        "\udc80 name": np.int8(1),
    }
    for number, dtype in enumerate(DTYPES):
        values[f"scalar {number}"] = sample_values(dtype, (1,))[0]
        values[f"array {number}"] = sample_values(dtype, (2, 3))
    return values


def every_kind() -> Index:
    """Every field of every kind of object, at values that are easily lost."""
    arrays = [_of_dtype(f"/dtypes/{n}", dtype) for n, dtype in enumerate(DTYPES)]
    arrays += [
        _layout("/chunked/plain", table_of([0, 1, 2], [90, 10, 50], [40, 40, 40], [0, 0, 0])),
        _layout("/chunked/sparse", table_of([1, 3], [10, 10], [0, 7], [0, 2**32 - 1])),
        _layout("/chunked/masked", table_of([0], [(1 << 40) - 9], [9], [1])),
        _layout("/chunked/none", table_of([], [], [], [])),
        _layout("/chunked/no dims", table_of([], [], [], []), dims_known=False),
        _layout(
            "/chunked/named \udcfe \\ü",
            table_of([], [], [], []),
            dims=(("/a", "/b \udcff"), ()),
            is_scale=True,
            attributes=attribute_values(),
            filters=(
                Filter(2, "shuffle", (4,)),
                Filter(32015, "zstd \udcfa", (2**32 - 1,), optional=True),
            ),
        ),
        replace(
            _layout("/chunked/bounded", table_of([0, 1], [10, 10], [40, 40], [0, 0])),
            chunk_shape=(10, 9),
        ),
        _stored("/contiguous", Contiguous(512, 24), (2, 3)),
        _stored("/contiguous, never written", Contiguous(None, 24), (2, 3)),
        _stored("/scalar", Contiguous(0, 4), ()),
        _stored("/inline", Inline(bytes(range(24))), (6,)),
        _stored("/inline, empty", Inline(b""), (0, 3)),
        _texts(),
        _stored("/refused", None, (2, 10**12), problem="Virtual \udcff \\udcff", fill=None),
        _stored("/null", None, (), problem="A null dataspace", is_null=True),
    ]
    source = Source(url="s3://bucket/ä \udcff.h5", size=1 << 40, etag='"e\\"')
    groups = [
        GroupLayout(path="/", attributes=attribute_values(), links=_links()),
        GroupLayout(path="/shallow", attributes=None),
        GroupLayout(path="/empty", attributes={}),
    ]
    problems: dict[str, CryodataError] = {
        "/bad": FormatError("damaged", url=source.url, path="/bad", start=5, stop=2**40),
        "/deep": LimitExceededError("too deep \udcff", fix="Raise it."),
        "/link": UnsupportedError("not followed", path="/elsewhere"),
    }
    return Index(
        source=source,
        groups={group.path: group for group in reversed(groups)},
        arrays={array.path: array for array in arrays},
        aliases={"/soft": "/chunked", "/hard \udcff": "/dtypes/0"},
        problems=problems,
        whole=frozenset({"/dtypes", "/chunked/plain", "/bad", "/named type", "/empty"}),
        zones={"/chunked/bounded": _zones()},
    )


def _zones() -> ZoneMap:
    """Bounds of every sort: measured, of no valid value, said by others, unknown."""
    low, high = np.full((2, 9), np.nan), np.full((2, 9), np.nan)
    low[0, :3], high[0, :3] = [-np.inf, 0.1, -7.0], [5e-324, 0.1, np.inf]
    valid = np.full((2, 9), UNKNOWN)
    valid[0, :4] = [10, 1, BOUNDED, 0]
    return ZoneMap(low=low, high=high, valid=valid)


def _links() -> dict[str, Link]:
    links = [
        Link("z", 2**64 - 1),
        Link("a \udcff", 0),
        Link("soft", None, "../x \udcff", "soft"),
        Link("far", None, "other.h5:/x", "external"),
        Link("odd", None, "", "user"),
    ]
    return {link.name: link for link in links}


def _of_dtype(path: str, dtype: np.dtype[Any]) -> ArrayLayout:
    return ArrayLayout(
        path=path,
        dtype=dtype,
        stored_dtype=dtype,
        kind="anything",
        padding="space-padded" if dtype.kind == "S" else "",
        encoding="utf-8" if dtype.kind == "S" else "",
        shape=(7, 2),
        maxshape=(7, 2),
        chunk_shape=None,
        fill=sample_values(dtype, (1,))[0],
        storage=Contiguous(3, 14 * dtype.itemsize),
    )


def _layout(path: str, table: ChunkTable, **more: Any) -> ArrayLayout:
    return ArrayLayout(
        path=path,
        dtype=np.dtype("<i4"),
        stored_dtype=np.dtype("<i4"),
        kind="integer",
        shape=(20, 9),
        maxshape=(None, 9),
        chunk_shape=(10, 5),
        fill=np.int32(-7),
        storage=Chunked(table),
        **more,
    )


def _stored(path: str, storage: Any, shape: tuple[int, ...], **more: Any) -> ArrayLayout:
    dtype = np.dtype(">f4")
    more = {"fill": np.float32(np.nan), **more}
    return ArrayLayout(
        path=path,
        dtype=dtype,
        stored_dtype=dtype,
        kind="float",
        shape=shape,
        maxshape=shape,
        chunk_shape=None,
        storage=storage,
        **more,
    )


def _texts() -> ArrayLayout:
    return ArrayLayout(
        path="/sequences",
        dtype=np.dtype(object),
        stored_dtype=np.dtype("V16"),
        kind="vlen sequence of compound",
        element=COMPOUND,
        shape=(1,),
        maxshape=(None,),
        chunk_shape=(1,),
        fill=np.zeros(0, COMPOUND),
        storage=Chunked(table_of([0], [64], [16], [0])),
    )


def differences(ours: Any, theirs: Any, where: str = "index") -> list[str]:
    """Where two values differ: in type, dtype, dtype metadata, order or any bit."""
    if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
        if list(ours) != list(theirs):
            return [f"{where}: {list(ours)} is not {list(theirs)}"]
        return [d for k in ours for d in differences(ours[k], theirs[k], f"{where}[{k!a}]")]
    if type(ours) is not type(theirs):
        return [f"{where}: {type(ours)} is not {type(theirs)}"]
    if isinstance(ours, np.dtype):
        return [] if _spelled(ours) == _spelled(theirs) else [f"{where}: {ours} is not {theirs}"]
    if isinstance(ours, Chunked):
        return differences(ours.table, theirs.table, f"{where}.table")
    if isinstance(ours, CryodataError):
        return differences(dict(vars(ours)), dict(vars(theirs)), where)
    if is_dataclass(ours) and not isinstance(ours, type):
        names = [field.name for field in fields(ours) if field.name != "outline"]
        return [
            d
            for name in names
            for d in differences(getattr(ours, name), getattr(theirs, name), f"{where}.{name}")
        ]
    if isinstance(ours, np.ndarray | np.generic):
        if ours.shape != theirs.shape:
            return [f"{where}: shape {ours.shape} is not {theirs.shape}"]
        found = differences(ours.dtype, theirs.dtype, f"{where}.dtype")
        if found:
            return found
        if isinstance(ours, np.ndarray) and ours.dtype.hasobject:
            pairs = zip(ours.flat, theirs.flat, strict=True)
            return [d for a, b in pairs for d in differences(a, b, f"{where}[]")]
        if ours.dtype.names:  # member by member: what lies between them means nothing
            return [
                d
                for name in ours.dtype.names
                for d in differences(ours[name], theirs[name], f"{where}.{name}")  # type: ignore[index]
            ]
        return [] if ours.tobytes() == theirs.tobytes() else [f"{where}: other values"]
    if isinstance(ours, tuple | list):
        if len(ours) != len(theirs):
            return [f"{where}: {len(ours)} is not {len(theirs)} long"]
        pairs = zip(ours, theirs, strict=True)
        return [d for i, (a, b) in enumerate(pairs) for d in differences(a, b, f"{where}[{i}]")]
    return [] if ours == theirs else [f"{where}: {ours!a} is not {theirs!a}"]


def _spelled(dtype: np.dtype[Any]) -> Any:
    """A dtype with what ``==`` overlooks: metadata, also of its members."""
    if dtype.subdtype is not None:
        return (_spelled(dtype.subdtype[0]), dtype.subdtype[1])
    members = None
    if dtype.names is not None:
        known = dict(dtype.fields or {})
        members = [(name, _spelled(known[name][0]), known[name][1]) for name in dtype.names]
    enum = None if dtype.metadata is None else list(dtype.metadata["enum"].items())
    return (dtype.str, dtype.itemsize, dtype.isalignedstruct, members, enum)
