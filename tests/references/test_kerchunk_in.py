"""References of kerchunk from others: the same places that were written, or an error."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kerchunk.hdf import SingleHdf5ToZarr

from cryodata.errors import (
    CryodataError,
    FormatError,
    LimitExceededError,
    UnsafeReferenceError,
    UnsupportedError,
)
from cryodata.formats.allowed import Allowed
from cryodata.formats.kerchunk_in import read_kerchunk
from cryodata.formats.kerchunk_out import kerchunk_references
from cryodata.formats.zarr_tree import zarr_tree
from cryodata.granule import GranuleFile
from cryodata.options import Limits, Options
from tests.real import real_files

PLACE = Allowed.of("s3://bucket/granules")
ARRAY = {
    "zarr_format": 2,
    "shape": [10, 4],
    "chunks": [4, 4],
    "dtype": "<f4",
    "fill_value": None,
    "order": "C",
    "filters": [{"id": "shuffle", "elementsize": 4}, {"id": "zlib", "level": 4}],
    "compressor": None,
}


def refs() -> dict[str, Any]:
    """Sound references to an array of three chunks."""
    return {
        ".zgroup": '{"zarr_format": 2}',
        ".zattrs": '{"title": "x"}',
        "h/.zarray": ARRAY,
        "h/.zattrs": {"_ARRAY_DIMENSIONS": ["y", "x"]},
        "h/0.0": ["s3://bucket/granules/a.h5", 100, 50],
        "h/2.0": ["s3://bucket/granules/b.h5", 7, 40],
        "h/1.0": "base64:AAEC",
    }


def document(found: dict[str, Any], **parts: Any) -> str:
    return json.dumps({"version": 1, "refs": found, **parts})


@pytest.mark.parametrize("version", [0, 1])
def test_sound_references(version: int) -> None:
    """What the tables below change one thing of."""
    found = read_kerchunk(json.dumps(refs()) if version == 0 else document(refs()), PLACE)
    assert found.urls == ("s3://bucket/granules/a.h5", "s3://bucket/granules/b.h5")
    assert found.groups == {"": {"title": "x"}}
    assert found.attributes == {"h": {"_ARRAY_DIMENSIONS": ["y", "x"]}}
    chunks = found.arrays["h"]
    assert chunks.grid == (3, 1)
    assert chunks.numbers.tolist() == [0, 2]
    assert chunks.files.tolist() == [0, 1]
    assert chunks.offsets.tolist() == [100, 7]
    assert chunks.nbytes.tolist() == [50, 40]
    assert chunks.inline == {1: b"\x00\x01\x02"}


def test_templates_are_literal_text() -> None:
    """As kerchunk itself writes them."""
    short = refs() | {"h/0.0": ["{{a}}/a.h5", 100, 50]}
    found = read_kerchunk(document(short, templates={"a": "s3://bucket/granules"}), PLACE)
    assert "s3://bucket/granules/a.h5" in found.urls


@pytest.mark.parametrize("name", [*real_files()])
def test_what_was_written_is_read(name: str) -> None:
    """Every chunk of every real file, where it is."""
    path = real_files()[name]
    with GranuleFile(path, options=Options(cache=None)) as granule:
        tree = zarr_tree(granule.walk(), lambda ps: granule.read([(p, None) for p in ps]))
    written, refused = kerchunk_references(tree)
    assert not refused
    found = read_kerchunk(json.dumps(written), Allowed.of(path.parent))
    assert set(found.groups) == set(tree.groups)
    assert set(found.arrays) == set(tree.arrays)
    for place, array in tree.arrays.items():
        chunks = found.arrays[place]
        np.testing.assert_array_equal(chunks.numbers, array.numbers)
        np.testing.assert_array_equal(chunks.offsets, array.offsets)
        np.testing.assert_array_equal(chunks.nbytes, array.nbytes)
        assert {found.urls[i] for i in chunks.files} <= {str(path.resolve())}


def test_references_that_kerchunk_makes(tmp_path: Path) -> None:
    """Its own walk of a file, by h5py, finds the same chunks."""
    path = real_files()["processed_ATL06_20191106230008_06270503_006_01.h5"]
    theirs = SingleHdf5ToZarr(str(path), inline_threshold=0).translate()
    found = read_kerchunk(json.dumps(theirs), Allowed.of(path.parent))
    with GranuleFile(path, options=Options(cache=None)) as granule:
        tree = zarr_tree(granule.walk(), lambda ps: granule.read([(p, None) for p in ps]))
    compared = 0
    for place, chunks in found.arrays.items():
        array = tree.arrays[place]
        if len(chunks.numbers) and array.chunks == tuple(chunks.metadata["chunks"]):
            np.testing.assert_array_equal(chunks.offsets, array.offsets)
            np.testing.assert_array_equal(chunks.nbytes, array.nbytes)
            compared += 1
    assert compared > 100


def array(**changes: Any) -> str:
    """References to an array whose metadata is changed."""
    return document(refs() | {"h/.zarray": ARRAY | changes})


def chunk(value: Any) -> str:
    return document(refs() | {"h/0.0": value})


EVIL: dict[str, tuple[Any, type[CryodataError]]] = {
    "a file of this machine": (chunk(["/etc/passwd", 0, 50]), UnsafeReferenceError),
    "a file of this machine, as URL": (chunk(["file:///etc/passwd", 0, 9]), UnsafeReferenceError),
    "another bucket": (chunk(["s3://other/granules/a.h5", 0, 9]), UnsafeReferenceError),
    "a way out of the folder": (
        chunk(["s3://bucket/granules/../secret/a.h5", 0, 9]),
        UnsafeReferenceError,
    ),
    "a service of this machine": (chunk(["http://127.0.0.1:80/", 0, 9]), UnsafeReferenceError),
    "keys of this machine": (
        chunk(["http://169.254.169.254/latest/meta-data", 0, 9]),
        UnsafeReferenceError,
    ),
    "a chain of file systems": (
        chunk(["simplecache::s3://bucket/granules/a.h5", 0, 9]),
        UnsafeReferenceError,
    ),
    "an expression": (chunk(["{{ 'a' * 1000000000 }}", 0, 9]), UnsafeReferenceError),
    "an expression that runs": (
        chunk(["{{ cycler.__init__.__globals__.os.system('id') }}", 0, 9]),
        UnsafeReferenceError,
    ),
    "a template in a template": (
        document(refs(), templates={"a": "{{b}}", "b": "x"}),
        UnsupportedError,
    ),
    "a template with arguments": (document(refs(), templates={"f(x)": "x"}), UnsupportedError),
    "a template that leads out": (
        document(refs() | {"h/0.0": ["{{a}}/a.h5", 0, 9]}, templates={"a": "https://evil.example"}),
        UnsafeReferenceError,
    ),
    "many templates": (
        document(refs(), templates={f"t{i}": "x" for i in range(2000)}),
        FormatError,
    ),
    "a generator": (
        document(refs(), gen=[{"key": "k{{i}}", "url": "u", "dimensions": {"i": {"stop": 10**9}}}]),
        UnsupportedError,
    ),
    "a part that nobody knows": (document(refs(), run="rm"), UnsupportedError),
    "version 2": (json.dumps({"version": 2, "refs": refs()}), FormatError),
    "refs that are a list": (json.dumps({"version": 1, "refs": []}), FormatError),
    "a list": ("[]", FormatError),
    "no JSON": ("{", FormatError),
    "not even text": (b"\xff\xfe\x00", FormatError),
    "JSON without end": ("[" * 100_000, FormatError),
    "a key twice": ('{"a/0": ["s3://x/y", 0, 1], "a/0": ["s3://x/z", 0, 1]}', FormatError),
    "a whole file": (chunk(["s3://bucket/granules/a.h5"]), UnsupportedError),
    "a negative offset": (chunk(["s3://bucket/granules/a.h5", -5, 5]), FormatError),
    "a negative size": (chunk(["s3://bucket/granules/a.h5", 5, -5]), FormatError),
    "an offset of 2**70": (chunk(["s3://bucket/granules/a.h5", 2**70, 5]), FormatError),
    "an offset that is a fraction": (chunk(["s3://bucket/granules/a.h5", 0.5, 5]), FormatError),
    "an offset that is a text": (chunk(["s3://bucket/granules/a.h5", "0", 5]), FormatError),
    "an offset that is true": (chunk(["s3://bucket/granules/a.h5", True, 5]), FormatError),
    "a URL that is a number": (chunk([5, 0, 5]), FormatError),
    "four parts": (chunk(["s3://bucket/granules/a.h5", 0, 5, 5]), FormatError),
    "an object": (chunk({"url": "s3://bucket/granules/a.h5"}), FormatError),
    "nothing": (document(refs() | {"h/0.0": 5}), FormatError),
    "bad base64": (chunk("base64:!!!"), FormatError),
    "a chunk beyond the grid": (document(refs() | {"h/3.0": "base64:AA=="}), FormatError),
    "a chunk of another rank": (document(refs() | {"h/0": "base64:AA=="}), FormatError),
    "a chunk of no number": (document(refs() | {"h/a.b": "base64:AA=="}), FormatError),
    "a chunk of a sign": (document(refs() | {"h/-1.0": "base64:AA=="}), FormatError),
    "a chunk of odd digits": (document(refs() | {"h/\u0661.0": "base64:AA=="}), FormatError),
    "a chunk of no array": (document(refs() | {"g/0.0": "base64:AA=="}), FormatError),
    "a key that climbs": (document(refs() | {"../h/0.0": "base64:AA=="}), FormatError),
    "a key with two slashes": (document(refs() | {"h//0.0": "base64:AA=="}), FormatError),
    "a key without end": (document(refs() | {"/".join("g" * 99): "x"}), FormatError),
    "the codec pickle": (array(filters=[{"id": "pickle"}]), UnsupportedError),
    "the codec json2": (array(filters=[{"id": "json2"}]), UnsupportedError),
    "a codec that nobody knows": (array(compressor={"id": "os.system"}), UnsupportedError),
    "a codec that is a text": (array(compressor="zlib"), UnsupportedError),
    "a hundred codecs": (array(filters=[{"id": "zlib"}] * 100), LimitExceededError),
    "a chunk of 4 TB": (array(shape=[10**12, 4], chunks=[10**12, 4]), LimitExceededError),
    "a shape below zero": (array(shape=[-1, 4]), FormatError),
    "a shape of texts": (array(shape=["10", 4]), FormatError),
    "a shape of many axes": (array(shape=[1] * 40, chunks=[1] * 40), FormatError),
    "a shape of another rank": (array(shape=[10]), FormatError),
    "chunks of nothing": (array(chunks=[0, 4]), FormatError),
    "a grid of 2**90": (
        document(
            refs()
            | {
                "h/.zarray": ARRAY | {"shape": [2**45, 2**45], "chunks": [1, 1]},
                f"h/{2**45 - 1}.{2**45 - 1}": "base64:AA==",
            }
        ),
        CryodataError,
    ),
    "a type that runs": (array(dtype="O8,os.system"), FormatError),
    "a type of nothing": (array(dtype=[]), FormatError),
    "a member without type": (array(dtype=[["a"]]), FormatError),
    "version 3": (array(zarr_format=3), FormatError),
    "an order of its own": (array(order="Z"), FormatError),
    "metadata that is no JSON": (document(refs() | {"h/.zarray": "{"}), FormatError),
    "metadata that is a list": (document(refs() | {"h/.zarray": "[]"}), FormatError),
}


@pytest.mark.parametrize("what", EVIL)
def test_hostile_references_are_refused(what: str) -> None:
    """Typed, bounded, and before anything is opened."""
    text, error = EVIL[what]
    with pytest.raises(error):
        read_kerchunk(text, PLACE)


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)


def places(node: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every node of a document of JSON."""
    yield above
    if isinstance(node, dict | list):
        for key, below in node.items() if isinstance(node, dict) else enumerate(node):
            yield from places(below, (*above, key))


