"""Imports go down only, and no layer knows what it must not know."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import cryodata

SOURCE = Path(next(iter(cryodata.__path__)))

LAYERS = {
    0: {
        *("types", "errors", "options", "timespan", "prices", "words", "caution"),
        *("html_card", "argument_names"),
    },
    1: {
        *("products", "hdf5", "layout", "index", "netcdf", "attributes"),
        *("read_plan", "decoding", "rowwise", "zones", "cost"),
        *("region", "condition", "selection", "grids"),
    },
    2: {"store", "earthdata", "formats"},
    3: {
        *("granule", "access", "accounts", "keep", "no_garbage", "arrays", "provenance"),
        *("locate", "catalogue", "region_input", "query", "find", "build"),
        *("tracks", "cutting", "gridded", "groups", "chunks", "planning"),
        *("dataset", "reader", "tree", "backend", "references", "accessor", "after"),
        *("bench", "checkup"),
    },
    4: {"", "__main__", "cli", "commands"},  # "" is the package itself: cryodata/__init__.py
}
BESIDE = {"sandbox", "testing"}
MAY_IMPORT_SANDBOX = {
    "cryodata.commands.demo"
}  # for `cryodata demo`, inside the function that runs it
NETWORK = {"aiohttp", "boto3", "botocore", "http", "httpx", "obstore", "requests", "s3fs", "urllib"}
OUTSIDE_WORLD = NETWORK | {
    *("asyncio", "datetime", "fsspec", "glob", "io", "os", "pathlib", "shutil"),
    *("socket", "subprocess", "sys", "tempfile", "time"),
}
LABELLED = {"dask", "distributed", "xarray"}
FOREIGN = {  # what each layer may not import from elsewhere
    0: NETWORK | LABELLED | {"asyncio", "socket", "time"},
    1: OUTSIDE_WORLD | LABELLED,
    2: LABELLED,
    3: NETWORK,
    4: NETWORK,
}


@dataclass(frozen=True)
class Import:
    """One imported module: where, what, and whether only once a function runs."""

    module: str
    target: str
    line: int
    lazy: bool

    def __str__(self) -> str:
        return f"{self.module}:{self.line} imports {self.target}"


def module_name(path: Path) -> str:
    parts = ["cryodata", *path.relative_to(SOURCE).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(tree: ast.Module, module: str, *, is_package: bool) -> Iterator[Import]:
    """Every import statement of a module, absolute, wherever it stands."""
    package = module.split(".") if is_package else module.split(".")[:-1]
    in_functions = {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
    }
    for node in ast.walk(tree):
        lazy = id(node) in in_functions
        if isinstance(node, ast.Import):
            for name in node.names:
                yield Import(module, name.name, node.lineno, lazy)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            target = ".".join([*base, *([node.module] if node.module else [])])
            for name in node.names:  # `from cryodata import plan` imports cryodata.plan
                yield Import(
                    module,
                    f"{target}.{name.name}" if target == "cryodata" else target,
                    node.lineno,
                    lazy,
                )


def part_of(module: str) -> str:
    """The package or module right below ``cryodata`` that `module` belongs to."""
    below = module.split(".")[1:2]
    return below[0] if below else ""


def layer_of(module: str) -> int | None:
    """Layer 0-4, or None beside the layers."""
    part = part_of(module)
    for layer, parts in LAYERS.items():
        if part in parts:
            return layer
    if part in BESIDE:
        return None
    pytest.fail(f"{module} has no layer: put it into the table, and into CONTRIBUTING.md")


FILES = sorted(SOURCE.rglob("*.py"))
MODULES = {module_name(path): path for path in FILES}


def imports_in(module: str) -> list[Import]:
    path = MODULES[module]
    tree = ast.parse(path.read_text("utf-8"))
    return list(imports_of(tree, module, is_package=path.name == "__init__.py"))


def test_reader_of_imports_sees_them_all() -> None:
    """The checks below would be blind if an import form went unseen."""
    tree = ast.parse(
        "import os, cryodata.plan\nfrom . import x\nfrom ..index import Index\n"
        "from cryodata import errors\ndef f():\n    from cryodata.sandbox import cloud\n"
    )
    seen = {(i.target, i.lazy) for i in imports_of(tree, "cryodata.store.base", is_package=False)}
    assert seen == {
        ("os", False),
        ("cryodata.plan", False),
        ("cryodata.store", False),
        ("cryodata.index", False),
        ("cryodata.errors", False),
        ("cryodata.sandbox", True),
    }


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_down(module: str) -> None:
    """A module that imports from above it, or from beside, ties a knot in the layers."""
    layer = layer_of(module)
    if layer is None:
        return
    climbing = []
    for found in imports_in(module):
        if not found.target.startswith("cryodata"):
            continue
        target = layer_of(found.target)
        if target is None:
            if module not in MAY_IMPORT_SANDBOX or not found.lazy:
                climbing.append(str(found))
        elif target > layer:
            climbing.append(str(found))
    assert not climbing


@pytest.mark.parametrize("module", MODULES)
def test_packages_of_the_outside_world_are_strangers(module: str) -> None:
    """Store, login and formats may only meet in layer 3, or one cannot be replaced alone."""
    if layer_of(module) != 2:
        return
    others = LAYERS[2] - {part_of(module)}
    assert not [
        str(i)
        for i in imports_in(module)
        if part_of(i.target) in others and i.target.startswith("cryodata.")
    ]


@pytest.mark.parametrize("module", MODULES)
def test_layers_do_not_know_what_they_must_not(module: str) -> None:
    """The pure core must run without files, network, clock or event loop."""
    layer = layer_of(module)
    if layer is None:
        return
    known = [i for i in imports_in(module) if i.target.split(".")[0] in FOREIGN[layer]]
    assert not [str(i) for i in known]


@pytest.mark.parametrize("module", MODULES)
def test_core_opens_no_files(module: str) -> None:
    """`open` needs no import, so the check above cannot see it."""
    if layer_of(module) not in {0, 1}:
        return
    tree = ast.parse(MODULES[module].read_text("utf-8"))
    opened = [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "open"
    ]
    assert not opened
