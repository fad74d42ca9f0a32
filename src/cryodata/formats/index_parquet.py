"""An index as one Parquet file, and back.

Any Parquet reader can open it: one row per object of the granule, plain columns, the
chunk columns as lists. The footer holds, under ``cryodata``, which version of which file
it describes; and a checksum of the whole.

To open a granule takes a part of the columns; where its chunks are is looked up when one is
wanted, and what it has in common with other granules is decoded once for all of them. Where many
indexes lie side by side, that part stands in a file of its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any, TypeVar

import numpy as np

from cryodata.errors import CacheError
from cryodata.formats.alike import Alike
from cryodata.formats.index_rows import ALIKE, COLUMNS, OWN, index_to_rows, unescape
from cryodata.formats.lists import Lists, Views
from cryodata.formats.parquet_bounds import check_footer
from cryodata.formats.rows_index import Rows, check_places
from cryodata.formats.seal import UNSEALED, check_seal, seal
from cryodata.formats.value_json import dump_json, load_json
from cryodata.index import Index
from cryodata.layout import Chunked
from cryodata.options import Limits
from cryodata.types import AnyArray, Source

__all__ = [
    "FORMAT",
    "Apart",
    "Summary",
    "count_facts",
    "decode_index",
    "encode_apart",
    "encode_index",
    "library_version",
    "summarise",
    "touch",
]

T = TypeVar("T")

FORMAT = 3
"""Counts up with every change of what the columns mean."""

ABOUT, CHECKSUM = "cryodata", "cryodata.checksum"
TEXT = "about"
"""The column that granules of a product have alike, and that makes up most of an index."""
CHUNK_COLUMNS = frozenset(
    {
        *("chunk_numbers", "chunk_offsets", "chunk_nbytes", "chunk_masks"),
        *("zone_low", "zone_high", "zone_valid"),
    }
)
"""Columns of lists with an entry per chunk."""
MOST_BYTES = 1 << 30
"""Decoded bytes of an index, at most: a thousand times the largest real one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What the footer says of an index.

    Attributes
    ----------
    source : Source
        Which version of which file.
    library : str
        Version of the library that walked the file.
    complete : bool
        The whole file was walked.
    facts : int
        How much it says: of two indexes of one version, the one with more knows more.
    """

    source: Source
    library: str
    complete: bool
    facts: int


def encode_index(index: Index) -> bytes:
    """The content of a Parquet file.

    Raises
    ------
    CacheError
        If the index holds what cannot be written: nothing is left out silently.
    """
    with _explained("The index cannot be written", index.source.url):
        table = _table(index_to_rows(index))
        return _write(table, {**_about(index), "alike": _checksum(table)})


@dataclass(frozen=True, slots=True)
class Apart:
    """An index in two files.

    Attributes
    ----------
    data : bytes
        All that is the granule's own.
    name : str
        Checksum of what it has in common with others.
    alike : bytes
        That, to be kept once under its name.
    """

    data: bytes
    name: str
    alike: bytes


def encode_apart(index: Index) -> Apart:
    """Two Parquet files, for many indexes side by side; raises as `encode_index`.

    Of a file that was walked whole no addresses of objects are kept: nobody walks it again.
    """
    with _explained("The index cannot be written", index.source.url):
        rows = list(index_to_rows(index))
        if index.complete:
            rows = [{**row, "addresses": None} for row in rows]
        table = _table(rows)
        name = _checksum(table)
        about = {**_about(index), "alike": name}
        own = _write(table.drop_columns([TEXT]), about, small=True)
        return Apart(own, name, _encoded_alike(table, name))


def _encoded_alike(table: Any, name: str) -> bytes:
    """The same for a whole product: it is encoded once."""
    found = _encoded.get(name)
    if found is None:
        if len(_encoded) >= MOST_KNOWN:
            _encoded.clear()
        found = _write(table.select(ALIKE), {"format": FORMAT, "alike": name}, small=True)
        _encoded[name] = found
    return found


_encoded: dict[str, bytes] = {}


def _table(rows: Iterable[dict[str, Any]]) -> Any:
    import pyarrow as pa

    rows = list(rows)
    columns = [
        _column([row.get(name) for row in rows], field)
        for name, field in zip(COLUMNS, _schema(), strict=True)
    ]
    return pa.Table.from_arrays(columns, schema=_schema())


def _column(values: list[Any], field: Any) -> Any:
    """A column; arrays of numbers are put behind each other as they are."""
    import pyarrow as pa

    if field.name not in CHUNK_COLUMNS:
        return pa.array(values, field.type)
    kind = field.type.value_type.to_pandas_dtype()
    lists = [one for one in values if one is not None]
    ends = np.cumsum([0, *(0 if one is None else len(one) for one in values)], dtype=np.int32)
    flat = np.concatenate([np.empty(0, kind), *lists]).astype(kind, casting="same_kind")
    nothing = pa.array([one is None for one in values], pa.bool_())
    return pa.ListArray.from_arrays(ends, pa.array(flat), type=field.type, mask=nothing)


def _write(table: Any, about: dict[str, Any], *, small: bool = False) -> bytes:
    """A sealed file; a small one costs a reader a little more time."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(
        sink,
        table.schema,
        compression={
            name: "ZSTD" if small else _compression(name) for name in _leaves(table.schema)
        },
        compression_level=_HARDEST if small else None,
        use_dictionary=False if small else ["kind"],
        column_encoding={
            f"{name}.list.element": "DELTA_BINARY_PACKED"
            for name, kind in COLUMNS.items()
            if kind in {"int64 list", "uint32 list"}
            and name not in OWN
            and name in table.schema.names
        },
        write_statistics=False,
        store_schema=False,
    ) as writer:
        writer.write_table(table, row_group_size=max(1, len(table)))
        writer.add_key_value_metadata({ABOUT: dump_json(about), CHECKSUM: UNSEALED})
    return seal(sink.getvalue().to_pybytes())


