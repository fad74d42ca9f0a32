"""Keys stay with the host they are for: how obstore is kept from following redirects.

obstore follows every redirect and takes the session token along, and has no option against
it. But it can be told to reach all hosts but some by way of a proxy: with one where nobody
listens, a redirect to any other host ends there, before anything is sent.
"""

from __future__ import annotations

from typing import Any
from urllib.request import getproxies

__all__ = ["NOWHERE", "can_stay", "stay_with"]

NOWHERE = "127.0.0.1:1"
"""Port 1 (tcpmux, RFC 1078) of this machine: below 1024, so that no other user of it can
listen there."""


def can_stay() -> bool:
    """Whether obstore can be kept with its host: not where requests go through a proxy.

    It can use only one, and so needs its own for that.
    """
    return not {"http", "https", "all"} & getproxies().keys()


def stay_with(host: str) -> dict[str, Any]:
    """Options of obstore's client that keep it from any other host.

    Empty where it cannot be kept from them, see `can_stay`: there redirects are followed.

    Parameters
    ----------
    host : str
        Name or address; a name stands for all below it as well.
    """
    if not can_stay():
        return {}
    return {"proxy_url": f"http://{NOWHERE}", "proxy_excludes": host}
