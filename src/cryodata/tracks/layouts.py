"""One dataset over many tracks: looked up in the index of its granule when it is touched."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any, overload

from cryodata.layout import ArrayLayout

__all__ = ["Layouts"]


class Layouts(Sequence[ArrayLayout | None]):
    """An `ArrayLayout` per track, or None where the track has no rows.

    Parameters
    ----------
    arrays : sequence of mapping
        Per track, the datasets of its granule by path.
    paths : sequence of (str or None)
        Per track, the path of the dataset.
    kinds : tuple of ArrayLayout
        One of each kind that is among them; alike are those with the same attributes, dtype,
        length of chunks, and axes after the first.
    """

    __slots__ = ("_arrays", "kinds", "paths")

    def __init__(
        self,
        arrays: Sequence[Mapping[str, ArrayLayout]],
        paths: Sequence[str | None],
        kinds: tuple[ArrayLayout, ...],
    ) -> None:
        self._arrays = arrays
        self.paths = paths
        self.kinds = kinds

    @classmethod
    def of(cls, layouts: Sequence[ArrayLayout | None]) -> Layouts:
        """Those of one granule."""
        if isinstance(layouts, Layouts):
            return layouts
        arrays = {layout.path: layout for layout in layouts if layout is not None}
        paths = [None if layout is None else layout.path for layout in layouts]
        return cls([arrays] * len(paths), paths, _kinds(arrays.values()))

    @classmethod
    def join(cls, several: Sequence[Layouts]) -> Layouts:
        """One after the other."""
        kinds = {id(one.kinds): one.kinds for one in several}
        arrays = [mapping for one in several for mapping in one._arrays]
        paths = [path for one in several for path in one.paths]
        return cls(arrays, paths, _kinds(chain.from_iterable(kinds.values())))

    def among(self, arrays: Sequence[Mapping[str, ArrayLayout]]) -> Layouts:
        """The same datasets of another granule, where they are of the same kinds."""
        return Layouts(arrays, self.paths, self.kinds)

    def take(self, numbers: Sequence[int]) -> Layouts:
        """Those of some of the tracks."""
        arrays = [self._arrays[number] for number in numbers]
        taken = Layouts(arrays, [self.paths[number] for number in numbers], self.kinds)
        if len(self.kinds) > 1 or not any(taken.paths):
            taken.kinds = _kinds(layout for layout in taken if layout is not None)
        return taken

    @overload
    def __getitem__(self, number: int) -> ArrayLayout | None: ...
    @overload
    def __getitem__(self, number: slice) -> Layouts: ...
    def __getitem__(self, number: int | slice) -> ArrayLayout | Layouts | None:
        if isinstance(number, slice):
            return self.take(range(len(self))[number])
        path = self.paths[number]
        return None if path is None else self._arrays[number][path]

    def __len__(self) -> int:
        return len(self.paths)


def _kinds(layouts: Iterable[ArrayLayout]) -> tuple[ArrayLayout, ...]:
    found: dict[Any, ArrayLayout] = {}
    for layout in layouts:
        kind = (id(layout.attributes), layout.dtype.str, layout.piece_shape[:1], layout.shape[1:])
        found.setdefault(kind, layout)
    return tuple(found.values())
