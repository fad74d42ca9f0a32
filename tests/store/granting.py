"""Leave to read that tests give out, and what they count of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from cryodata.errors import AuthError, CredentialsExpiredError
from cryodata.store.base import Access
from cryodata.types import Grant

__all__ = ["Granting"]


@dataclass
class Granting:
    """Gives grants as a login would: one for all, another when the last was refused.

    Attributes
    ----------
    make : callable
        Takes the serial, 1 for the first, and makes that grant; may raise.
    pause : float
        How long making one takes, s.
    made : int
        Grants made.
    asked : int
        How often one was asked for.
    stale : list of Grant
        Those that were handed back.
    """

    make: Callable[[int], Grant]
    curable: tuple[type[AuthError], ...] = (CredentialsExpiredError,)
    pause: float = 0.0
    made: int = 0
    asked: int = 0
    stale: list[Grant] = field(default_factory=list)
    _current: Grant | None = None
    _making: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def grant(self, *, stale: Grant | None = None) -> Grant:
        """As `Access.grant`."""
        self.asked += 1
        if stale is not None:
            self.stale.append(stale)
        async with self._making:
            if self._current is None or (stale and self._current.serial == stale.serial):
                await asyncio.sleep(self.pause)
                self._current = self.make(self.made + 1)
                self.made += 1
            return self._current

    def revoke(self) -> None:
        """Give another from now on, as one does whose keys are nearly over."""
        self._current = None


_: type[Access] = Granting  # the checker proves that it is one
