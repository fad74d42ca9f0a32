"""Run the benchmarks and print their tables: ``python -m benchmarks``."""

from __future__ import annotations

import argparse
import os
from itertools import groupby
from pathlib import Path

from benchmarks.granules import make_granules, make_practice
from benchmarks.peers import PEERS
from benchmarks.report import save, table
from benchmarks.session import PATIENCE, Row, Scene, run_all
from benchmarks.workloads import WORKLOADS

RESULTS = Path(__file__).parent / "results"
EXPLANATION = """\
seconds: median from the call to arrays in memory, and the range of all runs; a reader that
  takes longer than 8 s runs once, and one that takes longer than --patience is given up
requests, MB, rounds: what the wire saw in the median run; rounds are requests that waited
  for one another
first byte: median and 99th percentile on the wire, which is told 40 ms; "wire late" marks runs
  in which this machine could not keep that up
peak MB: most memory above what the process held before, the arrays included
scaled: read of that many granules only; all figures but peak MB and first byte are multiplied
last column: seconds over those of cryodata, cold / with its index kept
"""


def main() -> None:
    """Parse the command line, measure, print, save."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--workload", action="append", choices=WORKLOADS, help="default: all")
    parser.add_argument("--peer", action="append", choices=PEERS, help="default: all")
    parser.add_argument("--repeat", type=int, default=3, help="runs of each (default 3)")
    parser.add_argument(
        "--patience", type=float, default=PATIENCE, help=f"give up after (default {PATIENCE:.0f} s)"
    )
    parser.add_argument("--profile", default="in_region", help="distance (default in_region)")
    args = parser.parse_args()

    workloads = [WORKLOADS[name] for name in args.workload or WORKLOADS]
    names = {workload.granules for workload in workloads}
    scene = Scene(
        granules=make_granules(names),
        practice=make_practice(names),
        profile=args.profile,
        patience=args.patience,
        seeds=tuple(range(1, args.repeat + 1)),
        say=lambda text: print(f"... {text}", flush=True),
    )
    rows: list[Row] = []
    measured = run_all(scene, workloads, args.peer or PEERS)
    for name, mine in groupby(measured, lambda row: row.workload):
        done = list(mine)
        rows += done
        print(f"\n{table(WORKLOADS[name], done)}\n", flush=True)
    print(EXPLANATION)
    print(f"Everything measured: {os.path.relpath(save(rows, scene, RESULTS))}")


if __name__ == "__main__":
    main()
