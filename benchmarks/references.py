"""References made, kept and searched: ``python -m benchmarks.references``.

One granule of ATL06 under many names, at in-region latency. Each library makes references to as
many as it can in the time that cryodata takes for all of them; its rate counts. Then the size of
what was made, and the time to find the granules of a small region among many.
"""

from __future__ import annotations

import argparse
import importlib
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import cryodata
from benchmarks.child import processor
from benchmarks.granules import make_granules
from benchmarks.many_granules import names
from benchmarks.results import add
from cryodata.earthdata.granule import Granule
from cryodata.formats import encode_apart
from cryodata.granule import GranuleFile
from cryodata.options import Options
from cryodata.references.catalogue import Row, rows_to_table
from cryodata.references.log import Log
from cryodata.references.shelf import Shelf
from cryodata.sandbox import cloud
from cryodata.store.folder import open_folder
from cryodata.types import Source

__all__ = ["main"]

GREENLAND = (-50.0, 69.1, -49.7, 69.3)
"""West, south, east, north of a glacier front, degrees."""
PROCESSES = 8
"""Of a peer that is run several times over: its threads wait for one lock."""
OWN_PROCESSES = 4
"""And of cryodata, which fills two cores with them."""

Options_ = dict[str, Any]


def kerchunk_one(url: str, options: Options_) -> bytes:
    """JSON. By the cache "first" of its documentation this takes minutes: blocks are kinder."""
    import fsspec
    from kerchunk.hdf import SingleHdf5ToZarr

    fs = fsspec.filesystem("s3", **options)
    with fs.open(url, "rb", cache_type="blockcache", block_size=1 << 20) as file:
        return json.dumps(SingleHdf5ToZarr(file, url, inline_threshold=0).translate()).encode()


def virtualizarr_one(url: str, options: Options_) -> bytes:
    """The manifests of all groups; nothing is written."""
    from obspec_utils.registry import ObjectStoreRegistry
    from obstore.store import S3Store
    from virtualizarr.parsers import HDFParser

    bucket = "/".join(url.split("/")[:3])
    kwargs = options.get("client_kwargs", {})
    store = S3Store(
        bucket.removeprefix("s3://"),
        endpoint=kwargs["endpoint_url"],
        region=kwargs.get("region_name", "us-west-2"),
        skip_signature=True,
        client_options={"allow_http": True},
    )
    registry = ObjectStoreRegistry({bucket: store})
    made = HDFParser()(url=url, registry=registry)
    return repr(made).encode()


IMPORTS = {
    "cryodata": ["cryodata", "obstore.store", "pyarrow.parquet"],
    "kerchunk": ["fsspec", "kerchunk.hdf", "s3fs"],
    "VirtualiZarr": ["obspec_utils.registry", "obstore.store", "virtualizarr.parsers"],
}
PEERS: dict[str, Callable[[str, Options_], bytes]] = {
    "kerchunk": kerchunk_one,
    "VirtualiZarr": virtualizarr_one,
}


def peer_rate(name: str, processes: int, urls: list[str], options: Options_, limit: float) -> float:
    """Granules a second, in so many processes, for `limit` seconds or one granule each."""
    one = PEERS[name]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        for warm in [pool.submit(_imports, name) for _ in range(4 * processes)]:
            warm.result()
        begin = time.perf_counter()
        waiting = iter(urls)
        running = {pool.submit(one, next(waiting), options) for _ in range(processes)}
        done = 0
        last = begin
        while running:
            finished = next(as_completed(running))
            running.remove(finished)
            finished.result()
            done += 1
            last = time.perf_counter()
            if last - begin < limit and (url := next(waiting, None)):
                running.add(pool.submit(one, url, options))
    return done / (last - begin)


def _imports(name: str) -> None:
    """What a process needs once, and is not counted."""
    for module in IMPORTS[name]:
        importlib.import_module(module)
    time.sleep(0.05)  # so that each process takes its share of these calls