_HARDEST = 9
"""Level of zstd, beyond which an index gets no smaller."""


def _leaves(schema: Any) -> list[str]:
    """Columns as Parquet names them."""
    import pyarrow as pa

    lists = {field.name for field in schema if pa.types.is_list(field.type)}
    return [f"{name}.list.element" if name in lists else name for name in schema.names]


def _compression(leaf: str) -> str:
    """What is read of every granule that is opened is small, and quicker as it is."""
    name = leaf.partition(".")[0]
    return "NONE" if name in OWN and name != "attributes" else "ZSTD"


def decode_index(
    data: bytes,
    *,
    limits: Limits | None = None,
    library: str | None = None,
    later: bool = False,
    refused: Callable[[], None] = lambda: None,
    alike: Callable[[str], bytes] | None = None,
) -> Index:
    """The index that `encode_index` or `encode_apart` wrote.

    Parameters
    ----------
    data : bytes
    limits : Limits, optional
        What the index may claim: the limits under which the file would be walked.
    library : str, optional
        Version of the library that it must have been made by.
    later : bool
        Decode each object when it is touched first, and raise then what is wrong with it.
    refused : callable
        Called when that happens.
    alike : callable, optional
        Gives `Apart.alike` by its name. Where it is given, nothing else is an index.

    Raises
    ------
    CacheError
        If it is damaged, of another format version, or claims what cannot be.
    """

    def told(make: Callable[[int], T], row: int) -> T:
        try:
            return make(row)
        except _errors() as error:
            refused()
            raise _refusal("This is no index that can be used", error) from error

    with _explained("This is no index that can be used"):
        file = _open(data, foreign=alike is not None)
        about = _read_about(file, apart=alike is not None)
        source = _source(about)
        if library not in {None, about["library"]}:
            raise ValueError(f"it was made by version {about['library']}")
        common = _known.get(about["alike"]) if later else None
        here = () if common or alike else ALIKE
        table = file.read(columns=[*here, *OWN], use_threads=False)
        if common is None:
            told_alike = (
                table if alike is None else _open(alike(about["alike"]), foreign=True).read()
            )
            common = _decode_alike(told_alike, about["alike"])
        if len(table) != len(common.rows):
            raise ValueError("it has other rows than it says")
        rows = Rows(
            source,
            limits or Limits(),
            common,
            {name: _values(table, name) for name in OWN},
            lambda names: _more(data, source, names),
            told,
        )
        index = rows.index()
        if index.complete is not about["complete"]:
            raise ValueError("header and rows differ about how much was walked")
    if not later:
        touch(index)
    return index


