"""The sidecar beside a granule: used where it checks out, and refused with the reason."""

from __future__ import annotations

import pickle
import random
import re
import warnings
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import cryodata as cd
from cryodata import references
from cryodata.earthdata.granule import Granule
from cryodata.errors import ConfigurationError, GranuleChangedError, UnknownVariableError
from cryodata.granule import GranuleFile, sidecar
from cryodata.granule.sidecar import SAMPLES
from cryodata.index import Index
from cryodata.layout import Chunked, Contiguous, Inline
from cryodata.options import Network, Options
from cryodata.sandbox import Sky, cloud
from cryodata.sandbox.granules import atl06
from tests.references.sidecars import sidecar_of

STEADY = Network(adapt=False, hedge=60)
"""No request is sent twice, however slow this machine is."""
USE = Options(sidecars="use", cache=None, network=STEADY)
WALK = replace(USE, sidecars="never")
HEIGHTS = "/gt1l/land_ice_segments/h_li"


@pytest.fixture
def sky() -> Iterator[Sky]:
    with cloud("none", server="static") as sky:
        yield sky


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """ATL06 of two beams: groups, scales, strings, compact and contiguous data."""
    folder = tmp_path_factory.mktemp("sidecar")
    return atl06(folder, segments=3000, seed=1, beams=("gt1l", "gt1r"))


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, with other values: chunks lie elsewhere."""
    return atl06(tmp_path_factory.mktemp("other"), segments=3000, seed=2, beams=("gt1l", "gt1r"))


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """A file of which a sidecar can tell everything."""
    path = tmp_path / "plain.h5"
    with h5py.File(path, "w") as file:
        group = file.create_group("g")
        for number in range(3):
            values = np.arange(5000.0) + number
            group.create_dataset(
                f"x{number}", data=values, chunks=(500,), compression="gzip", shuffle=True
            )
    return path


def put(sky: Sky, path: Path, text: bytes | Path | None = None, **changed: Any) -> Granule:
    """A granule as a catalogue lists it, with a sidecar beside it."""
    sky.put(path)
    sky.put(sidecar_of(path, dialect=2023) if text is None else text, f"{path.name}.dmrpp")
    url = sky.https(path.name)
    found = Granule(name=path.name, https=url, dmrpp=f"{url}.dmrpp", size=path.stat().st_size)
    return replace(found, **changed)


def to_sidecar(sky: Sky) -> int:
    """Requests for a sidecar, that the wire has seen."""
    return sum(entry.path.endswith(".dmrpp") for entry in sky.log)


def is_used(granule: GranuleFile) -> bool:
    assert granule.sidecar is not None
    return granule.sidecar.used


def check_places(told: Index, walked: Index) -> None:
    """The same variables, and the bytes of each in the same places."""
    assert told.complete
    assert told.arrays.keys() == walked.arrays.keys()
    assert told.groups.keys() == walked.groups.keys()
    for path, array in walked.arrays.items():
        found = told.arrays[path]
        assert (found.shape, found.dtype, found.dims) == (array.shape, array.dtype, array.dims)
        assert (found.chunk_shape, found.is_scale) == (array.chunk_shape, array.is_scale)
        match array.storage:
            case Chunked(table):
                assert isinstance(found.storage, Chunked)
                for name in ("numbers", "offsets", "nbytes", "masks"):
                    expected = getattr(table, name)
                    np.testing.assert_array_equal(getattr(found.storage.table, name), expected)
            case Contiguous():
                assert found.storage == array.storage
            case Inline(data):
                assert isinstance(found.storage, Inline)
                assert found.storage.data == data


def check_values(granule: GranuleFile, path: Path, names: list[str] | None = None) -> None:
    """Every value is the one that h5py reads."""
    with h5py.File(path) as file:
        if names is None:
            names = []
            file.visititems(lambda n, x: names.append(n) if isinstance(x, h5py.Dataset) else None)
        values = granule.read([(name, None) for name in names])
        for name, found in zip(names, values, strict=True):
            expected = file[name][()]
            assert np.asarray(found).tobytes() == np.asarray(expected).tobytes() or (
                found.tolist() == expected.tolist()
            ), name


def walked(sky: Sky, granule: Granule) -> Index:
    with GranuleFile(granule, options=WALK) as file:
        index = file.walk()
    sky.log.clear()
    return index


@pytest.mark.parametrize("dialect", [2020, 2023])
def test_a_sidecar_that_checks_out_is_the_structure(sky: Sky, real: Path, dialect: int) -> None:
    """One request for it; all places, and all values, are those of the granule."""
    granule = put(sky, real, sidecar_of(real, dialect=dialect))
    expected = walked(sky, granule)
    with GranuleFile(granule, options=USE) as file:
        index = file.walk()
        assert to_sidecar(sky) == 1
        check_places(index, expected)
        assert file.walk() is index
        assert is_used(file)
        assert file.sidecar is not None
        assert file.sidecar.url == granule.dmrpp
        assert {path.rpartition("/")[2] for path in file.sidecar.losses} >= {"release", "version"}
        check_values(file, real)
        assert to_sidecar(sky) == 1


def test_where_nothing_is_lost_it_is_one_request(sky: Sky, plain: Path) -> None:
    """And beside it the check: two ends of the granule at once with it, and then the samples."""
    granule = put(sky, plain)
    with GranuleFile(granule, options=USE) as file:
        file.walk()
        assert file.sidecar is not None
        assert not file.sidecar.losses
        check = [entry for entry in sky.log if not entry.path.endswith(".dmrpp")]
        assert to_sidecar(sky) == 1
        assert len(check) <= 2 + SAMPLES
        assert file.receipt.requests == len(sky.log)
        check_values(file, plain)


def test_nobody_asks_for_a_sidecar_unless_told(sky: Sky, real: Path) -> None:
    """It says less than the granule: whoever wants that says so."""
    granule = put(sky, real)
    for options in (Options(cache=None), WALK):
        with GranuleFile(granule, options=options) as file:
            file.walk()
            assert file.sidecar is None
    with GranuleFile(replace(granule, dmrpp=""), options=USE) as file:  # not guessed
        file.walk()
    with GranuleFile(granule.https, options=USE) as file:
        file.walk()
    assert to_sidecar(sky) == 0
    with pytest.raises(ConfigurationError, match="never, use"):
        Options(sidecars="auto")


def test_for_some_variables_the_granule_is_walked(sky: Sky, real: Path) -> None:
    """One group of it takes less than the sidecar of all."""
    granule = put(sky, real)
    with GranuleFile(granule, options=USE) as file:
        check_values(file, real, [HEIGHTS])
        file.walk(["/gt1r"])
        assert file.sidecar is None
    assert to_sidecar(sky) == 0


def test_options_for_one_host_are_not_shown_to_another(sky: Sky, plain: Path) -> None:
    """They may hold keys."""
    granule = put(sky, plain)
    options = {"headers": {"X-Key": "secret"}}
    same = GranuleFile(granule, options=USE, storage_options=options)
    assert same._where is not None
    changes: list[dict[str, Any]] = [
        {"dmrpp": "https://elsewhere.example/x.dmrpp"},
        {"s3": "s3://b/x.h5"},
    ]
    for changed in changes:
        found = sidecar.beside(
            replace(granule, **changed), storage_options=options, engine="auto", options=USE
        )
        assert found is None


def shifted(text: bytes, by: int) -> bytes:
    return re.sub(rb' offset="(\d+)"', lambda m: b' offset="%d"' % (int(m[1]) + by), text)


def nth(text: bytes, pattern: bytes, number: int, new: Callable[[re.Match[bytes]], bytes]) -> bytes:
    """`text` with the hit of that number replaced."""
    found = list(re.finditer(pattern, text))[number]
    return text[: found.start()] + new(found) + text[found.end() :]


CONTAINER = b'<Attribute name="g" type="Container"/>'
REFUSED: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    # what is wrong with it: how it is made of a good one, and the words that say so
    "nothing": (lambda _: b"", "no XML|XX"),
    "a page to sign in": (lambda _: b"<html><body>Sign in</body></html>", "no DMR"),
    "cut short": (lambda text: text[:-40], "no XML"),
    "a bomb": (
        lambda text: text.replace(b"<Dataset", b'<!DOCTYPE d [<!ENTITY a "a">]><Dataset', 1),
        "document type",
    ),
    "flattened": (
        lambda text: text.replace(
            b"</Dataset>", b'<Attribute name="g" type="Container"/></Dataset>'
        ),
        "flattened",
    ),
    "all a byte further": (lambda text: shifted(text, 1), "damaged|lies outside"),
    "past the end": (lambda text: shifted(text, 10**9), "lies outside"),
    "the last past the end": (
        lambda text: nth(text, rb' offset="\d+"', -1, lambda _: b' offset="999999999"'),
        "lies outside",
    ),
    "two share bytes": (
        lambda text: nth(text, rb' offset="\d+"', 3, lambda _: b' offset="%d"' % place(text, 5)),
        "share bytes",
    ),
    "of another type": (lambda text: text.replace(b"Float64", b"Float32"), "damaged|decoding"),
    "without a checksum": (
        lambda text: re.sub(rb' (compressionType|deflateLevel)="[^"]*"', b"", text),
        "not deflated",
    ),
}


def place(text: bytes, number: int) -> int:
    return int(re.findall(rb' offset="(\d+)"', text)[number])


@pytest.mark.parametrize("what", REFUSED)
def test_a_sidecar_that_does_not_check_out_is_not_used(sky: Sky, plain: Path, what: str) -> None:
    """The granule is walked, and one warning says why; it is asked for once."""
    change, words = REFUSED[what]
    granule = put(sky, plain, change(sidecar_of(plain, dialect=2023)))
    expected = walked(sky, granule)
    with GranuleFile(granule, options=USE) as file:
        with pytest.warns(UserWarning, match="sidecar is not used") as caught:
            index = file.walk()
        assert len(caught) == 1
        check_places(index, expected)
        assert file.sidecar is not None
        assert not file.sidecar.used
        assert re.search(words, file.sidecar.reason), file.sidecar.reason
        check_values(file, plain)
        file.walk()
        assert to_sidecar(sky) <= 3


def test_one_that_cannot_be_checked_is_not_used(sky: Sky, tmp_path: Path) -> None:
    """Bytes that carry no checksum may be any bytes."""
    path = tmp_path / "bare.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("x", data=np.arange(4000.0), chunks=(500,))
        file.create_dataset("y", data=np.arange(4000.0))
    with GranuleFile(put(sky, path), options=USE) as opened:
        with pytest.warns(UserWarning, match="carries a checksum"):
            opened.walk()
        check_values(opened, path)


def test_a_damaged_one_harms_nobody(sky: Sky, plain: Path) -> None:
    """Whatever becomes of its places: the granule is walked, or what is believed is right."""
    rng = random.Random(0)
    good = sidecar_of(plain, dialect=2023)
    places = [i for m in re.finditer(rb"<dmrpp:chunk [^>]*>", good) for i in range(*m.span())]
    for _ in range(60):
        text = bytearray(good)
        for _ in range(rng.choice((1, 1, 3))):
            text[rng.choice(places)] = rng.choice(b'0123456789<>"x ')
        granule = put(sky, plain, bytes(text))
        with GranuleFile(granule, options=USE) as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            file.walk()
            check_values(file, plain)


def test_the_sidecar_of_another_granule_is_not_used(sky: Sky, real: Path, other: Path) -> None:
    """All that it says is sound, and of another file."""
    granule = put(sky, real, sidecar_of(other, dialect=2023))
    with GranuleFile(granule, options=USE) as file:
        with pytest.warns(UserWarning, match="sidecar is not used"):
            file.walk()
        check_values(file, real)


def test_another_size_than_the_catalogue_says_is_not_used(sky: Sky, plain: Path) -> None:
    """Record, sidecar and granule may be of three revisions; rounded sizes are no lie."""
    granule = put(sky, plain)
    with GranuleFile(replace(granule, size=granule.size * 2), options=USE) as file:
        with pytest.warns(UserWarning, match="catalogue tells of a granule of"):
            file.walk()
        check_values(file, plain)
    for size in (0, round(granule.size * 1.004)):
        with GranuleFile(replace(granule, size=size), options=USE) as file:
            file.walk()
            assert is_used(file)


def test_one_that_is_missing_or_enormous_is_not_used(sky: Sky, plain: Path, tmp_path: Path) -> None:
    """Of 100 MB not more than one request's worth is fetched."""
    granule = put(sky, plain)
    enormous = tmp_path / "enormous"
    with enormous.open("wb") as file:
        file.truncate(100_000_000)
    granule = put(sky, plain, enormous)
    sky.log.clear()
    with GranuleFile(granule, options=USE) as opened:
        with pytest.warns(UserWarning, match="100000000 bytes, more than"):
            opened.walk()
        check_values(opened, plain)
    assert sum(e.nbytes for e in sky.log if e.path.endswith(".dmrpp")) <= STEADY.largest
    sky.delete(f"{plain.name}.dmrpp")
    with GranuleFile(granule, options=USE) as opened:
        with pytest.warns(UserWarning, match="sidecar is not used"):
            opened.walk()
        check_values(opened, plain)