def our_rate(urls: list[str], options: Options_, where: Path) -> tuple[float, float]:
    """Seconds of the whole build by threads, and of the processor."""
    cryodata.references.build(urls[:1], where / "warm", storage_options=options)
    cpu, begin = processor(), time.perf_counter()
    refs = cryodata.references.build(urls, where / "refs", storage_options=options, progress=False)
    assert len(refs) == len(urls)
    return time.perf_counter() - begin, processor() - cpu


def our_rate_by_processes(urls: list[str], options: Options_, where: Path) -> float:
    """Granules a second."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(OWN_PROCESSES, mp_context=context) as pool:
        for warm in [pool.submit(_imports, "cryodata") for _ in range(4 * OWN_PROCESSES)]:
            warm.result()
        begin = time.perf_counter()
        refs = cryodata.references.build(
            urls, where / "by-processes", parallel=pool, storage_options=options, progress=False
        )
        assert len(refs) == len(urls)
        return len(urls) / (time.perf_counter() - begin)


def size(folder: Path) -> int:
    """Bytes of all files."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def sizes(url: str, options: Options_, where: Path) -> Iterator[tuple[str, float]]:
    """Bytes a chunk of other forms, of one granule."""
    granule = GranuleFile(url, storage_options=options, options=Options(cache=None))
    index = granule.walk()
    chunks = _chunks(index)
    from cryodata.formats.kerchunk_out import kerchunk_references
    from cryodata.formats.kerchunk_parquet_out import kerchunk_parquet
    from cryodata.formats.zarr_tree import zarr_tree
    from cryodata.references.icechunk_out import write_icechunk

    tree = zarr_tree(index, lambda paths: granule.read([(path, None) for path in paths]))
    document, _ = kerchunk_references(tree)
    yield "kerchunk JSON", len(json.dumps(document).encode()) / chunks
    yield "kerchunk Parquet", sum(map(len, kerchunk_parquet(document).values())) / chunks
    write_icechunk([granule], where / "icechunk", on_unsupported="skip")
    yield "Icechunk", size(where / "icechunk") / chunks


def _chunks(index: Any) -> int:
    from cryodata.layout import Chunked

    storages = [array.storage for array in index.arrays.values()]
    return sum(len(storage.table) for storage in storages if isinstance(storage, Chunked))


def track(number: int) -> tuple[tuple[float, float], ...]:
    """An outline like that of a granule of ATL06 over Greenland; tracks 0.26 degrees apart."""
    west = -180 + 360 * ((number % 1387) * 0.377 % 1)
    lat = np.linspace(60, 80, 12)
    lon = west - (lat - 60) * 0.6
    lon = (lon + 180) % 360 - 180
    if np.abs(np.diff(lon)).max() > 180:  # not over the antimeridian, which takes two rings
        lon = np.full(12, 179.0)
    east = [(x + 0.1, y) for x, y in zip(lon[::-1], lat[::-1], strict=True)]
    ring = [(x - 0.1, y) for x, y in zip(lon, lat, strict=True)] + east
    return tuple((float(x), float(y)) for x, y in [*ring, ring[0]])


def many(granule: Path, count: int, where: Path) -> None:
    """References to many granules, each with an index of its own."""
    folder = open_folder(where)
    shelf = Shelf(folder)
    index = GranuleFile(granule, options=Options(cache=None)).walk()
    rows = []
    begin = np.datetime64("2019-01-01", "us")
    for number, name in enumerate(names(count)):
        source = Source(url=f"s3://bucket/{name}", size=index.source.size, etag=f'"{number}"')
        own, alike = shelf.put(encode_apart(replace(index, source=source)))
        start = begin + np.timedelta64(number * 90, "m")
        described = Granule(
            name=name,
            s3=source.url,
            size=source.size,
            start=start,
            end=start + np.timedelta64(6, "m"),
            footprint=(track(number),),
            product="ATL06",
            version="006",
        )
        rows.append(
            Row(
                key=source.url,
                granule=described,
                source=source,
                index=own,
                alike=alike,
                index_format=3,
                library=cryodata.__version__,
                arrays=len(index.arrays),
                chunks=_chunks(index),
                nbytes=source.size,
            )
        )
    Log(folder).commit(rows_to_table(rows))


