"""Granules that were found: a sequence, how it shows itself, and how it is kept."""

from __future__ import annotations

from cryodata.earthdata.granules.sequence import Granules

__all__ = ["Granules"]