def test_one_larger_than_a_request_is_fetched_in_parts(sky: Sky, plain: Path) -> None:
    """12 MB are real, for ATL03."""
    granule = put(sky, plain)
    size = len(sidecar_of(plain, dialect=2023))
    options = replace(USE, network=replace(STEADY, largest=size // 3))
    with GranuleFile(granule, options=options) as file:
        file.walk()
        assert is_used(file)
        assert to_sidecar(sky) == 4
        check_values(file, plain)


def test_a_wrong_chunk_that_was_not_sampled_is_noticed_when_read(sky: Sky, plain: Path) -> None:
    """Its checksum fails; then the granule is walked, and nobody gets an error."""
    text = sidecar_of(plain, dialect=2023)
    short = nth(text, rb'nBytes="(\d+)"', 1, lambda m: b'nBytes="%d"' % (int(m[1]) - 1))
    granule = put(sky, plain, short)
    with GranuleFile(granule, options=USE) as file:
        file.walk()
        assert is_used(file)
        part = pickle.loads(pickle.dumps(file.select(["/g/x0"])))
        with pytest.warns(UserWarning, match="sidecar is not used: .*x0"):
            check_values(file, plain)
        assert not is_used(file)
        with pytest.warns(UserWarning, match="sidecar is not used"):
            check_values(part, plain, ["/g/x0"])


def test_many_threads_that_meet_a_wrong_chunk_all_read_right(sky: Sky, plain: Path) -> None:
    """The first of them makes the reader forget the sidecar; the others have read by it, too."""
    text = sidecar_of(plain, dialect=2023)
    short = nth(text, rb'nBytes="(\d+)"', 1, lambda m: b'nBytes="%d"' % (int(m[1]) - 1))
    with GranuleFile(put(sky, plain, short), options=USE) as file:
        file.walk()
        assert is_used(file)
        with warnings.catch_warnings(), ThreadPoolExecutor(8) as pool:
            warnings.simplefilter("ignore")
            for job in [pool.submit(check_values, file, plain, ["g/x0"]) for _ in range(16)]:
                job.result()


def test_what_it_does_not_name_is_looked_for(sky: Sky, plain: Path) -> None:
    """Writers leave out types that they do not know; the granule has them."""
    text = re.sub(rb'<Float64 name="x1">.*?</Float64>\n', b"", sidecar_of(plain, dialect=2023))
    granule = put(sky, plain, text)
    with GranuleFile(granule, options=USE) as file:
        assert "/g/x1" not in file.walk().arrays
        check_values(file, plain)
        assert "/g/x1" in file.walk().arrays
        assert "/g/x1" in file.walk(["/g/x1"], missing_ok=True).arrays
        assert set(file.walk(["/g"]).arrays) == {"/g/x0", "/g/x1", "/g/x2"}
        with pytest.raises(UnknownVariableError):
            file.walk(["/g/x3"])
        assert is_used(file)


def test_what_it_names_and_the_granule_has_not_refuses_it(sky: Sky, plain: Path) -> None:
    """It was lost by the sidecar, looked for, and not found."""
    text = sidecar_of(plain, dialect=2023)
    text = text.replace(b"</Group>", b'<String name="word"><Dim size="2"/></String></Group>')
    granule = put(sky, plain, text)
    with GranuleFile(granule, options=USE) as file:
        with pytest.warns(UserWarning, match=r"does not have what it names \(/g/word\)"):
            file.walk()
        check_values(file, plain)


def test_chunks_that_may_have_skipped_a_filter_are_walked(sky: Sky, tmp_path: Path) -> None:
    """HDF5 leaves noise undeflated and says so in a mask, which no sidecar has."""
    path = tmp_path / "masked.h5"
    rng = np.random.default_rng(0)
    with h5py.File(path, "w") as file:
        file.create_dataset("smooth", data=np.arange(4000.0), chunks=(500,), compression="gzip")
        noise = file.create_dataset("noise", (1000,), "u1", chunks=(500,), compression="gzip")
        noise[:500] = 1
        noise.id.write_direct_chunk((500,), rng.bytes(500), filter_mask=1)
    granule = put(sky, path)
    with GranuleFile(granule, options=USE) as file:
        file.walk()
        assert file.sidecar is not None
        assert set(file.sidecar.losses) == {"/noise"}
        check_values(file, path)


def test_why_nobody_gets_it_unasked(sky: Sky, tmp_path: Path) -> None:
    """What no check can find, and no reader of sidecars: so they are used on request only.

    A mask may say that shuffle was left out, of a chunk that was deflated; types of attributes
    are told in the words of DAP.
    """
    path = tmp_path / "lies.h5"
    values = np.arange(1000, dtype="<i4")
    with h5py.File(path, "w") as file:
        settings = {"chunks": (500,), "compression": "gzip", "shuffle": True}
        dataset = file.create_dataset("x", data=values, **settings)
        dataset.id.write_direct_chunk((0,), zlib.compress(values[:500].tobytes()), filter_mask=1)
        dataset.attrs["flag"] = np.array([1], "i1")
        dataset.attrs["name"] = np.bytes_("heights")
    granule = put(sky, path)
    with GranuleFile(granule, options=USE) as file:
        told = file.walk().arrays["/x"]
        (found,) = file.read([("/x", None)])
        assert is_used(file)
        assert found.tolist() != values.tolist()
    with GranuleFile(granule, options=Options(cache=None)) as file:
        array = file.walk().arrays["/x"]
        (found,) = file.read([("/x", None)])
        assert found.tolist() == values.tolist()
    assert (np.shape(told.attributes["flag"]), np.shape(array.attributes["flag"])) == ((), (1,))
    assert (type(told.attributes["name"]), type(array.attributes["name"])) == (str, np.bytes_)


def test_it_is_not_kept_in_place_of_the_granule(sky: Sky, real: Path, tmp_path: Path) -> None:
    """Others, who do not want sidecars, find only what was read of the granule itself."""
    granule = put(sky, real)
    with GranuleFile(granule, options=replace(USE, cache=tmp_path)) as file:
        file.walk()
        check_values(file, real, [HEIGHTS])
        file.flush()
    with GranuleFile(granule, options=replace(WALK, cache=tmp_path)) as file:
        file.recall()
        kept = file._structure.index
        assert kept is not None
        assert HEIGHTS not in kept.arrays
        assert not kept.complete


def test_copies_know_what_it_said(sky: Sky, real: Path) -> None:
    """Workers of dask ask nobody again."""
    granule = put(sky, real)
    with GranuleFile(granule, options=USE) as file:
        before = pickle.loads(pickle.dumps(file))
        index = file.walk()
        sky.log.clear()
        after = pickle.loads(pickle.dumps(file))
        check_places(after.walk(), index)
        assert len(sky.log) == 0
        check_values(after, real)
        check_values(file.select([HEIGHTS]), real, [HEIGHTS])
        assert to_sidecar(sky) == 0
        check_places(before.walk(), index)
        assert to_sidecar(sky) == 1


def test_a_granule_replaced_since_is_noticed(sky: Sky, real: Path, other: Path) -> None:
    """What the sidecar says holds for one version, by its ETag."""
    granule = put(sky, real)
    with GranuleFile(granule, options=USE) as file:
        file.walk()
        file.let_go()
        sky.put(other, real.name)
        with pytest.raises(GranuleChangedError):
            file.read([(HEIGHTS, None)])


def test_references_and_trees_are_made_of_it(sky: Sky, real: Path, tmp_path: Path) -> None:
    """They ask for the whole granule: for each one request for its structure."""
    granule = put(sky, real)
    made = references.build([granule], tmp_path / "refs", options=USE, progress=False)
    assert to_sidecar(sky) == 1
    sky.log.clear()
    tree = cd.open_tree(granule, options=USE)
    assert to_sidecar(sky) == 1
    expected = cd.open_tree(real)
    assert {node.path for node in tree.subtree} == {node.path for node in expected.subtree}
    with h5py.File(real) as file:
        values = file[HEIGHTS][()]
    fill = float(np.finfo(np.float32).max)
    found = tree["gt1l/land_ice_segments/h_li"].values
    np.testing.assert_array_equal(found, np.where(values == fill, np.nan, values))
    sky.log.clear()
    (again,) = made.granules()
    with GranuleFile(again, options=WALK) as opened:
        check_values(opened, real, [HEIGHTS])
        assert opened.receipt.rounds == 1  # its structure was known
    ds = cd.open(made, variables="h_li", beams="gt1l", options=WALK)
    np.testing.assert_array_equal(
        ds.h_li, cd.open(real, variables="h_li", beams="gt1l", options=WALK).h_li
    )
    assert to_sidecar(sky) == 0


def test_without_a_warning_where_all_is_well(sky: Sky, real: Path) -> None:
    """Losses were read from the granule: there is nothing to warn of."""
    granule = put(sky, real)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with GranuleFile(granule, options=USE) as file:
            check_values(file, real)
            file.walk()
