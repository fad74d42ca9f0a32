"""Where a Dataset comes from: the granules it reads, and those that were left out."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cryodata.errors import CryodataError
from cryodata.granule import GranuleFile

__all__ = ["Provenance", "Skipped", "all_of"]


@dataclass(frozen=True, slots=True)
class Skipped:
    """A granule that was left out, or only a beam or a variable of it.

    Attributes
    ----------
    url : str
        Without query string or credentials.
    error : CryodataError
        Why.
    beam : str
        The only beam that was left out; empty where it is the granule, or a variable.
    variable : str
        What was asked for and is not there, in the user's word; empty where it is not that.
    """

    url: str
    error: CryodataError
    beam: str = ""
    variable: str = ""

    def __str__(self) -> str:
        return f"{self.url.rsplit('/', 1)[-1]}: {type(self.error).__name__}: {self.error.what}"


def all_of(failed: Sequence[Skipped], granules: int = 1) -> CryodataError:
    """The first failure, which also says how many others there are, and which.

    Parameters
    ----------
    failed : sequence of Skipped
        At least one.
    granules : int
        How many were asked for.
    """
    error = failed[0].error
    others = len({one.url for one in failed}) - 1
    if others:
        error.what += f" (and {others} more of {granules} granules failed)"
    elif len(failed) > 1:
        error.what += f" (and {len(failed) - 1} more)"
    if "on_missing" not in error.fix and (others + 1 < granules or failed[0].beam):
        error.fix += ' on_missing="skip" goes on with the others.'
    for other in failed[1:]:
        error.add_note(str(other))
    return error


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
