"""Lazy arrays: what they read, when they read together, and what they keep."""

from __future__ import annotations

import asyncio
import pickle
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from xarray.core import indexing

from cryodata.arrays.lazy import LazyArray, Part
from cryodata.arrays.together import Companions, load_together
from cryodata.decoding.finish import Text, UtcTime
from cryodata.errors import ChunkCorruptError
from cryodata.read_plan import ReadPlan
from cryodata.types import AnyArray, Source

EPOCH = np.datetime64("2018-01-01T00:00:00", "ns")


class Shelf:
    """A granule in memory that notes every read."""

    def __init__(self, **arrays: AnyArray) -> None:
        self.arrays = {f"/{name}": values for name, values in arrays.items()}
        self.source = Source(url="shelf", size=0, etag='"1"')
        self.memory = 1 << 30
        self.reads: list[list[str]] = []
        self.fail = False
        self.damaged = ""

    def read(self, wanted: Any) -> list[AnyArray]:
        """Slices of arrays, as the protocol says."""
        if self.fail:
            raise OSError("no connection")
        if self.damaged in [path for path, _ in wanted]:
            raise ChunkCorruptError("checksum", path=self.damaged)
        self.reads.append([path for path, _ in wanted])
        return [self.arrays[path][slices or ()].copy() for path, slices in wanted]

    async def aread(self, wanted: Any) -> list[AnyArray]:
        """As `read`."""
        await asyncio.sleep(0)
        return self.read(wanted)

    def price(self, wanted: Any) -> ReadPlan:
        """Nothing has one here."""
        raise AssertionError(wanted)

    def select(self, paths: Iterable[str]) -> Shelf:
        """Only these arrays."""
        return Shelf(**{path[1:]: self.arrays[path] for path in paths})

    def lazy(self, *names: str, **settings: Any) -> LazyArray:
        """Some of the arrays, one after the other."""
        parts = [Part(self, f"/{name}", self.arrays[f"/{name}"].shape) for name in names]
        rows = sum(part.shape[0] for part in parts)
        settings.setdefault("shape", (rows, *parts[0].shape[1:]))
        settings.setdefault("dtype", self.arrays[parts[0].path].dtype)
        return LazyArray(parts, **settings)


def variable(array: LazyArray, *dims: str) -> xr.Variable:
    return xr.Variable(dims or ("row",), indexing.LazilyIndexedArray(array))


@pytest.fixture
def shelf() -> Shelf:
    """Three columns of five rows, one of them with two columns of its own."""
    return Shelf(a=np.arange(5.0), b=np.arange(5) * 10, c=np.arange(10).reshape(5, 2))


def join(shelf: Shelf, **settings: Any) -> dict[str, LazyArray]:
    arrays = {name: shelf.lazy(name) for name in "abc"}
    Companions(**settings).join(arrays.values(), arrays.values())
    return arrays


def test_first_touch_reads_companions_in_one_plan(shelf: Shelf) -> None:
    """Xarray loads one variable after the other; that must not cost a round trip each."""
    arrays = join(shelf)
    dataset = xr.Dataset(
        {
            "a": variable(arrays["a"]),
            "b": variable(arrays["b"]),
            "c": variable(arrays["c"], "row", "x"),
        }
    )
    dataset.load()
    assert shelf.reads == [["/a", "/b", "/c"]]
    for name in "abc":
        np.testing.assert_array_equal(dataset[name], shelf.arrays[f"/{name}"])


def test_companions_follow_the_same_rows(shelf: Shelf) -> None:
    """Rows chosen before loading are chosen for all, and other columns still cut."""
    arrays = join(shelf)
    c = variable(arrays["c"], "row", "x")
    np.testing.assert_array_equal(c[1:4, 1], shelf.arrays["/c"][1:4, 1])
    np.testing.assert_array_equal(variable(arrays["a"])[1:4], [1.0, 2.0, 3.0])
    assert len(shelf.reads) == 1
    np.testing.assert_array_equal(variable(arrays["b"])[0:2], [0, 10])  # other rows
    assert shelf.reads[1:] == [["/b"]]


def test_companions_take_part_once(shelf: Shelf) -> None:
    """What was handed out is forgotten, and a second look reads one array only."""
    arrays = join(shelf)
    for _ in range(2):
        for name in "ab":
            variable(arrays[name])[:].load()
    assert shelf.reads == [["/a", "/b", "/c"], ["/a"], ["/b"]]


def test_one_row_by_number(shelf: Shelf) -> None:
    """A single row drops the axis, for the companions as well."""
    arrays = join(shelf)
    assert variable(arrays["a"])[3].values == 3.0
    np.testing.assert_array_equal(variable(arrays["c"], "row", "x")[3], [6, 7])
    assert variable(arrays["b"])[3].values == 30
    assert len(shelf.reads) == 1