def touch(index: Index) -> None:
    """Decode everything that an index says; raises as `decode_index`."""
    for mapping in (index.groups, index.arrays, index.zones):
        list(mapping.values())
    for group in index.groups.values():
        list(group.links.values())
    for array in index.arrays.values():
        if isinstance(array.storage, Chunked):
            len(array.storage.table)


def _more(data: bytes, source: Source, names: Sequence[str]) -> dict[str, Sequence[Any]]:
    """Some of the columns that a granule is opened without."""
    table = _parquet(data).read(columns=list(names), use_threads=False)
    if "chunk_offsets" in names:
        check_places(_flat(table, "chunk_offsets"), _flat(table, "chunk_nbytes"), source.size)
    return {name: _values(table, name) for name in names}


def summarise(data: bytes) -> Summary:
    """What the footer says, after a check of the checksum; raises as `decode_index`."""
    with _explained("This is no index that can be used"):
        file = _open(data)
        about = _read_about(file, apart=False)
        return Summary(
            source=_source(about),
            library=about["library"],
            complete=about["complete"],
            facts=about["facts"],
        )


def count_facts(index: Index) -> int:
    """How much an index says: objects, what was looked up about them, and bounds of chunks."""
    objects = (index.groups, index.arrays, index.aliases, index.problems, index.whole)
    return (
        sum(map(len, objects))
        + sum(int(z.known.sum() + z.measured.sum()) for z in index.zones.values())
        + sum(group.attributes is not None for group in index.groups.values())
        + sum(array.dims_known for array in index.arrays.values())
    )


@lru_cache(maxsize=1)
def library_version() -> str:
    """Version of this library; ``unknown`` where it runs without being installed."""
    try:
        return version("cryodata-earth")
    except PackageNotFoundError:
        return "unknown"


def _about(index: Index) -> dict[str, Any]:
    source = index.source
    return {
        "format": FORMAT,
        "library": library_version(),
        "url": source.url,
        "size": source.size,
        "etag": source.etag,
        "complete": index.complete,
        "facts": count_facts(index),
    }


def _open(data: bytes, *, foreign: bool = False) -> Any:
    """The Parquet file, its footer checked; a foreign one is not from this user's own cache."""
    check_seal(data)
    if foreign:
        check_footer(data, MOST_BYTES)
    file = _parquet(data)
    groups = [file.metadata.row_group(i) for i in range(file.metadata.num_row_groups)]
    if sum(group.total_byte_size for group in groups) > MOST_BYTES:
        raise ValueError("it is too large")
    return file


def _parquet(data: bytes) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    return pq.ParquetFile(pa.BufferReader(data))


def _read_about(file: Any, *, apart: bool) -> dict[str, Any]:
    about: dict[str, Any] = load_json((file.metadata.metadata or {})[ABOUT.encode()].decode())
    if about["format"] != FORMAT:
        raise ValueError(f"it has format {about['format']}, this version reads {FORMAT}")
    schema = _schema()
    if not file.schema_arrow.equals(schema.remove(schema.names.index(TEXT)) if apart else schema):
        raise ValueError("its columns are others")
    return about


