"""Where a Dataset comes from: the granules it reads, and those that were left out."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

from cryodata.errors import CryodataError
from cryodata.granule import GranuleFile

__all__ = ["Provenance", "Skipped"]


@dataclass(frozen=True, slots=True)
class Skipped:
    """A granule that could not be opened.

    Attributes
    ----------
    url : str
        Without query string or credentials.
    error : CryodataError
        Why.
    """

    url: str
    error: CryodataError

    def __str__(self) -> str:
        return f"{self.url.rsplit('/', 1)[-1]}: {type(self.error).__name__}: {self.error.what}"


@dataclass(frozen=True, slots=True)
class Provenance:
    """Kept in the encoding of a Dataset, for `ds.cryo`.

    Attributes
    ----------
    files : tuple of GranuleFile
        Open, in the order of the rows.
    skipped : tuple of Skipped
    """

    files: tuple[GranuleFile, ...]
    skipped: tuple[Skipped, ...] = ()

    def __reduce__(self) -> tuple[Any, ...]:
        return _arrived, (self.files, self.skipped)

    def close(self) -> None:
        """Give connections back."""
        for file in self.files:
            file.close()


def _arrived(files: tuple[GranuleFile, ...], skipped: tuple[Skipped, ...]) -> Provenance:
    """Unpickled: where a Dataset arrives, it has its ``ds.cryo``."""
    importlib.import_module("cryodata.accessor")
    return Provenance(files, skipped)
