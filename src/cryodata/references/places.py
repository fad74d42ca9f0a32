"""Places that references may lead to: NASA's Earthdata, and those that the caller names."""

from __future__ import annotations

from cryodata.earthdata.identity.login import active_system
from cryodata.earthdata.place import place_of
from cryodata.errors import UnsafeReferenceError
from cryodata.formats.allowed import Allowed, is_plain

__all__ = ["Places"]


class Places(Allowed):
    """As `Allowed`, with the buckets and data hosts of this process's Earthdata."""

    __slots__ = ()

    def check(self, url: str) -> str:
        """As of `Allowed`."""
        try:
            return super().check(url)
        except UnsafeReferenceError:
            system = active_system()
            if not is_plain(url) or (place_of(url, system) is None and not system.is_public(url)):
                raise
        return url
