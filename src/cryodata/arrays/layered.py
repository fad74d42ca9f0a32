"""Datasets without an axis of time, shown as one layer of an array that has one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cryodata.arrays.lazy import Reader, Wanted
from cryodata.read_plan import ReadPlan
from cryodata.types import AnyArray, Source

__all__ = ["OneLayer"]


@dataclass(frozen=True, slots=True, eq=False)
class OneLayer:
    """A granule whose datasets get a first axis of length 1.

    Attributes
    ----------
    file : Reader
    """

    file: Reader

    @property
    def source(self) -> Source:
        """The version of the object that is read."""
        return self.file.source

    @property
    def memory(self) -> int:
        """Bytes that the values of one read may take."""
        return self.file.memory

    def read(self, wanted: Wanted) -> list[AnyArray]:
        """Read slices of several datasets in one plan; the first of each counts layers."""
        blocks = self.file.read(_without_layer(wanted))
        return _with_layer(wanted, blocks)

    async def aread(self, wanted: Wanted) -> list[AnyArray]:
        """As `read`, without blocking the event loop."""
        blocks = await self.file.aread(_without_layer(wanted))
        return _with_layer(wanted, blocks)

    def select(self, paths: Iterable[str]) -> OneLayer:
        """The same granule, knowing these datasets only."""
        return OneLayer(self.file.select(paths))

    def price(self, wanted: Wanted) -> ReadPlan:
        """What `read` would fetch."""
        return self.file.price(_without_layer(wanted))


def _without_layer(wanted: Wanted) -> Wanted:
    return [(path, None if slices is None else slices[1:]) for path, slices in wanted]


def _with_layer(wanted: Wanted, blocks: Sequence[AnyArray]) -> list[AnyArray]:
    return [
        block[None] if slices is None else block[None][slices[0]]
        for block, (_, slices) in zip(blocks, wanted, strict=True)
    ]
