"""What a reader has to offer to be measured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from benchmarks.place import Place
from benchmarks.workload import Workload

__all__ = ["Peer"]


class Peer(Protocol):
    """One reader with one set of settings."""

    @property
    def title(self) -> str:
        """For the report."""
        ...

    @property
    def packages(self) -> tuple[str, ...]:
        """Distributions whose versions the report names."""
        ...

    @property
    def keeps_index(self) -> bool:
        """It is measured twice.

        With nothing known of the granule, and with what an earlier process kept in
        ``$CRYODATA_CACHE``.
        """
        ...

    def read(self, place: Place, workload: Workload) -> Mapping[str, Any]:
        """All arrays of the job in memory, by path as `Workload.paths` has them."""
        ...
