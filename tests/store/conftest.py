"""The object on the wire that most tests of the store read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cryodata.sandbox import Wire
from cryodata.store import link
from tests.store.helpers import Origin, content


@pytest.fixture(autouse=True)
def unknown_links(monkeypatch: pytest.MonkeyPatch) -> None:
    """What one test learns of a port must not hurry the next one that is given that port."""
    monkeypatch.setattr(link, "_links", {})


@pytest.fixture
def origin(tmp_path: Path) -> Iterator[Origin]:
    """A wire without delay, and one object of 1 MB behind it."""
    with Wire(root=tmp_path) as wire:
        made = Origin(wire, tmp_path)
        made.put(content())
        yield made
