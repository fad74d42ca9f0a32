"""cryodata through references: built by the job, or found, as somebody shared them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cryodata
from benchmarks.kept import kept_file
from benchmarks.peer import Peer
from benchmarks.peers.cut.cryodata import read_cut
from benchmarks.peers.whole.cryodata import read_whole
from benchmarks.place import Target
from benchmarks.workload import Workload

__all__ = ["PEER"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """``cryodata.references.build`` the first time; ``cryodata.references.open`` afterwards.

    Building walks all of each granule, not only what the job wants. Nothing else is kept: who
    opens references that another made has no index of the granules.
    """

    title: str = "cryodata, references"
    packages: tuple[str, ...] = ("cryodata-earth", "obstore", "deflate", "numpy", "pyarrow")
    keeps: str = "references"
    most: int = 0

    def read(self, target: Target, workload: Workload) -> Mapping[str, Any]:
        """Make or find the references, then open them in place of the granules."""
        place = target.places[0]
        where = kept_file(place, f"{len(target.places)}.references")
        own = cryodata.Options(cache=None)
        if where.exists():
            references = cryodata.references.open(where, allow=f"s3://{place.bucket}", options=own)
        else:
            references = cryodata.references.build(
                [one.s3 for one in target.places],
                where,
                storage_options=target.storage_options,
                progress=False,
                options=own,
            )
        read = read_cut if target.box else read_whole
        return read(references, target, workload, own)


PEER: Peer = Shared()
