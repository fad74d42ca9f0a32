"""A granule that changes under a reader: an error, never old, new or mixed values."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from cryodata.errors import ChunkCorruptError, CryodataError, GranuleChangedError, NotFoundError
from cryodata.options import Network
from cryodata.sandbox import Fault, Sky
from cryodata.types import AnyArray
from tests.cloud.conftest import Open

ROWS = 40_000
SEVERAL = Network(largest=20_000, latency=1e-4)
"""Many short requests, so that a change can fall between any two of them."""


def version(folder: Path, number: int) -> tuple[Path, AnyArray]:
    """A file whose size and structure are the same for every number, but not its values."""
    values = np.random.default_rng(number).integers(0, 256, ROWS).astype("u1")
    path = folder / f"{number}.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("x", data=values, chunks=(1_000,))
        file.create_dataset("filler", data=np.zeros(2_000_000, "u1"))
    return path, values


@pytest.fixture
def versions(tmp_path: Path) -> list[tuple[Path, AnyArray]]:
    made = [version(tmp_path, number) for number in range(2)]
    assert len({path.stat().st_size for path, _ in made}) == 1
    return made


def test_a_change_between_index_and_read(
    sky: Sky, open_url: Open, versions: list[tuple[Path, AnyArray]], tmp_path: Path
) -> None:
    """Chunks of the new version at the old places would be silent nonsense."""
    (old, _), (new, values) = versions
    url = sky.put(old, "x.h5")
    cache = tmp_path / "cache"
    with open_url(url, cache=cache) as granule:
        granule.walk(["x"])
        granule.flush()
        sky.put(new, "x.h5")
        with pytest.raises(GranuleChangedError, match="another version") as caught:
            granule.read([("filler", None), ("x", None)])
        assert caught.value.url == url
    with open_url(url, cache=cache) as again:  # what was kept of the old version is gone
        np.testing.assert_array_equal(again.read([("x", None)])[0], values)
        again.flush()


def test_an_index_kept_of_an_older_version(
    sky: Sky, open_url: Open, versions: list[tuple[Path, AnyArray]], tmp_path: Path
) -> None:
    """Nobody has seen the old structure yet: it is read anew, without a word."""
    (old, _), (new, values) = versions
    url = sky.put(old, "x.h5")
    cache = tmp_path / "cache"
    with open_url(url, cache=cache) as granule:
        granule.walk()
        granule.flush()
    sky.put(new, "x.h5")
    with open_url(url, cache=cache) as later:
        filler, x = later.read([("filler", None), ("x", None)])
    np.testing.assert_array_equal(x, values)
    assert not filler.any()


def test_values_of_two_versions_never_come_from_one_reader(
    sky: Sky, open_url: Open, versions: list[tuple[Path, AnyArray]], tmp_path: Path
) -> None:
    """Once values were given out, a kept index may not be replaced without a word."""
    (old, values), (new, _) = versions
    url = sky.put(old, "x.h5")
    cache = tmp_path / "cache"
    with open_url(url, cache=cache) as granule:
        granule.walk()
        granule.flush()
    with open_url(url, cache=cache) as later:
        np.testing.assert_array_equal(later.read([("x", None)])[0], values)
        sky.put(new, "x.h5")
        with pytest.raises(GranuleChangedError):
            later.read([("x", None)])


def race(
    sky: Sky,
    open_url: Callable[..., object],
    versions: list[tuple[Path, AnyArray]],
    seed: int,
) -> None:
    """Replace the granule after some number of its requests, while it is read."""
    chance = random.Random(seed)
    first = chance.randrange(2)
    sky.put(versions[first][0], "x.h5")
    skip = chance.randrange(50)
    rule = sky.fault(
        Fault("call", call=lambda _: sky.put(versions[1 - first][0], "x.h5")),
        path="x.h5",
        skip=skip,
        times=1,
    )
    granule = open_url("s3://public/x.h5", network=SEVERAL)
    try:
        (values,) = granule.read([("x", None)])  # type: ignore[attr-defined]
    except GranuleChangedError:
        assert sky.fired(rule)
    else:
        # changed before the first request was answered, it is the new version, and all of it
        seen = first if skip > 1 or np.array_equal(values, versions[first][1]) else 1 - first
        np.testing.assert_array_equal(values, versions[seen][1])
    finally:
        granule.close()  # type: ignore[attr-defined]


def test_changes_during_a_read(
    sky: Sky, open_url: Open, versions: list[tuple[Path, AnyArray]]
) -> None:
    """Between two chunks, between the two ends, between walk and read: never mixed."""
    sky.profile("none")
    for seed in range(40):
        race(sky, open_url, versions, seed)
        sky.reset()
        sky.profile("none")


@pytest.mark.soak
def test_a_thousand_races(sky: Sky, open_url: Open, versions: list[tuple[Path, AnyArray]]) -> None:
    """The count promised: 1,000 races, no mixed or stale value."""
    sky.profile("none")
    for seed in range(1_000):
        race(sky, open_url, versions, seed)
        sky.reset()
        sky.profile("none")


def test_a_granule_that_disappears(
    sky: Sky, open_url: Open, versions: list[tuple[Path, AnyArray]]
) -> None:
    """A chunk that answers 404 was deleted; only the index can say that it never was."""
    url = sky.put(versions[0][0], "x.h5")
    with open_url(url) as granule:
        granule.walk(["x"])
        sky.delete("x.h5")
        with pytest.raises(NotFoundError):
            granule.read([("filler", None)])


def test_a_missing_granule_is_not_an_empty_one(sky: Sky, open_url: Open) -> None:
    """404 at open names the URL, at once."""
    with open_url("s3://public/nothing.h5") as granule, pytest.raises(NotFoundError) as caught:
        granule.walk()
    assert caught.value.url == "s3://public/nothing.h5"


@pytest.mark.parametrize("times", [1, None])
def test_a_corrupt_chunk_is_fetched_once_more(
    sky: Sky, open_url: Open, tmp_path: Path, times: int | None
) -> None:
    """A flipped byte on the way heals; one that stays is named, with its bytes."""
    values = np.arange(400_000, dtype="f4")
    path = tmp_path / "c.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("filler", data=np.zeros(6_000_000, "u1"))
        file.create_dataset("x", data=values, chunks=(200_000,), compression=1)
        chunk = file["x"].id.get_chunk_info(0)
    url = sky.put(path)
    with open_url(url) as granule:
        known = granule.walk(["x"]).array("x")
        assert known.storage is not None
    inside = rf"bytes={chunk.byte_offset}-"
    with open_url(url) as granule:
        granule.walk(["x"])
        count = sky.log.summary().requests
        sky.fault(Fault("corrupt", at=100), path="c.h5", times=times)
        if times:
            np.testing.assert_array_equal(granule.read([("x", None)])[0], values)
        else:
            with pytest.raises(ChunkCorruptError) as caught:
                granule.read([("x", None)])
            assert caught.value.path == "/x"
            assert caught.value.start is not None
            assert caught.value.url == url
        again = [e for e in sky.log.entries[count:] if e.range.startswith(inside)]
        assert len(again) == 2


def test_errors_of_the_reader_survive_pickling(sky: Sky, open_url: Open) -> None:
    """Workers send them back; one that does not pickle hides what went wrong."""
    import pickle

    with open_url("s3://public/nothing.h5") as granule, pytest.raises(CryodataError) as caught:
        granule.walk()
    again = pickle.loads(pickle.dumps(caught.value))
    assert type(again) is type(caught.value)
    assert str(again) == str(caught.value)