OPENING = """
import sys, time, cryodata
from benchmarks.references import GREENLAND
where, first = sys.argv[1:]
options = {"anon": True}
cryodata.plan(first, storage_options=None)
begin = time.perf_counter()
refs = cryodata.references.open(where, allow="s3://bucket")
opened = time.perf_counter()
plan = cryodata.plan(refs, region=GREENLAND, storage_options=options)
print(opened - begin, time.perf_counter() - opened, len(refs), plan.granules)
"""


def main() -> None:
    """Measure, and print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.references", description=__doc__)
    parser.add_argument("--count", type=int, default=200, help="granules to index (200)")
    parser.add_argument("--many", type=int, default=10_000, help="granules to search (10,000)")
    parser.add_argument("--into", type=Path, help="file of results to add to")
    args = parser.parse_args()
    (granule,) = make_granules(["ATL06"])["ATL06"]
    with tempfile.TemporaryDirectory(prefix="cryodata-bench-") as temporary:
        place = Path(temporary)
        figures = {
            **made(granule, args.count, place),
            "searched": searched(granule, args.many, place),
            "among": args.many,
        }
    if args.into:
        add(args.into, "references", figures)


def made(granule: Path, count: int, place: Path) -> dict[str, Any]:
    """Rates and sizes of each library, printed as they are measured."""
    rates: dict[str, float] = {}
    per_chunk: dict[str, float] = {}
    with cloud("in_region", server="static", process=True) as sky:
        urls = [sky.put(granule, name) for name in names(count)]
        options = sky.storage_options
        seconds, cpu = our_rate(urls, options, place)
        chunks = sum(row.chunks for row in cryodata.references.open(place / "refs"))
        ours = rates["cryodata"] = count / seconds
        print(f"references to {count} granules of {granule.stat().st_size / 1e6:.0f} MB")
        print("                              granules/s   times slower")
        print(f"{'cryodata':30}{ours:10.2f}   ({seconds:.1f} s, processor {cpu:.1f} s)")
        label = f"cryodata, {OWN_PROCESSES} processes"
        rate = rates[label] = our_rate_by_processes(urls, options, place)
        print(f"{label:30}{rate:10.2f}{ours / rate:12.2f}")
        for name in PEERS:
            for processes in (1, PROCESSES):
                label = f"{name}, {processes} process{'es' if processes > 1 else ''}"
                rate = rates[label] = peer_rate(name, processes, urls, options, seconds)
                print(f"{label:30}{rate:10.3f}{ours / rate:12.1f}", flush=True)
        print(f"\nbytes on disk per chunk, {chunks // count} chunks a granule")
        per_chunk["cryodata, all files"] = size(place / "refs") / chunks
        per_chunk |= sizes(urls[0], options, place)
        for form, nbytes in per_chunk.items():
            print(f"{form:30}{nbytes:10.1f}")
    return {"count": count, "cpu": cpu, "granules_per_second": rates, "bytes_per_chunk": per_chunk}


def searched(granule: Path, count: int, place: Path) -> list[dict[str, float]]:
    """Opening references to many granules, and finding those of a region, in new processes."""
    where = place / "many"
    many(granule, count, where)
    print(f"\nopen and plan, a region of 12 x 22 km among {count} granules, s")
    print("      open      plan   granules   in the region")
    runs = []
    for _ in range(3):
        done = subprocess.run(
            [sys.executable, "-c", OPENING, str(where), str(granule)],
            check=True,
            capture_output=True,
            text=True,
            cwd=Path(__file__).parent.parent,
            env={**os.environ, "CRYODATA_CACHE": str(place / "cache")},
        )
        opened, planned, known, found = done.stdout.split()
        print(f"{float(opened):10.3f}{float(planned):10.3f}{known:>11}{found:>11}")
        runs.append({"open": float(opened), "plan": float(planned), "found": int(found)})
    return runs


if __name__ == "__main__":
    main()
