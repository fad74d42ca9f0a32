"""Synthetic granules with the layout, the names and the compressibility of real ones.

Structure and attributes come from templates recorded from real granules
(``atl03.json``, ``atl06.json``); the measurements are made up from a seed. The root
attribute ``synthetic`` says so.
"""

from cryodata.sandbox.granules.make import atl03, atl06
from cryodata.sandbox.granules.track import BEAMS

__all__ = ["BEAMS", "atl03", "atl06"]
