"""Opening a thousand granules whose indexes are kept: ``python -m benchmarks.many_granules``.

One granule of ATL06 under many names, on a cloud without distance; its index is learnt once
and kept under each name. Then processes of their own open all of them, and say what it took.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
import warnings
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import cryodata
from benchmarks.child import forget_peak, peak, processor
from benchmarks.granules import make_granules
from benchmarks.results import add
from cryodata.formats import encode_index
from cryodata.sandbox import Sky, cloud

__all__ = ["Opened", "main", "measure"]

WORLD = (-180.0, -90.0, 180.0, 90.0)
FAR = (10.0, 1.0, 11.0, 2.0)
"""West, south, east, north, degrees: in the sea, where the granule is not."""
CASES = {"all": None, "far region": FAR}


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """What it took to open the granules.

    Attributes
    ----------
    seconds, cpu : float
        Of the call, and of the processor in all threads, s.
    memory : int
        Most memory above what the process held before, bytes.
    tracks, requests : int
        Tracks of the Dataset, requests that were sent.
    """

    seconds: float
    cpu: float
    memory: int
    tracks: int
    requests: int


def names(count: int) -> list[str]:
    """Names of granules of ATL06, each of another reference track or cycle."""
    return [
        f"ATL06_20190101000000_{number % 1387 + 1:04d}{number // 1387 + 1:02d}03_006_01.h5"
        for number in range(count)
    ]


def keep(sky: Sky, granule: Path, urls: list[str], folder: Path) -> None:
    """Put the granule in the cloud under each name, and keep its index for each."""
    for url in urls:
        sky.put(granule, url.rsplit("/", 1)[-1])
    with opened(urls[:1], folder, sky.storage_options, WORLD) as dataset:
        file = dataset.encoding["cryodata"].files[0]
        file.flush()
        cache = file.cache
        index = cache.load(urls[0])
    for url in urls[1:]:
        path = cache._path(url)
        path.write_bytes(encode_index(replace(index, source=replace(index.source, url=url))))
        path.chmod(0o600)


def opened(urls: list[str], folder: Path, storage_options: Any, region: Any) -> Any:
    """The granules as one Dataset."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that nothing is in the region
        return cryodata.open(
            urls,
            region=region,
            storage_options=storage_options,
            options=cryodata.Options(cache=folder),
        )


def measure(urls: list[str], folder: Path, storage_options: Any, region: Any) -> Opened:
    """Open one granule, so that imports do not count, then all."""
    opened(urls[:1], folder, storage_options, region).close()
    forget_peak()
    before, cpu, start = peak(), processor(), time.perf_counter()
    dataset = opened(urls, folder, storage_options, region)
    return Opened(
        seconds=time.perf_counter() - start,
        cpu=processor() - cpu,
        memory=peak() - before,
        tracks=dataset.sizes["track"],
        requests=dataset.cryo.receipt.requests,
    )


def main() -> None:
    """Measure each case in a process of its own, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.many_granules", description=__doc__)
    parser.add_argument("--count", type=int, default=1000, help="granules (default 1000)")
    parser.add_argument("--into", type=Path, help="file of results to add to")
    parser.add_argument("--job", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.job:
        sys.stdout.write(json.dumps(asdict(measure(**json.loads(args.job)))) + "\n")
        return
    (granule,) = make_granules(["ATL06"])["ATL06"]
    with (
        tempfile.TemporaryDirectory(prefix="cryodata-bench-") as temporary,
        cloud("none", server="static", process=True) as sky,
    ):
        folder = Path(temporary) / "cache"
        urls = [f"s3://public/{name}" for name in names(args.count)]
        keep(sky, granule, urls, folder)
        print(f"opening {args.count} granules of ATL06 whose indexes are kept")
        print("case            seconds   cpu s   peak MB   tracks   requests")
        costs = {}
        for case, region in CASES.items():
            options = sky.storage_options
            job = {"urls": urls, "folder": str(folder), "storage_options": options}
            command = [sys.executable, "-m", "benchmarks.many_granules", "--job"]
            done = subprocess.run(
                [*command, json.dumps({**job, "region": region})],
                check=True,
                capture_output=True,
                text=True,
                cwd=Path(__file__).parent.parent,
            )
            cost = Opened(**json.loads(done.stdout.splitlines()[-1]))
            costs[case] = asdict(cost)
            print(
                f"{case:14} {cost.seconds:8.2f}{cost.cpu:8.2f}{cost.memory / 1e6:10.0f}"
                f"{cost.tracks:9}{cost.requests:11}"
            )
        if args.into:
            add(args.into, "many_granules", {"count": args.count, "cases": costs})


if __name__ == "__main__":
    main()
