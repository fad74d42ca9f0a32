"""What the pages say that one wrote with another tool is what that tool has."""

from __future__ import annotations

import ast
import importlib
import inspect
from importlib.util import find_spec
from typing import Any

import pytest

from tests.docs.pages import DOCS, Block, blocks_of

PEERS = {"earthaccess", "h5coro", "kerchunk", "virtualizarr"}
"""Those that the tests have; the others were looked at by hand."""
BLOCKS = [
    (page.stem, block)
    for page in sorted((DOCS / "moving").glob("*.md"))
    for block in blocks_of(page)
    if any(f"import {peer}" in block.code or f"from {peer}" in block.code for peer in PEERS)
]


@pytest.mark.parametrize("block", [block for _, block in BLOCKS], ids=[name for name, _ in BLOCKS])
def test_names_and_arguments_exist(block: Block) -> None:
    """Blocks that nobody runs would go on naming what is long gone."""
    tree = ast.parse(block.code)
    names = imported(tree)
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    known = [(call, resolve(call.func, names)) for call in calls]
    checked = [(call, function) for call, function in known if function is not None]
    assert checked
    for call, function in checked:
        given = {word.arg: None for word in call.keywords if word.arg is not None}
        inspect.signature(function).bind(*call.args, **given)


def imported(tree: ast.Module) -> dict[str, Any]:
    """What the imports of a block bring of the tools, by the names it gives them."""
    found: dict[str, Any] = {}
    for node in tree.body:
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.partition(".")[0] in PEERS:
                    found[alias.asname or alias.name] = module(alias.name)
        elif isinstance(node, ast.ImportFrom) and str(node.module).partition(".")[0] in PEERS:
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                package = module(str(node.module))
                here = hasattr(package, alias.name)
                value = getattr(package, alias.name) if here else module(full)
                found[alias.asname or alias.name] = value
    return found


def module(name: str) -> Any:
    """A module; the test is skipped where its package is not installed."""
    if find_spec(name.partition(".")[0]) is None:
        pytest.skip(f"{name.partition('.')[0]} is not installed")
    return importlib.import_module(name)


def resolve(node: ast.expr, names: dict[str, Any]) -> Any:
    """The object that a dotted name stands for; None where it is not of the tools.

    Raises
    ------
    AttributeError
        The tool has no such name.
    """
    if isinstance(node, ast.Name):
        return names.get(node.id)
    if isinstance(node, ast.Attribute):
        owner = resolve(node.value, names)
        return None if owner is None else getattr(owner, node.attr)
    return None


def test_pages_are_found() -> None:
    """A list that became empty would test nothing."""
    assert {name for name, _ in BLOCKS} == {"earthaccess", "h5coro", "kerchunk"}
