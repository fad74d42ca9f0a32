"""Synthetic granules with the layout, the names and the compressibility of real ones.

Structure and attributes come from templates recorded from real granules (``atl03.json``,
``atl06.json`` ...), what the variables mean from the product tables; the measurements are
made up from a seed. The root attribute ``synthetic`` says so.
"""

from cryodata.sandbox.granules.atl15 import atl15
from cryodata.sandbox.granules.make import atl03, atl06, atl08, granule
from cryodata.sandbox.granules.track import BEAMS, rgt_near

__all__ = ["BEAMS", "atl03", "atl06", "atl08", "atl15", "granule", "rgt_near"]
