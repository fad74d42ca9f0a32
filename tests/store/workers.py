"""What worker processes of the tests run; importable, as spawned workers need it."""

from __future__ import annotations

import pickle

from cryodata.store import loop
from cryodata.store.base import Store

__all__ = ["size_of"]


def size_of(pickled: bytes) -> int:
    """Size of the object a pickled store reads."""
    store: Store = pickle.loads(pickled)
    return loop.run(store.get(0, 10), timeout=30).size
