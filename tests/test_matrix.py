"""Every structure, layout, filter and type HDF5 has, read by cryodata and by h5py."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

import h5py
import numpy as np
import pytest

from cryodata.errors import UnsupportedError
from cryodata.granule import GranuleFile
from cryodata.options import Options
from cryodata.sandbox import Sky, cloud
from tests.matrix import attributes, dtypes, files, fills, filters, groups, layouts, refused
from tests.matrix.case import Case, rng_of
from tests.snapshot import Refused, differences, seen_by_cryodata, seen_by_h5py

CASES = [
    case
    for part in (layouts, filters, dtypes, fills, attributes, groups, files, refused)
    for case in part.CASES
]
NO_CACHE = Options(cache=None)
NAMED = {case.name: case for case in CASES}

REFUSED: Mapping[str, Mapping[str, str]] = {
    # case (without its libver): path of what is refused, and the words that say why
    "refused/virtual": {"/virtual": "virtual dataset"},
    "refused/external": {"/outside": "external files"},
    "refused/filter": {"/written": "filter 511"},
    "filter/scaleoffset": {"/ramp": "scaleoffset", "/noise": "scaleoffset"},
    "filter/nbit": {"/ramp": "nbit", "/noise": "nbit"},
    "filter/szip": {"/ramp": "szip", "/noise": "szip"},
    "dtype/odd-precision": {
        "/twelve bits": "12-bit integer",
        "/three bytes": "integer in 3 bytes",
        "/long double": "80-bit floating point",
    },
    "dtype/times": {"/time": "type time"},
    "dtype/references": {
        "/objects": "object reference",
        "/regions": "region reference",
        "/pairs": "object reference",
    },
    "dtype/texts-in-compound": {
        "/table": "member of type vlen string",
        "/nested": "Sequences of vlen string",
        "/@row": "member of type vlen string",
    },
}
"""Everything that is not read. What is in no row here must be equal to what h5py reads."""


def refusals(case: Case) -> Mapping[str, str]:
    part, what = case.name.split("/")[:2]
    return REFUSED.get(f"{part}/{what}", {})


@pytest.fixture(params=CASES, ids=lambda case: case.name)
def case(request: pytest.FixtureRequest) -> Case:
    chosen: Case = request.param
    return chosen


@pytest.fixture
def path(case: Case, tmp_path: Path) -> Path:
    place = tmp_path / "case.h5"
    case.make(place)
    return place


@pytest.mark.parametrize("name", ["file/user-block-2048/latest", "file/user-block-2048/earliest"])
def test_texts_by_a_kept_index(name: str, tmp_path: Path) -> None:
    """Where addresses begin is in no index: whoever follows one asks the file."""
    path = tmp_path / "case.h5"
    NAMED[name].make(path)
    with h5py.File(path) as file:
        stored = file["text"][()]
    for _ in range(2):
        with GranuleFile(path, options=Options(cache=tmp_path / "cache")) as granule:
            (found,) = granule.read([("/text", None)])
            assert found.item() == stored
            granule.flush()


def test_equal_to_h5py(case: Case, path: Path) -> None:
    """A structure misread here is a wrong value, a lost variable or a lost attribute there."""
    with h5py.File(path) as file:
        theirs = seen_by_h5py(file)
    with GranuleFile(path, options=NO_CACHE) as granule:
        ours = seen_by_cryodata(granule)
    for place, reason in refusals(case).items():
        seen = ours.pop(place)
        theirs.pop(place)
        assert isinstance(seen, Refused), f"{place} is read: take it out of the table"
        assert reason in seen.what
    assert not differences(ours, theirs)


@pytest.fixture(scope="module")
def sky() -> Iterator[Sky]:
    with cloud("none") as running:
        yield running


@pytest.mark.parametrize("turn", [0, pytest.param(1, marks=pytest.mark.soak)])
def test_equal_over_the_network(case: Case, path: Path, sky: Sky, turn: int) -> None:
    """A structure whose bytes come in pieces, in any order, is the same structure."""
    with h5py.File(path) as file:
        theirs = seen_by_h5py(file)
    key = quote(case.name, safe="").replace("%", "-")
    url = sky.put(path, key)
    ways = (sky.https(key), None), (url, sky.storage_options)
    # https or S3 in turn every time, the other at leisure
    where, options = ways[(case.name.endswith("/latest") + turn) % 2]
    with GranuleFile(where, options=NO_CACHE, storage_options=options) as granule:
        ours = seen_by_cryodata(granule)
    for place in refusals(case):
        del ours[place], theirs[place]
    assert not differences(ours, theirs), where


SLICED = [case for case in CASES if case.name.split("/")[0] in {"layout", "filter", "dtype"}]


@pytest.mark.parametrize("case", SLICED, ids=lambda case: case.name)
def test_slices_equal_to_numpy(case: Case, path: Path) -> None:
    """A slice that is off by one row, or takes the wrong chunk, would be plausible and wrong."""
    rng = rng_of(case.name)
    wanted = []
    with h5py.File(path) as file:
        for name in sorted(file):
            thing = file[name]
            if f"/{name}" not in refusals(case) and isinstance(thing, h5py.Dataset) and thing.shape:
                whole = thing[()]
                axes = thing.ndim
                for _ in range(3):
                    cut = tuple(random_slice(rng, n) for n in thing.shape)
                    wanted.append((f"/{name}", cut + (slice(None),) * (whole.ndim - axes), whole))
    with GranuleFile(path, options=NO_CACHE) as granule:
        arrays = granule.read([(name, cut) for name, cut, _ in wanted])
    for array, (name, cut, whole) in zip(arrays, wanted, strict=True):
        expected = whole[cut]
        assert array.shape == expected.shape, (name, cut)
        if whole.dtype.hasobject:
            assert all(
                np.array_equal(a, b) for a, b in zip(array.flat, expected.flat, strict=True)
            ), (name, cut)
        elif whole.dtype.names is None:
            assert array.tobytes() == expected.tobytes(), (name, cut)


def random_slice(rng: np.random.Generator, size: int) -> slice:
    """Any slice with a step of 1 to 4, sometimes empty, sometimes everything."""
    start, stop = sorted(int(i) for i in rng.integers(0, size + 1, 2))
    return slice(start, stop, int(rng.integers(1, 5))) if rng.integers(8) else slice(None)


REFUSING = [case for case in CASES if refusals(case) and case.name.startswith(("dtype", "refused"))]


@pytest.mark.parametrize("case", REFUSING, ids=lambda case: case.name)
def test_refusals_do_not_reach_further(case: Case, path: Path) -> None:
    """One variable that cannot be read must not take the rest of the file with it."""
    with GranuleFile(path, options=NO_CACHE) as granule:
        index = granule.walk()
        with h5py.File(path) as file:
            for place in refusals(case):
                if "@" in place:
                    continue
                if place not in {"/time", "/three bytes"}:  # h5py cannot open these at all
                    assert index.array(place).shape == file[place].shape
                with pytest.raises(UnsupportedError, match=place):
                    granule.read([(place, None)])
            fine = "target" if "target" in file else "fine"
            assert np.array_equal(granule.read([(fine, None)])[0], file[fine][()])


STRUCTURES = {
    # signature: a case that holds it, and how often at least
    b"TREE": ("layout/deep-tree/earliest", 300),
    b"SNOD": ("groups/3000/earliest", 300),
    b"HEAP": ("groups/hard/earliest", 2),
    b"GCOL": ("dtype/vlen-strings/earliest", 3),
    b"OHDR": ("groups/hard/v108", 100),
    b"OCHK": ("attributes/late/v108", 6),
    b"FRHP": ("attributes/9/v108", 2),
    b"FHDB": ("groups/3000/v108", 10),
    b"FHIB": ("attributes/mixed-sizes/latest", 2),
    b"BTHD": ("groups/400/latest", 1),
    b"BTIN": ("layout/deep-tree/latest", 2),
    b"BTLF": ("layout/growing-both-800/latest", 5),
    b"FAHD": ("layout/fixed/latest", 1),
    b"FADB": ("layout/fixed-paged/latest", 1),
    b"EAHD": ("layout/growing-3/latest", 1),
    b"EAIB": ("layout/growing-3/latest", 1),
    b"EADB": ("layout/growing-3000/latest", 8),
    b"EASB": ("layout/growing-3000/latest", 2),
}


@pytest.mark.parametrize("signature", STRUCTURES)
def test_matrix_holds_every_structure(signature: bytes, tmp_path: Path) -> None:
    """A newer HDF5 may write other structures: the matrix would test less than it says."""
    name, least = STRUCTURES[signature]
    place = tmp_path / "case.h5"
    NAMED[name].make(place)
    assert place.read_bytes().count(signature) >= least


def test_big_endian_sequences(tmp_path: Path) -> None:
    """h5py gives these with their bytes swapped, so the matrix cannot compare them."""
    rows = np.empty(2, object)
    rows[:] = [np.array([1.5, 2.5], ">f8"), np.array([], ">f8")]
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.create_dataset("x", data=rows, dtype=h5py.vlen_dtype(np.dtype(">f8")))
    with GranuleFile(tmp_path / "x.h5", options=NO_CACHE) as granule:
        (values,) = granule.read([("x", None)])
    assert [value.tolist() for value in values] == [[1.5, 2.5], []]


def test_opaque_with_a_tag(tmp_path: Path) -> None:
    """h5py refuses opaque values with a tag of their own; their bytes are there nevertheless."""
    raw = np.arange(24, dtype="u1").view("V6")
    kind = h5py.h5t.create(h5py.h5t.OPAQUE, 6)
    kind.set_tag(b"somebody's blob")
    with h5py.File(tmp_path / "x.h5", "w") as file:
        made = h5py.h5d.create(file.id, b"x", kind, h5py.h5s.create_simple((4,)))
        made.write(h5py.h5s.ALL, h5py.h5s.ALL, raw, mtype=kind)
    with GranuleFile(tmp_path / "x.h5", options=NO_CACHE) as granule:
        (values,) = granule.read([("x", None)])
    assert values.tobytes() == raw.tobytes()
