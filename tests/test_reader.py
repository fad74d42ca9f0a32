"""`cryodata.Reader`: says what `open` says, earlier, and can be handed around."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
import warnings
from pathlib import Path
from typing import Any, assert_type

import h5py
import numpy as np
import pytest
import xarray as xr

import cryodata as cd
from cryodata.cost import Budget
from cryodata.errors import (
    ConfigurationError,
    ProductError,
    RegionError,
    SelectionError,
    UnknownProductError,
)
from cryodata.sandbox.granules import atl06

UNCACHED = cd.Options(cache=None)


@pytest.fixture(scope="module")
def granule(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return atl06(tmp_path_factory.mktemp("reader"), segments=2000, seed=5)


def heights(path: Path, beam: str) -> Any:
    """Of one beam, fill as NaN, from h5py."""
    with h5py.File(path) as file:
        found = file[f"{beam}/land_ice_segments/h_li"]
        return np.where(found[:] == found.fillvalue, np.nan, found[:])


def test_reader_reads_what_open_reads(granule: Path) -> None:
    """Two ways to the same rows that differed would leave nobody sure of either."""
    reader = cd.Reader("ATL06", variables="h_li", beams=["gt1l", "gt3r"], options=UNCACHED)
    ds = reader(granule)
    expected = np.concatenate([heights(granule, beam) for beam in ("gt1l", "gt3r")])
    np.testing.assert_array_equal(ds.h_li.values, expected)
    opened = cd.open(granule, variables="h_li", beams=["gt1l", "gt3r"], options=UNCACHED)
    assert ds.identical(opened)


def test_reader_takes_every_word_of_open() -> None:
    """A word that open learns and a reader does not would be out of reach for packages."""
    of_open = dict(inspect.signature(cd.open).parameters)
    del of_open["what"], of_open["storage_options"]  # those go with the granules
    of_reader = dict(inspect.signature(cd.Reader).parameters)
    assert list(of_open) == list(of_reader)
    assert [field.name for field in dataclasses.fields(cd.Reader)] == list(of_reader)
    for name in of_reader.keys() - {"product"}:
        assert of_open[name].default == of_reader[name].default, name


def test_every_word_arrives_at_the_query(granule: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A word that is checked and then forgotten gives other rows than asked for."""
    asked = []
    monkeypatch.setattr("cryodata.reader.open_query", lambda what, query: asked.append(query))
    reader = cd.Reader(
        "ATL06",
        region=(-50, 69, -48, 70),
        time="2019",
        where="h_li > 0",
        variables=["h_li", "x_atc"],
        beams="strong",
        with_segments=["solar_elevation"],
        cycle=3,
        rgt=[5, 4],
        version="006",
        access="external",
        chunks="auto",
        exact=False,
        budget="2 MB",
        on_missing="skip",
        engine="fsspec",
        options=UNCACHED,
    )
    reader(granule, storage_options={"anon": True})
    reader(granule, region=(0, 0, 1, 1), time="2020")
    whole, elsewhere = asked
    assert whole.wish.region == whole.selection.region == cd.Region.bbox(-50, 69, -48, 70)
    assert whole.wish.time == whole.selection.time == reader.time
    assert str(whole.selection.where) == "h_li > 0"
    assert whole.request.conditions == ("h_li",)
    assert whole.request.placed
    assert (whole.request.variables, whole.request.beams) == (("h_li", "x_atc"), "strong")
    assert whole.request.with_segments == ("solar_elevation",)
    assert whole.request.product == reader.product
    assert whole.request.on_missing == "skip"
    assert (whole.wish.cycle, whole.wish.rgt, whole.wish.version) == ((3,), (4, 5), "006")
    assert (whole.chunks, whole.exact, whole.engine) == ("auto", False, "fsspec")
    assert whole.budget == Budget.of("2 MB")
    assert whole.options == dataclasses.replace(UNCACHED, access="external")
    assert whole.storage_options == {"anon": True}
    assert elsewhere.budget == whole.budget
    assert elsewhere.selection.region == cd.Region.bbox(0, 0, 1, 1)
    assert elsewhere.selection.time is not None
    assert str(elsewhere.selection.time) == "2020-01-01 to 2021-01-01"