def _source(about: dict[str, Any]) -> Source:
    source = Source(url=about["url"], size=about["size"], etag=about["etag"])
    named = ("url", "size", "etag", "library", "complete", "facts", "alike")
    kinds = [type(about[name]) for name in named]
    if kinds != [str, int, str, str, bool, int, str] or not 0 <= source.size < 1 << 62:
        raise ValueError("its header is damaged")
    return source


@cache
def _schema() -> Any:
    import pyarrow as pa

    types = {
        "text": pa.string(),
        "bytes": pa.binary(),
        "bool": pa.bool_(),
        "int64": pa.int64(),
        "int64 list": pa.list_(pa.field("element", pa.int64())),
        "uint64 list": pa.list_(pa.field("element", pa.uint64())),
        "uint32 list": pa.list_(pa.field("element", pa.uint32())),
        "float64 list": pa.list_(pa.field("element", pa.float64())),
    }
    return pa.schema([(name, types[kind]) for name, kind in COLUMNS.items()])


_known: dict[str, Alike] = {}
"""By checksum; of a release in which not every granule has every beam there are a few."""
MOST_KNOWN = 64


def _decode_alike(table: Any, checksum: str) -> Alike:
    """What the columns `ALIKE` say; whoever names the same checksum gets the same object."""
    if _checksum(table) != checksum:
        raise ValueError("the checksum does not fit what granules have alike")
    kinds, paths, texts = (table.column(name).to_pylist() for name in ALIKE)
    alike = Alike(kinds, [unescape(path) for path in paths], texts)
    if len(_known) >= MOST_KNOWN:
        _known.clear()
    return _known.setdefault(checksum, alike)


def _checksum(table: Any) -> str:
    """Of the columns `ALIKE`."""
    digest = hashlib.blake2b(digest_size=20)
    for name in ALIKE:
        for part in _text_bytes(table, name):
            digest.update(part)
    return digest.hexdigest()


def _text_bytes(table: Any, name: str) -> tuple[bytes, bytes]:
    """Where the texts of a column end, as int32, and the texts one after the other."""
    column = table.column(name).combine_chunks()
    if column.null_count or column.offset:
        raise ValueError(f"a row without {name}")
    _, ends, text = column.buffers()
    count = len(column)
    if ends is None:  # of no rows
        return bytes(4), b""
    last = int(np.frombuffer(ends, np.int32, 1, 4 * count)[0])
    return bytes(ends[: 4 * count + 4]), bytes(text[:last]) if text is not None else b""


def _values(table: Any, name: str) -> Sequence[Any]:
    """A value per row; those of chunk columns are numpy views, other lists tuples."""
    column, kind = table.column(name).combine_chunks(), COLUMNS[name]
    if name in CHUNK_COLUMNS:
        return Views(column, _flat(table, name))
    if kind.endswith("list"):
        return Lists(column)
    values: list[Any] = column.to_pylist()
    return values


def _flat(table: Any, name: str) -> AnyArray:
    """The values of all lists of a chunk column, one after the other; a view."""
    values: AnyArray = table.column(name).combine_chunks().values.to_numpy(zero_copy_only=True)
    return values


@contextmanager
def _explained(what: str, url: str = "") -> Iterator[None]:
    """Whatever is wrong with the content, as a `CacheError`."""
    try:
        yield
    except _errors() as error:
        raise _refusal(what, error, url) from error


def _refusal(what: str, error: Exception, url: str = "") -> CacheError:
    return CacheError(f"{what}: {error}", url=url, fix="Open the granule again: it is made anew.")


@cache
def _errors() -> tuple[type[Exception], ...]:
    """What reading something else than an index may raise."""
    import pyarrow as pa

    return (
        pa.ArrowException,
        ArithmeticError,
        AttributeError,
        LookupError,
        MemoryError,
        OSError,
        RecursionError,
        TypeError,
        ValueError,
    )
