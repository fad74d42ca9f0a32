"""The demo: the same heights read in several ways, on a cloud of one's own."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from cryodata.sandbox.demo.archive import tell_archive
from cryodata.sandbox.demo.granules import find_real
from cryodata.sandbox.demo.picture import draw_profile
from cryodata.sandbox.demo.readers import OURS, READERS, Arrays, Reader, Wanted, open_ours
from cryodata.sandbox.demo.table import HEADING, Cost
from cryodata.sandbox.granules import atl06
from cryodata.sandbox.sky import Sky, cloud

__all__ = ["run_demo"]

SEGMENTS = 40_000
"""Rows of each beam of the synthetic granule, which then has 41 MB."""


def run_demo(picture: Path, *, segments: int = SEGMENTS, profile: str = "in_region") -> None:
    """Start a cloud, read from it in several ways, print what each cost, draw a profile.

    Parameters
    ----------
    picture : Path
        PNG file to write.
    segments : int
        Rows of each beam of the synthetic granule.
    profile : str
        Distance of the cloud, see `cryodata.sandbox.PROFILES`.

    Raises
    ------
    MissingDependencyError
        If an extra is not installed that the demo needs.
    """
    with (
        tempfile.TemporaryDirectory(prefix="cryodata-demo-") as name,
        _cache_in(Path(name) / "cache"),
        cloud(profile, seed=1, process=True) as sky,
    ):
        _practise(sky, atl06(name, segments=200, seed=2))
        _tell(sky, atl06(name, segments=segments, seed=1), picture)
        tell_archive(name, profile=profile)


@contextmanager
def _cache_in(folder: Path) -> Iterator[None]:
    """Begin without any index, and leave those of the user alone."""
    before = os.environ.get("CRYODATA_CACHE")
    os.environ["CRYODATA_CACHE"] = str(folder)
    try:
        yield
    finally:
        if before is None:
            del os.environ["CRYODATA_CACHE"]
        else:
            os.environ["CRYODATA_CACHE"] = before


def _practise(sky: Sky, path: Path) -> None:
    """Let every reader import what it needs before any clock runs."""
    wanted = _wanted(sky, path)
    sky.profile("none")
    for reader in READERS:
        reader.read(sky, wanted)
    sky.delete(wanted.url.removeprefix("s3://public/"))


def _tell(sky: Sky, synthetic: Path, picture: Path) -> None:
    print(
        f"A cloud of your own: S3 at {sky.url}, as far away as the real one is from a\n"
        "computer in its region. Requests, bytes and rounds (requests that had to wait for one\n"
        "another) are counted on the wire; seconds do not count imports."
    )
    real = find_real()
    for path in [synthetic, *real]:
        wanted = _wanted(sky, path)
        kind = "synthetic" if path == synthetic else "real"
        print(f"\n{path.name} ({kind}, {path.stat().st_size / 1e6:.1f} MB)")
        print(f"  {', '.join(wanted.variables)} of {wanted.beam}, read with")
        print(HEADING)
        _compare(sky, wanted)
    if not real:
        print("\nNo real granule here; CRYODATA_SHARED may name a folder that holds some.")
    title = "Land ice heights seen by ICESat-2" if real else "Land ice heights (synthetic)"
    with open_ours(sky, wanted) as dataset:
        print(f"\n{path.name}, lazily:\n{dataset}\n")
        draw_profile(dataset, title, f"{path.name}, beam {wanted.beam}", picture)
    print(f"An elevation profile is in {picture}")


def _wanted(sky: Sky, path: Path) -> Wanted:
    return Wanted(
        url=sky.put(path),
        beam="gt1l",
        group="land_ice_segments",
        variables=("h_li", "latitude", "longitude"),
    )


def _compare(sky: Sky, wanted: Wanted) -> None:
    """Print a line per reader, and how much faster than the others cryodata was."""
    seconds: dict[Reader, float] = {}
    first: Arrays | None = None
    for reader in READERS:
        sky.reset()
        start = time.perf_counter()
        arrays = reader.read(sky, wanted)
        seconds[reader] = time.perf_counter() - start
        first = first or arrays
        seen = sky.log.summary()
        cost = Cost(
            title=reader.title,
            requests=seen.requests,
            nbytes=seen.nbytes,
            rounds=seen.depth,
            seconds=seconds[reader],
            equal=_equal(arrays, first, wanted.variables),
        )
        print(cost, flush=True)
    for reader in READERS:
        if not reader.ours:
            times = seconds[reader] / seconds[OURS]
            print(f"  cryodata was {times:.{int(times < 10)}f} times as fast as {reader.title}")


def _equal(ours: Arrays, theirs: Arrays, names: Sequence[str]) -> bool:
    return all(
        ours[name].dtype == theirs[name].dtype
        and np.array_equal(ours[name], theirs[name], equal_nan=True)
        for name in names
    )