def test_grids_are_asked_for_by_group(granule: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One grid of several is what a reader of ATL15 is for."""
    asked = []
    monkeypatch.setattr("cryodata.reader.open_query", lambda what, query: asked.append(query))
    cd.Reader("ATL15", group="dhdt_lag4")(granule)
    assert asked[0].group == "dhdt_lag4"


def test_types_are_those_said(granule: Path) -> None:
    """A package that annotates with Reader has its type checker find wrong uses."""
    reader = cd.Reader("ATL06", variables="h_li")
    assert_type(reader, cd.Reader)
    assert_type(reader(granule), xr.Dataset)
    assert_type(reader.product, cd.Product)
    assert_type(reader.replace(beams="weak"), cd.Reader)
    assert_type(reader.region, cd.Region | None)
    assert_type(reader.where, cd.Condition | None)
    assert isinstance(reader(granule), xr.Dataset)


SAME = (
    ({"variables": "h_li"}, {"variables": ["h_li"]}),
    ({"where": "h_li > 0"}, {"where": {"h_li": (">", 0)}}),
    ({"cycle": 3}, {"cycle": [3]}),
    ({"region": (-50, 69, -48, 70)}, {"region": cd.Region.bbox(-50, 69, -48, 70)}),
    ({"time": "2019"}, {"time": ("2019-01", "2019-12")}),
)


@pytest.mark.parametrize("one, other", SAME)
def test_readers_that_say_the_same_are_equal(one: dict[str, Any], other: dict[str, Any]) -> None:
    """Caches and dask graphs go by equality and hash."""
    first, second = cd.Reader("ATL06", **one), cd.Reader("atl06", **other)
    assert first == second
    assert hash(first) == hash(second)
    assert first not in {cd.Reader("ATL06"), cd.Reader("ATL03")}
    assert pickle.loads(pickle.dumps(first)) == copy.copy(first) == first
    assert first.replace() == first


def test_hash_is_that_of_the_arguments() -> None:
    """A mapping can change, so what holds one has no hash."""
    with pytest.raises(TypeError, match="unhashable"):
        hash(cd.Reader("ATL06", chunks={"segment": 1000}))
    with pytest.raises(dataclasses.FrozenInstanceError):
        cd.Reader("ATL06").beams = ("gt1l",)  # type: ignore[misc]


def test_table_travels_with_the_reader() -> None:
    """A worker without the package must not read by another table, or none."""
    table = dataclasses.replace(cd.Reader("ATL06").product, short_name="MINE")
    there = pickle.loads(pickle.dumps(cd.Reader(table)))
    assert there.product == table
    with pytest.raises(UnknownProductError):
        cd.Reader("MINE")


@pytest.mark.parametrize(
    "words, said",
    [
        ({}, "Reader('ATL06')"),
        ({"beams": ["strong"]}, "Reader('ATL06', beams='strong')"),
        ({"variables": ["h_li", "x_atc"]}, "Reader('ATL06', variables=('h_li', 'x_atc'))"),
        (
            {"region": (-50, 69, -48, 70)},
            "Reader('ATL06', region=Region.bbox(-50, 69, -48, 70))",
        ),
        ({"time": "2019"}, "Reader('ATL06', time=<2019-01-01 to 2020-01-01>)"),
        ({"where": "0<h_li"}, "Reader('ATL06', where='h_li > 0')"),
        ({"exact": True, "engine": "fsspec"}, "Reader('ATL06', engine='fsspec')"),
        ({"rgt": 5, "cycle": [1, 2]}, "Reader('ATL06', cycle=(1, 2), rgt=5)"),
    ],
)
def test_repr_shows_what_differs(words: dict[str, Any], said: str) -> None:
    """Fifteen defaults would hide the one word that matters."""
    assert repr(cd.Reader("ATL06", **words)) == said


@pytest.mark.parametrize(
    "words, error, message",
    [
        ({"product": "ATL6"}, UnknownProductError, "ATL06"),
        ({"product": None}, ProductError, "needs a product"),
        ({"product": 6}, ProductError, "short name or a Product, not int"),
        ({"where": "h_li <"}, SelectionError, "where="),
        ({"where": 5}, SelectionError, "where="),
        ({"region": (69, -50, 70)}, RegionError, "west, south, east, north"),
        ({"time": "soon"}, SelectionError, "'soon' is no time"),
        ({"beams": "gt4l"}, SelectionError, "ATL06 has no beam 'gt4l'"),
        ({"product": "ATL09", "beams": "gt1l"}, SelectionError, "ATL09 has no beam 'gt1l'"),
        ({"product": "GLAH06", "beams": "strong"}, SelectionError, "no beams to choose"),
        ({"variables": 3}, SelectionError, "are no names"),
        ({"cycle": 1000}, SelectionError, "cycle"),
        ({"rgt": "x"}, SelectionError, "rgt"),
        ({"access": "by foot"}, ConfigurationError, "by foot"),
        ({"engine": "steam"}, ConfigurationError, "steam"),
        ({"budget": "a lot"}, ConfigurationError, "a lot"),
        ({"group": "dhdt"}, SelectionError, "no gridded product"),
        ({"product": "ATL15", "where": "x > 0"}, SelectionError, "ATL15 is a grid"),
        ({"product": "ATL15", "beams": "strong"}, SelectionError, "no beams to choose"),
        ({"on_missing": "ignore"}, ConfigurationError, "on_missing"),
    ],
)
def test_mistakes_are_told_when_it_is_made(
    words: dict[str, Any], error: type[Exception], message: str
) -> None:
    """An error at the first read, on a worker, an hour later, is of no use."""
    with pytest.raises(error, match=message):
        cd.Reader(**({"product": "ATL06"} | words))


def test_unknown_words_are_refused() -> None:
    """A misspelt word that is let pass reads something else."""
    with pytest.raises(TypeError, match="beam"):
        cd.Reader("ATL06").replace(beam="gt1l")


def test_plan_is_that_of_the_same_words(granule: Path) -> None:
    """What is read for a price must be what was priced."""
    cache = cd.Options(cache=None)
    reader = cd.Reader("ATL06", variables="h_li", beams="gt1l", options=cache)
    words: dict[str, Any] = {"variables": "h_li", "beams": "gt1l", "options": cache}
    assert_type(reader.plan(granule), cd.Plan)
    planned, expected = reader.plan(granule), cd.plan(granule, product="ATL06", **words)
    assert planned.nbytes == expected.nbytes > 0
    assert reader.replace(beams="all").plan(granule).nbytes > planned.nbytes


def test_product_as_word_of_open(granule: Path) -> None:
    """A short name with `product=` holds files to what they are said to be."""
    ds = cd.open(granule, product="ATL06", variables="h_li", options=UNCACHED)
    assert "h_li" in ds
    with pytest.raises(SelectionError, match="granule of ATL06, not of ATL03"):
        cd.open(granule, product="ATL03", options=UNCACHED)
    with pytest.raises(UnknownProductError, match="ATL06"):
        cd.open(granule, product="ATL6")


def test_skipped_where_told(granule: Path, tmp_path: Path) -> None:
    """Among many granules, one of another product can be left out, and is listed."""
    stranger = tmp_path / "stranger.h5"
    with h5py.File(stranger, "w") as file:
        file.attrs["short_name"] = "ATL03"
    reader = cd.Reader("ATL06", variables="h_li", on_missing="skip", options=UNCACHED)
    ds = reader([granule, stranger])
    assert [skipped.url for skipped in ds.cryo.skipped] == [str(stranger)]
    assert ds.sizes == reader(granule).sizes


def test_warnings_point_to_who_asked(granule: Path) -> None:
    """A warning inside of this library tells nobody which of their lines to look at."""
    reader = cd.Reader("ATL06", variables="h_li", options=UNCACHED)
    for read in (reader, cd.open):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            read(granule, time="1999")
        assert {Path(one.filename) for one in caught} == {Path(__file__)}