def test_large_companions_are_left_alone(shelf: Shelf) -> None:
    """Reading ahead is bounded: a photon granule must not be pulled in by one variable."""
    arrays = join(shelf, most=100)  # 40 + 40 + 80 bytes are wanted
    variable(arrays["a"]).load()
    assert shelf.reads == [["/a"]]
    variable(arrays["b"])[:1].load()  # small enough now, and takes the others along
    assert shelf.reads[1:] == [["/b", "/c"]]


def test_places_lead_and_columns_do_not(shelf: Shelf) -> None:
    """Touching a height must not read the coordinates; loading everything reads both."""
    arrays = {name: shelf.lazy(name) for name in "abc"}
    companions = Companions()
    companions.join([arrays["b"], arrays["c"]], [arrays["b"], arrays["c"]])
    companions.join([arrays["a"]], arrays.values())
    variable(arrays["b"]).load()
    assert shelf.reads == [["/b", "/c"]]
    variable(arrays["a"]).load()
    assert shelf.reads[1:] == [["/a"]]


def test_failed_read_is_tried_again(shelf: Shelf) -> None:
    """A broken connection must not leave arrays without values, or with old ones."""
    arrays = join(shelf)
    shelf.fail = True
    with pytest.raises(OSError, match="no connection"):
        variable(arrays["a"]).load()
    shelf.fail = False
    np.testing.assert_array_equal(variable(arrays["b"]), shelf.arrays["/b"])
    assert shelf.reads == [["/b", "/a", "/c"]]


def test_damaged_companion_is_no_obstacle(shelf: Shelf) -> None:
    """One corrupt variable must not make its neighbours unreadable."""
    arrays = join(shelf)
    shelf.damaged = "/b"
    np.testing.assert_array_equal(variable(arrays["a"]), shelf.arrays["/a"])
    np.testing.assert_array_equal(variable(arrays["c"], "row", "x"), shelf.arrays["/c"])
    with pytest.raises(ChunkCorruptError):
        variable(arrays["b"]).load()


def test_threads_share_one_read(shelf: Shelf) -> None:
    """Eight threads touching three companions at once must neither deadlock nor mix values."""
    arrays = join(shelf)
    barrier = threading.Barrier(8)

    def touch(i: int) -> AnyArray:
        barrier.wait(10)
        name = "abc"[i % 3]
        dims = ("row", "x") if name == "c" else ("row",)
        values: AnyArray = variable(arrays[name], *dims).values
        np.testing.assert_array_equal(values, shelf.arrays[f"/{name}"])
        return values

    with ThreadPoolExecutor(8) as pool:
        assert len(list(pool.map(touch, range(8)))) == 8
    assert len(shelf.reads[0]) == 3


def test_pickles_without_companions_and_values(shelf: Shelf) -> None:
    """A worker gets where to ask, not what somebody else has read."""
    arrays = join(shelf)
    variable(arrays["a"]).load()
    copy = pickle.loads(pickle.dumps(arrays["b"]))
    assert copy.companions is None
    (file,) = copy.files
    assert set(file.arrays) == {"/b"}
    np.testing.assert_array_equal(variable(copy), shelf.arrays["/b"])


def test_load_together_reads_once_per_granule(shelf: Shelf) -> None:
    """Everything a Dataset holds, sliced and transposed as it is, in one plan a granule."""
    other = Shelf(d=np.arange(5) + 0.5)
    dataset = xr.Dataset(
        {
            "a": variable(shelf.lazy("a")),
            "c": variable(shelf.lazy("c"), "row", "x"),
            "d": variable(other.lazy("d")),
            "here": ("row", np.ones(5)),
        }
    ).isel(row=[4, 0, 2])
    dataset["e"] = dataset.c[:, 0]
    loaded = load_together(dataset)
    assert loaded is dataset
    assert len(shelf.reads) == 1
    assert len(other.reads) == 1
    np.testing.assert_array_equal(dataset.a, [4.0, 0.0, 2.0])
    np.testing.assert_array_equal(dataset.c, shelf.arrays["/c"][[4, 0, 2]])
    np.testing.assert_array_equal(dataset.e, shelf.arrays["/c"][[4, 0, 2], 0])
    np.testing.assert_array_equal(dataset.d, [4.5, 0.5, 2.5])


def test_load_together_leaves_nothing_behind(shelf: Shelf) -> None:
    """A failure half-way must not leave arrays that answer from notes."""
    dataset = xr.Dataset({"a": variable(shelf.lazy("a"))})
    shelf.fail = True
    with pytest.raises(OSError, match="no connection"):
        load_together(dataset)
    shelf.fail = False
    np.testing.assert_array_equal(dataset.a, shelf.arrays["/a"])


