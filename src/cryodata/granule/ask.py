"""What a walk is asked for, and whether an index knows it already."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from cryodata.index import Index

__all__ = ["Ask"]

MOST_NOTES = 64
"""Questions about one structure whose answers are kept."""


@dataclass(frozen=True, slots=True)
class Ask:
    """What a walk is asked for; the attributes are the parameters of `GranuleFile.walk`."""

    paths: tuple[str, ...] | None
    shallow: tuple[str, ...] = ()
    missing_ok: bool = False
    dims: bool = True

    @classmethod
    def of(
        cls,
        paths: Iterable[str] | None,
        *,
        shallow: Iterable[str] = (),
        missing_ok: bool = False,
        dims: bool = True,
    ) -> Self:
        """The same from any iterables."""
        return cls(None if paths is None else tuple(paths), tuple(shallow), missing_ok, dims)

    def known_to(self, index: Index) -> bool:
        """Whether a walk would learn nothing; raises where it would find nothing."""
        if index.outline is None or self.paths is None:
            return self._known_to(index)
        notes = index.outline.alike  # granules of one structure give one answer
        key = ("known", self.paths, self.shallow, self.missing_ok, self.dims)
        if key not in notes:
            if len(notes) >= MOST_NOTES:
                notes.clear()
            notes[key] = self._known_to(index)
        return bool(notes[key])

    def _known_to(self, index: Index) -> bool:
        if self.paths is None:
            return index.complete
        known = all(index.knows(path, dims=self.dims) for path in self.paths)
        known = known and all(
            index.knows(path, below=False, dims=self.dims) for path in self.shallow
        )
        if known and not self.missing_ok:
            for path in (*self.paths, *self.shallow):
                resolved = index.resolve(path)
                if resolved not in index.groups:
                    index.array(resolved)
        return known
