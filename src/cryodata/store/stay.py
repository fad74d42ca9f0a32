"""Keys stay with the host they are for: how obstore is kept from following redirects.

obstore follows every redirect and takes the session token along, and has no option against
it. But it can be told to reach all hosts but some by way of a proxy: with one where nobody
listens, a redirect to any other host ends there, before anything is sent.
"""

from __future__ import annotations

from typing import Any
from urllib.request import getproxies

__all__ = ["NOWHERE", "stay_with"]

NOWHERE = "127.0.0.1:1"
"""Port 1 (tcpmux, RFC 1078) of this machine: below 1024, so that no other user of it can
listen there."""


def stay_with(host: str) -> dict[str, Any]:
    """Options of obstore's client that keep it from any other host.

    Empty where the system or the environment names a proxy, because obstore can use only
    one: there redirects are followed.

    Parameters
    ----------
    host : str
        Name or address; a name stands for all below it as well.
    """
    if {"http", "https", "all"} & getproxies().keys():
        return {}
    return {"proxy_url": f"http://{NOWHERE}", "proxy_excludes": host}
