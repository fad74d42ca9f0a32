"""What a job is: which arrays of which granules are wanted, and which of their rows."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["BEAMS", "Workload"]

BEAMS = ("gt1l", "gt1r", "gt2l", "gt2r", "gt3l", "gt3r")


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """One job: arrays of one granule whole, or the rows of granules inside a box.

    Attributes
    ----------
    name : str
        For the command line.
    title : str
        For the report.
    granules : str
        Which granules it reads, a name in `granules.GRANULES`.
    beams : tuple of str
        Ground tracks, ``gt1l`` ... ``gt3r``.
    group : str
        Group below each beam.
    variables : tuple of str
        Names in that group.
    longitude, latitude : str
        Names of the variables that say where the rows are.
    box : float
        Edge of the box whose rows are wanted, km, see `box.middle_box`; 0 wants all rows.
    """

    name: str
    title: str
    granules: str
    beams: tuple[str, ...]
    group: str
    variables: tuple[str, ...]
    longitude: str = "longitude"
    latitude: str = "latitude"
    box: float = 0.0

    @property
    def product(self) -> str:
        """``ATL03`` or ``ATL06``."""
        return self.granules.split()[0]

    def includes(self, other: Workload) -> bool:
        """Whether it wants all that another job wants of the same granules."""
        same = (self.granules, self.box) == (other.granules, other.box)
        return same and set(other.paths()) <= set(self.paths())

    def groups(self) -> list[str]:
        """One per beam, ``gt1l/heights``."""
        return [f"{beam}/{self.group}" for beam in self.beams]

    def paths(self) -> list[str]:
        """All arrays wanted, ``gt1l/heights/h_ph``."""
        return [f"{group}/{name}" for group in self.groups() for name in self.variables]
