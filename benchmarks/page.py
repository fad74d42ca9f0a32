"""The measured part of docs/benchmarks.md, and its plots: ``python -m benchmarks.page FILE``.

The file of results goes into the repository, as ``benchmarks/results/docs.json``; the page and
the plots are made from it alone.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

from benchmarks.plots import draw
from benchmarks.ranking import not_first
from benchmarks.report import EXPLANATION, table
from benchmarks.results import FOLDER, rows_of
from benchmarks.scaling import Step, scaling_table
from benchmarks.workloads import WORKLOADS

__all__ = ["BEGIN", "DATA", "END", "IMAGES", "PAGE", "digest", "generated", "main", "put"]

DOCS = Path(__file__).parent.parent / "docs"
PAGE = DOCS / "benchmarks.md"
IMAGES = DOCS / "images"
DATA = FOLDER / "docs.json"
BEGIN = "<!-- from here to the other mark: written by python -m benchmarks.page -->"
END = "<!-- end of what benchmarks.page writes -->"
HEADINGS: Mapping[str, str] = {
    "in_region": "In region: 40 ms to the first byte, 85 MB/s per connection",
    "out_of_region": "Out of region: 180 ms, 12 MB/s per connection, 60 MB/s in all",
    "local": "Local files",
}


def digest(content: Mapping[str, Any]) -> str:
    """Names the results that a picture was drawn from."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def generated(content: Mapping[str, Any]) -> str:
    """What stands between the marks, without them."""
    machine = content["machine"]
    parts = [
        (
            f"Measured {content['when'][:10]} at commit {content['commit']}, "
            f"with Python {machine['python']} on {machine['cpus']} processors with "
            f"{machine['memory'] / 1e9:.0f} GB ({machine['system']}, {machine['processor']})."
        ),
        _granules(content),
    ]
    rows = rows_of(content)
    for place, here in groupby(rows, lambda row: row.place):
        parts.append(f"### {HEADINGS.get(place, place)}")
        for name, mine in groupby(here, lambda row: row.workload):
            done = list(mine)
            parts.append(f"![{WORKLOADS[name].title}](images/bench-{place}-{name}.svg)")
            parts.append(f"```text\n{table(WORKLOADS[name], done)}\n```")
    parts += [
        "### Where cryodata is not first",
        "Compared are right answers: cold with cold, and with its index kept with all others.",
        "```text\n" + ("\n".join(not_first(rows)) or "first in every row") + "\n```",
    ]
    if "scaling" in content:
        steps = [Step(**fields) for fields in content["scaling"]]
        parts += ["### How cost grows", "One run of each step, in region."]
        parts += [
            f"![Seconds by number of {axis}](images/bench-scaling-{axis}.svg)"
            for axis in dict.fromkeys(step.axis for step in steps)
        ]
        parts.append(f"```text\n{scaling_table(steps)}```")
    if "many_granules" in content:
        parts += ["### Opening granules whose indexes are kept", _many(content["many_granules"])]
    if "references" in content:
        parts += ["### References", _references(content["references"])]
    versions = ", ".join(f"{name} {number}" for name, number in content["versions"].items())
    parts.append(f"Versions: {versions}.")
    parts += ["### How to read the tables", f"```text\n{EXPLANATION}```"]
    return "\n\n".join(parts)


def _granules(content: Mapping[str, Any]) -> str:
    sizes = []
    for name, nbytes in content["granules"].items():
        each = " each" if len(nbytes) > 1 else ""
        sizes.append(f"{name} of {sum(nbytes) / len(nbytes) / 1e6:.0f} MB{each}")
    return f"Granules, synthetic, of release 006 but where 007 is said: {', '.join(sizes)}."


def _many(figures: Mapping[str, Any]) -> str:
    lines = [f"{figures['count']} granules of ATL06", f"{'region':12}{'seconds':>9}{'CPU s':>8}"]
    lines[1] += f"{'peak MB':>9}{'tracks':>8}{'requests':>10}"
    lines += [
        f"{case:12}{cost['seconds']:9.2f}{cost['cpu']:8.2f}{cost['memory'] / 1e6:9.0f}"
        f"{cost['tracks']:8}{cost['requests']:10}"
        for case, cost in figures["cases"].items()
    ]
    return "```text\n" + "\n".join(lines) + "\n```"


def _references(figures: Mapping[str, Any]) -> str:
    rates = figures["granules_per_second"]
    lines = [
        f"made of {figures['count']} granules of ATL06 of 61 MB",
        f"{'':30}{'granules/s':>11}{'times slower':>14}",
        *(f"{name:30}{rate:11.3f}{rates['cryodata'] / rate:14.1f}" for name, rate in rates.items()),
        "",
        f"{'bytes on disk':30}{'per chunk':>11}",
        *(f"{name:30}{nbytes:11.1f}" for name, nbytes in figures["bytes_per_chunk"].items()),
        "",
        f"a region of 12 x 22 km among {figures['among']:,} granules",
        f"{'open s':>8}{'plan s':>8}{'in the region':>15}",
        *(f"{r['open']:8.3f}{r['plan']:8.3f}{r['found']:15}" for r in figures["searched"]),
    ]
    return "```text\n" + "\n".join(lines) + "\n```"


def put(text: str, content: Mapping[str, Any]) -> str:
    """The page with its measured part made anew."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{generated(content)}\n\n{END}{after}"


def main() -> None:
    """Take over a file of results, and write page and plots."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.page", description=__doc__)
    parser.add_argument("results", type=Path, help="file that `make bench` wrote")
    args = parser.parse_args()
    text = args.results.read_text("utf-8")
    content = json.loads(text)
    FOLDER.mkdir(exist_ok=True)
    DATA.write_text(text, "utf-8")
    for old in IMAGES.glob("bench-*.svg"):
        old.unlink()
    draw(content, IMAGES, digest(content))
    PAGE.write_text(put(PAGE.read_text("utf-8"), content), "utf-8")


if __name__ == "__main__":
    main()
