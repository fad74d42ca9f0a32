"""What copies of a granule spend elsewhere: on dask workers, counted for ``ds.cryo.receipt``."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable

from cryodata.store.receipt import Receipt, Tally

__all__ = ["copies_spent", "spent_here", "tally_of"]

_tallies: dict[str, Tally] = {}
"""Account of a granule to what its copies in this process spent, all together."""


def tally_of(account: str) -> Tally:
    """What counts the reads of all copies of a granule in this process."""
    return _tallies.setdefault(account, Tally())


def spent_here(accounts: Iterable[str]) -> tuple[int, Receipt]:
    """This process, and what copies of some granules spent in it; runs on workers."""
    known = [_tallies[account] for account in accounts if account in _tallies]
    return os.getpid(), sum((tally.receipt for tally in known), Receipt())


def copies_spent(accounts: Iterable[str]) -> Receipt:
    """What copies of some granules spent, in this process and on the workers of dask.

    Workers are asked where there is a client of ``distributed``; what workers that are gone
    had spent, and processes of dask's other schedulers, is not known.
    """
    accounts = tuple(accounts)
    spent = dict([spent_here(accounts)])
    distributed = sys.modules.get("distributed")
    if distributed is not None:
        try:
            client = distributed.get_client()
        except ValueError:  # there is none
            return sum(spent.values(), Receipt())
        if client.asynchronous:  # inside of a worker's own loop: it cannot wait for others
            return sum(spent.values(), Receipt())
        spent |= dict(client.run(spent_here, accounts).values())  # by process: each counts once
    return sum(spent.values(), Receipt())
