"""NASA Earthdata: who the user is, what there is, and leave to read it.

Login, credentials that renew, signed links, and the search for granules. Everything is
said to the hosts of one `System`; nothing secret is said to anybody else.

`cryodata.login` and `cryodata.search` are the doors; here is what workers need besides.
"""

from __future__ import annotations

from cryodata.earthdata.identity.login import current_login, set_provider
from cryodata.earthdata.identity.share import share
from cryodata.earthdata.system import PROD, UAT, System

__all__ = ["PROD", "UAT", "System", "current_login", "set_provider", "share"]