def test_async_reads_give_the_same(shelf: Shelf) -> None:
    """``await ds.load_async()`` must equal ``ds.load()``."""
    arrays = join(shelf)
    dataset = xr.Dataset({"a": variable(arrays["a"]), "c": variable(arrays["c"], "row", "x")}).isel(
        row=slice(None, None, -2)
    )
    asyncio.run(dataset.load_async())
    np.testing.assert_array_equal(dataset.a, [4.0, 2.0, 0.0])
    np.testing.assert_array_equal(dataset.c, shelf.arrays["/c"][::-2])


def test_parts_of_unequal_types_are_widened() -> None:
    """A release that stores i4 beside one that stores f4 must not be cut to integers."""
    shelf = Shelf(a=np.array([1, 2], "i4"), b=np.array([0.5], "f4"))
    both = shelf.lazy("a", "b", dtype=np.dtype("f8"))
    np.testing.assert_array_equal(variable(both), [1.0, 2.0, 0.5])


def test_scalars_and_nothing() -> None:
    """Arrays without axes, and arrays without rows, are arrays too."""
    shelf = Shelf(s=np.array(7.5), e=np.empty((0, 3)))
    scalar = LazyArray([Part(shelf, "/s", ())], shape=(), dtype=np.dtype("f8"))
    assert xr.Variable((), indexing.LazilyIndexedArray(scalar)).values == 7.5
    assert variable(shelf.lazy("e"), "row", "x").values.shape == (0, 3)
    none = LazyArray([], shape=(0,), dtype=np.dtype("f8"))
    assert variable(none).values.shape == (0,)


def test_short_parts_are_padded() -> None:
    """Where an unlimited dimension is longer than a variable, netCDF shows its fill value."""
    shelf = Shelf(a=np.arange(6).reshape(2, 3))
    padded = shelf.lazy("a", shape=(4, 5), fill=-1)
    expected = np.full((4, 5), -1)
    expected[:2, :3] = shelf.arrays["/a"]
    v = variable(padded, "y", "x")
    for key in (np.s_[:], np.s_[::-1], np.s_[3], np.s_[1:, 2:4], np.s_[[0, 3, 1]], np.s_[:, 4]):
        np.testing.assert_array_equal(v[key].values, expected[key])


def test_equal_arrays_have_equal_tokens(shelf: Shelf) -> None:
    """Dask finds results again by token: it must change with the values, and only then."""
    tokenize = pytest.importorskip("dask.base").tokenize
    token = tokenize(shelf.lazy("a"))
    assert token == tokenize(shelf.lazy("a"))
    assert token == tokenize(pickle.loads(pickle.dumps(shelf.lazy("a"))))
    newer = Shelf(a=shelf.arrays["/a"])
    newer.source = Source(url="shelf", size=0, etag='"2"')
    others = [shelf.lazy("b"), newer.lazy("a"), shelf.lazy("a", finish=UtcTime(EPOCH))]
    assert token not in {tokenize(other) for other in others}


def exact(seconds: float) -> np.datetime64:
    """The instant by rational arithmetic, rounded half to even."""
    return EPOCH + np.timedelta64(round(Fraction(seconds) * 10**9), "ns")


@given(st.lists(st.floats(-5e8, 9e8), min_size=1, max_size=20))
def test_times_are_exact(seconds: list[float]) -> None:
    """A nanosecond is 7 micrometres of orbit; a careless product of floats loses 16 of them."""
    expected = np.array([exact(value) for value in seconds])
    np.testing.assert_array_equal(UtcTime(EPOCH)(np.array(seconds)), expected)


def test_there_is_no_leap_second_in_the_epoch() -> None:
    """18 s and 27 s late are the two mistakes found in code that people copy."""
    assert UtcTime(EPOCH)(np.array([0.0]))[0] == np.datetime64("2018-01-01T00:00:00")


def test_no_time_is_no_time() -> None:
    """Fill values must not become dates."""
    values = np.array([np.nan, np.inf, 1.7976931348623157e308, -1e10, 8e9, -1.0, 1.5])
    times = UtcTime(EPOCH, fill=-1.0)(values)
    np.testing.assert_array_equal(np.isnat(times), [True] * 6 + [False])


def test_texts_keep_odd_bytes() -> None:
    """A byte that does not fit the encoding must survive, not raise or vanish."""
    values = np.array([b"caf\xc3\xa9", b"\xff"], object)
    assert Text("utf-8")(values).tolist() == ["caf\u00e9", "\udcff"]
