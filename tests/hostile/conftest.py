"""One sandbox for all tests of a module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.hostile.sandboxed import Sandbox


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """Started, and past the imports that the first job would pay for."""
    with Sandbox() as made:
        made.run(int)
        yield made
