"""What a job is: which arrays of which granule are wanted."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["BEAMS", "Workload"]

BEAMS = ("gt1l", "gt1r", "gt2l", "gt2r", "gt3l", "gt3r")


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """One job, wanted whole: no rows are left out.

    Attributes
    ----------
    name : str
        For the command line.
    title : str
        For the report.
    product : str
        ``ATL03`` or ``ATL06``: which of the two granules it reads.
    beams : tuple of str
        Ground tracks, ``gt1l`` ... ``gt3r``.
    group : str
        Group below each beam.
    variables : tuple of str
        Names in that group.
    """

    name: str
    title: str
    product: str
    beams: tuple[str, ...]
    group: str
    variables: tuple[str, ...]

    def groups(self) -> list[str]:
        """One per beam, ``gt1l/heights``."""
        return [f"{beam}/{self.group}" for beam in self.beams]

    def paths(self) -> list[str]:
        """All arrays wanted, ``gt1l/heights/h_ph``."""
        return [f"{group}/{name}" for group in self.groups() for name in self.variables]
