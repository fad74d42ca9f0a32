"""Run the benchmarks and print their tables: ``python -m benchmarks``."""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Mapping
from itertools import groupby
from pathlib import Path
from types import MappingProxyType

from benchmarks.granules import make_granules, make_practice
from benchmarks.peers import PEERS
from benchmarks.ranking import not_first
from benchmarks.report import EXPLANATION, table
from benchmarks.results import FOLDER, add, amended, rows_of, save
from benchmarks.session import PATIENCE, Row, Scene, run_all
from benchmarks.workloads import WORKLOADS

PLACES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "in_region": (
            *("atl06_one_beam", "atl03_photons"),
            *("atl06_box", "atl03_box_paged", "atl06_twenty"),
        ),
        "out_of_region": ("atl06_box",),
        "local": ("atl06_six_beams", "atl03_box"),
    }
)
"""Which jobs are done where, if nothing else is said."""
FAR_PATIENCE = 6.0
"""A read out of region is given up after this many seconds."""
FEWER = 1
"""Runs out of region: what differs there is bytes and rounds, which do not scatter."""


def main() -> None:
    """Parse the command line, measure, print, save."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--workload", action="append", choices=WORKLOADS, help="default: all")
    parser.add_argument("--peer", action="append", choices=PEERS, help="default: all")
    parser.add_argument("--place", action="append", choices=PLACES, help="default: all")
    parser.add_argument("--repeat", type=int, default=3, help="most runs of each (default 3)")
    parser.add_argument(
        "--patience", type=float, default=PATIENCE, help=f"give up after (default {PATIENCE:.0f} s)"
    )
    parser.add_argument("--into", type=Path, default=FOLDER / "new.json", help="file of results")
    parser.add_argument(
        "--amend", action="store_true", help="only replace what is measured now in that file"
    )
    args = parser.parse_args()

    chosen = [WORKLOADS[name] for name in args.workload or WORKLOADS]
    names = {workload.granules for workload in chosen}
    granules, practice = make_granules(names), make_practice(names)
    rows: list[Row] = rows_of(json.loads(args.into.read_text("utf-8"))) if args.amend else []
    if not args.amend:
        args.into.unlink(missing_ok=True)
    begin = time.monotonic()
    for place in args.place or PLACES:
        far = place == "out_of_region"
        repeat = FEWER if far else args.repeat
        scene = Scene(
            granules=granules,
            practice=practice,
            profile="none" if place == "local" else place,
            local=place == "local",
            patience=min(args.patience, FAR_PATIENCE) if far else args.patience,
            seeds=tuple(range(1, repeat + 1)),
            say=lambda text: print(f"{time.strftime('%X')} {text}", flush=True),
        )
        here = [w for w in chosen if args.workload or w.name in PLACES[place]]
        if place == "local":
            here = [w for w in here if w.name in PLACES[place]]
        measured = run_all(scene, here, args.peer or PEERS)
        for name, mine in groupby(measured, lambda row: row.workload):
            done = list(mine)
            rows = amended(rows, done)
            save(rows, scene, args.into)  # what is done stays, should it be stopped
            print(f"\n{table(WORKLOADS[name], done)}\n", flush=True)
    print(EXPLANATION)
    print("\n".join(not_first(rows)) or "cryodata is first in every row")
    if not args.amend:
        add(args.into, "reads_took", round(time.monotonic() - begin))
    print(f"\nEverything measured: {os.path.relpath(args.into)}")


if __name__ == "__main__":
    main()
