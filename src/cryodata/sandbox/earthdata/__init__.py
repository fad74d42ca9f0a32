"""NASA Earthdata on loopback: login, data host, links, the region, all as users meet them."""

from cryodata.sandbox.earthdata.earth import INSIDE, PROTECTED, Earth
from cryodata.sandbox.earthdata.realm import Names, Rules

__all__ = ["INSIDE", "PROTECTED", "Earth", "Names", "Rules"]
