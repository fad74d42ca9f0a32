"""DMR++ sidecars: the chunk tables of both dialects, what they lose, and lies in them."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from cryodata.errors import FormatError, LimitExceededError, UnsupportedError
from cryodata.formats.dmrpp_in import read_dmrpp
from cryodata.granule import GranuleFile
from cryodata.layout import Chunked, Contiguous, Inline
from cryodata.options import Limits, Options
from cryodata.types import Source
from tests.real import SHARED, WHERE
from tests.references.sidecars import HEAD, sidecar_of

REAL = SHARED / "dmrpp" / "ATL08_20200716202251_03280806_003_01.h5.dmrpp"
DAP = "{http://xml.opendap.org/ns/DAP/4.0#}"
DMRPP = "{http://xml.opendap.org/dap/dmrpp/1.0.0#}"
SIZE = 57_500_000
SPACES = "It is not said by the sidecar whether spaces at the end of a string count"
HERE = Source(url="s3://bucket/x.h5", size=SIZE, etag='"1"')


def said_of_chunks(element: ET.Element, path: str = "") -> dict[str, tuple[str, list[list[int]]]]:
    """Path to chunk sizes, and position, offset and size of each chunk; by another parser."""
    found: dict[str, tuple[str, list[list[int]]]] = {}
    for child in element:
        below = f"{path}/{child.get('name')}"
        if child.tag == f"{DAP}Group":
            found |= said_of_chunks(child, below)
        elif (chunks := child.find(f"{DMRPP}chunks")) is not None:
            sizes = chunks.findtext(f"{DMRPP}chunkDimensionSizes") or ""
            found[below] = (
                sizes,
                [
                    [
                        *map(int, re.findall(r"\d+", one.get("chunkPositionInArray", ""))),
                        int(one.get("offset", "")),
                        int(one.get("nBytes", "")),
                    ]
                    for one in chunks.findall(f"{DMRPP}chunk")
                ],
            )
        elif (text := child.findtext(f"{DMRPP}compact")) is not None:
            found[below] = (text, [])
    return found


@pytest.mark.skipif(not REAL.exists(), reason=WHERE)
def test_the_real_sidecar_agrees_with_its_own_numbers() -> None:
    """600 data sets, 12,772 chunks: each offset, size and place; and three that are lost."""
    said = said_of_chunks(ET.fromstring(REAL.read_bytes()))
    assert len(said) == 600
    assert sum(len(chunks) for _, chunks in said.values()) == 12_772
    sidecar = read_dmrpp(REAL.read_bytes(), HERE)
    arrays = sidecar.index.arrays
    assert {path for path in said if path not in arrays} == set(sidecar.losses)
    assert sidecar.losses == {
        "/ancillary_data/release": SPACES,
        "/ancillary_data/version": SPACES,
        "/ancillary_data/control": "It is not said by the sidecar how long its strings are",
    }
    compact = 0
    for path, array in arrays.items():
        sizes, chunks = said[path]
        match array.storage:
            case Chunked(table):
                assert array.chunk_shape == tuple(map(int, sizes.split()))
                places = np.array(np.unravel_index(table.numbers, array.grid)).T
                corners = places * np.array(array.chunk_shape)
                found = np.column_stack([corners, table.offsets, table.nbytes]).tolist()
                assert sorted(found) == sorted(chunks)
                assert [f.name for f in array.filters] in (["deflate"], ["shuffle", "deflate"], [])
            case Contiguous(offset, nbytes):
                assert chunks == [[offset, nbytes]]
            case Inline(data):
                compact += 1
                assert len(data) == array.nbytes
    assert compact == 85 - 2  # without release and version


@pytest.fixture
def granule(tmp_path: Path) -> Path:
    """Groups, scales, every layout and filter that a sidecar can tell of, and some it cannot."""
    path = tmp_path / "x.h5"
    rng = np.random.default_rng(0)
    heights = np.round(rng.normal(size=2500).cumsum(), 2).astype("f4")
    with h5py.File(path, "w") as file:
        file.create_dataset("plain", data=rng.integers(0, 99, (7, 5)).astype("<i8"))
        beam = file.create_group("gt1l/heights")
        time = beam.create_dataset("delta_time", data=np.arange(2500.0), chunks=(1000,))
        time.make_scale("delta_time")
        pipelines: dict[str, dict[str, Any]] = {
            "none": {},
            "deflated": {"compression": "gzip"},
            "shuffled": {"compression": "gzip", "compression_opts": 6, "shuffle": True},
            "summed": {"compression": "gzip", "shuffle": True, "fletcher32": True},
        }
        for name, filters in pipelines.items():
            made = beam.create_dataset(name, data=heights, chunks=(1000,), **filters)
            made.dims[0].attach_scale(time)
            made.attrs["units"] = "meters"
        beam.create_dataset("square", data=heights.reshape(50, 50), chunks=(20, 30))
        sparse = beam.create_dataset("sparse", (5000,), "f8", chunks=(500,), fillvalue=-9.5)
        sparse[1000:1500] = 1.0
        compact = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        compact.set_layout(h5py.h5d.COMPACT)
        for name, values in {
            "few": np.arange(6, dtype="<i4"),
            "name": np.array([b"006", b"01"], "S3"),
        }.items():
            kind = h5py.h5t.py_create(values.dtype, logical=True)
            space = h5py.h5s.create_simple(values.shape)
            h5py.h5d.create(file.id, name.encode(), kind, space, compact).write(
                h5py.h5s.ALL, h5py.h5s.ALL, values
            )
        file.create_dataset("words", data=["a", "bc"])  # of any length: not in the sidecar
    return path


@pytest.mark.parametrize("dialect", [2020, 2023])
def test_values_through_a_sidecar_equal_h5py(granule: Path, dialect: int) -> None:
    """What the sidecar does not say is walked, and equal all the same."""
    with GranuleFile(granule, options=Options(cache=None)) as walked:
        source, store = walked.source, walked._store
        sidecar = read_dmrpp(sidecar_of(granule, dialect=dialect), source)
        lost = {"/words"} if dialect == 2023 else {"/words", "/gt1l/heights/sparse"}
        assert set(sidecar.losses) == lost
        reader = GranuleFile._rebuild(store, walked.options, sidecar.index, "")
        paths = sorted(sidecar.index.arrays)
        values = reader.read([(path, None) for path in paths])
        assert reader.receipt.rounds == 1
        with h5py.File(granule) as file:
            for path, found in zip(paths, values, strict=True):
                expected = file[path][()]
                assert found.dtype == expected.dtype
                assert found.tobytes() == expected.tobytes(), path
            assert len(paths) + len(lost) == 11
            for path in lost:
                (found,) = reader.read([(path, None)])
                assert found.tolist() == file[path][()].tolist()
        index = sidecar.index
        assert index.arrays["/gt1l/heights/deflated"].attributes["units"] == "meters"
        assert index.arrays["/gt1l/heights/deflated"].dims == (("/gt1l/heights/delta_time",),)
        assert index.arrays["/gt1l/heights/delta_time"].is_scale


def one(body: str, *, chunks: str = 'byteOrder="LE"', dims: str = '<Dim size="8"/>') -> bytes:
    """A sidecar with one variable."""
    head = HEAD.format(version=' dmrpp:version="3.21"')
    place = f"<dmrpp:chunks {chunks}>{body}</dmrpp:chunks>"
    return f'{head}<Float32 name="x">{dims}{place}</Float32></Dataset>'.encode()


TWO = "<dmrpp:chunkDimensionSizes>4</dmrpp:chunkDimensionSizes>"
GOOD = TWO + "".join(
    f'<dmrpp:chunk offset="{place}" nBytes="16" chunkPositionInArray="[{at}]"/>'
    for place, at in ((100, 0), (200, 4))
)
LOST = {
    # what is wrong with the variable: sidecar, and the words that say so
    "past the end": (one(GOOD.replace('"200"', f'"{SIZE - 15}"')), "outside"),
    "size of 2**70": (one(GOOD.replace('"16"', f'"{2**70}"')), "no count"),
    "negative": (one(GOOD.replace('"200"', '"-200"')), "no count"),
    "one place twice": (one(GOOD.replace("[4]", "[0]")), "one place"),
    "between chunks": (one(GOOD.replace("[4]", "[3]")), "no place in its grid"),
    "beyond the grid": (one(GOOD.replace("[4]", "[8]")), "no place in its grid"),
    "of another rank": (one(GOOD.replace("[4]", "[0,4]")), "no place of a chunk"),
    "chunks of none": (one(GOOD.replace(">4<", ">0<")), "do not fit"),
    "chunks of 10**9": (one(GOOD.replace(">4<", ">1000000000<")), "too large"),
    "unknown filter": (one(GOOD, chunks='compressionType="zfp" byteOrder="LE"'), "filter zfp"),
    "no byte order": (one(GOOD, chunks=""), "order"),
    "a chunk elsewhere": (
        one(GOOD.replace('nBytes="16"', 'nBytes="16" href="file:///etc/passwd"')),
        "href",
    ),
    "blocks": (one(f'{GOOD}<dmrpp:block offset="1" nBytes="2"/>'), "block"),
    "no chunk, no fill": (one(TWO), "never written"),
    "chunks without number": (
        one(
            GOOD.replace(">4<", ">1 1<").replace("[0]", "[0,0]").replace("[4]", "[0,4]"),
            dims=f'<Dim size="{10**17}"/><Dim size="{10**17}"/>',
        ),
        "cannot be counted",
    ),
    "axes without end": (one(GOOD, dims='<Dim size="1"/>' * 70), "70 axes"),
    "not deflated and of another size": (one(GOOD.replace("16", "17")), "not of 16 bytes"),
    "perhaps stored without deflate": (
        one(GOOD, chunks='compressionType="deflate" byteOrder="LE"'),
        "stored without deflate",
    ),
    "a dimension of nothing": (one(GOOD, dims='<Dim name="/nowhere"/>'), "no dimension"),
}


@pytest.mark.parametrize("what", LOST)
def test_a_variable_that_is_not_sure_is_not_taken(what: str) -> None:
    """It is walked instead; a wrong place would be read and believed."""
    text, words = LOST[what]
    sidecar = read_dmrpp(text, HERE)
    assert "/x" not in sidecar.index.arrays
    assert words in sidecar.losses["/x"]
    assert not sidecar.index.knows("/x")


def test_the_sidecar_that_the_lies_are_made_of_is_good() -> None:
    """Else the table above would show nothing."""
    sidecar = read_dmrpp(one(GOOD), HERE)
    assert not sidecar.losses
    assert sidecar.index.knows("/x")


BOMB = (
    b'<?xml version="1.0"?><!DOCTYPE d [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
    b'<Dataset name="&b;"/>'
)
REFUSED = {
    "an entity bomb": (BOMB, FormatError, "document type"),
    "no XML": (b"\x89HDF\r\n\x1a\n", FormatError, "no XML"),
    "nothing": (b"", FormatError, "no XML"),
    "an encoding of its own": (
        one(GOOD).replace(b"ISO-8859-1", b"ISO-8859-x"),
        FormatError,
        "no XML",
    ),
    "cut short": (one(GOOD)[:-30], FormatError, "no XML"),
    "HTML": (b"<html><body>Sign in</body></html>", FormatError, "no DMR"),
    "a name with a slash": (one(GOOD).replace(b'"x"', b'"../x"'), FormatError, "names a member"),
    "a name twice": (
        one(GOOD).replace(b"</Dataset>", b'<Int8 name="x"/></Dataset>'),
        FormatError,
        "two members",
    ),
    "a dimension of 10**30": (
        one(GOOD).replace(b"<Float32", b'<Dimension name="d" size="1%030d"/><Float32' % 0),
        FormatError,
        "no count",
    ),
    "groups without end": (
        HEAD.format(version="").encode() + b'<Group name="g">' * 5000,
        LimitExceededError,
        "nested deeper",
    ),
    "flattened": (
        one(GOOD).replace(b"</Dataset>", b'<Attribute name="gt1l" type="Container"/></Dataset>'),
        UnsupportedError,
        "flattened",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_sidecar_that_is_none_is_refused(what: str) -> None:
    """Bounded, typed, and it says where."""
    text, error, words = REFUSED[what]
    with pytest.raises(error, match=words) as caught:
        read_dmrpp(text, HERE)
    assert caught.value.url == HERE.url


def test_size_and_number_of_chunks_are_bounded() -> None:
    """A sidecar of gigabytes is not begun."""
    with pytest.raises(LimitExceededError, match="bytes"):
        read_dmrpp(one(GOOD), HERE, Limits(metadata_bytes=100))
    with pytest.raises(LimitExceededError, match="more than 1 chunks"):
        read_dmrpp(one(GOOD), HERE, Limits(chunks=1))
