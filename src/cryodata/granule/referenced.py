"""A granule whose index somebody else has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from cryodata.index import Index

__all__ = ["Referenced"]


@dataclass(frozen=True, slots=True)
class Referenced:
    """A granule of references.

    Attributes
    ----------
    what : Granule or str
        What to open.
    name : str
        Of the data file.
    load : callable
        Gives its index, of whichever version was indexed, or None where there is none that can
        be used. Takes ``later``, as of `decode_index`; may raise `CryodataError`.
    """

    what: Any
    name: str
    load: Callable[[bool], Index | None] = field(compare=False, repr=False)

    def __str__(self) -> str:
        return self.name
