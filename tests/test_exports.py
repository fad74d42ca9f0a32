"""What is public is said to be public, and nothing else is."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

import pytest

import cryodata

SOURCE = Path(next(iter(cryodata.__path__)))


def module_name(path: Path) -> str:
    parts = ["cryodata", *path.relative_to(SOURCE).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {
    module_name(path): path
    for path in sorted(SOURCE.rglob("*.py"))
    if path.name != "__main__.py"  # importing it would run it
}


def defined_in(path: Path) -> set[str]:
    """Functions and classes at the top of a module whose names have no underscore."""
    body = ast.parse(path.read_text("utf-8")).body
    definitions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return {
        node.name
        for node in body
        if isinstance(node, definitions) and not node.name.startswith("_")
    }


def reading_order(name: str) -> tuple[int, str]:
    """CONSTANTS, then Classes, then functions, each by name."""
    return (0 if name.isupper() else 1 if name[0].isupper() else 2, name)


@pytest.mark.parametrize("module", MODULES)
def test_all_names_what_is_public(module: str) -> None:
    """A name left out of ``__all__`` gets used, and then cannot be changed."""
    public = set(getattr(importlib.import_module(module), "__all__", ()))
    assert defined_in(MODULES[module]) <= public


@pytest.mark.parametrize("module", MODULES)
def test_all_is_sorted_and_true(module: str) -> None:
    """A name in ``__all__`` that is not there breaks ``from ... import *`` and the docs."""
    loaded = importlib.import_module(module)
    public = getattr(loaded, "__all__", [])
    assert list(public) == sorted(set(public), key=reading_order)
    assert not [name for name in public if not hasattr(loaded, name)]


@pytest.mark.parametrize("module", MODULES)
def test_public_things_are_documented(module: str) -> None:
    """Help on a public name must help."""
    loaded = importlib.import_module(module)
    assert loaded.__doc__
    undocumented = [
        name for name in defined_in(MODULES[module]) if not getattr(loaded, name).__doc__
    ]
    assert not undocumented