@given(data=st.data())
def test_any_part_may_be_anything(data: st.DataObject) -> None:
    """Whatever stands in place of any part: references that are sound, or an error of ours."""
    found = json.loads(document(refs(), templates={"a": "x"}))
    way = data.draw(st.sampled_from(list(places(found))[1:]))
    node = found
    for key in way[:-1]:
        node = node[key]
    node[way[-1]] = data.draw(JUNK)
    try:
        sound = read_kerchunk(json.dumps(found), PLACE)
    except CryodataError:
        return
    assert all(url.startswith("s3://bucket/granules/") for url in sound.urls)


def test_a_lazy_array_of_any_size_is_fine() -> None:
    """A shape of 10**12 costs nothing until it is read."""
    huge = refs() | {"h/.zarray": ARRAY | {"shape": [10**12, 4], "chunks": [10**6, 4]}}
    assert read_kerchunk(document(huge), PLACE).arrays["h"].grid == (10**6, 1)


def test_sizes_are_bounded_by_limits() -> None:
    """The caller's, where they are stricter."""
    with pytest.raises(LimitExceededError, match="too large"):
        read_kerchunk(document(refs()), PLACE, limits=Limits(chunk_bytes=63))
    with pytest.raises(LimitExceededError, match="3 chunks"):
        read_kerchunk(document(refs()), PLACE, limits=Limits(chunks=2))
