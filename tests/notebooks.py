"""The notebooks, executed as a reader executes them, and what they print."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jupytext
from nbclient import NotebookClient

__all__ = ["FOLDER", "Executed", "execute", "notebooks"]

FOLDER = Path(__file__).resolve().parent.parent / "notebooks"


@dataclass(frozen=True)
class Executed:
    """A notebook after its execution.

    Attributes
    ----------
    text : str
        All that its cells print and show, as text.
    figures : tuple of str
        Its figures, PNG in base64.
    """

    text: str
    figures: tuple[str, ...]


def notebooks() -> list[Path]:
    """All notebooks there are."""
    return sorted(FOLDER.glob("*.py"))


def execute(path: Path, folder: Path, environment: Mapping[str, str]) -> Executed:
    """Execute a notebook in a folder of its own.

    Raises
    ------
    CellExecutionError
        A cell fails.
    """
    folder.mkdir(parents=True, exist_ok=True)
    book = jupytext.read(path)
    client = NotebookClient(
        book,
        timeout=120,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
    )
    asyncio.run(client.async_execute(env={**os.environ, **environment}))  # and close its loop
    outputs: list[Any] = [out for cell in book.cells for out in cell.get("outputs", [])]
    shown = [out.get("data", {}) for out in outputs]
    text = [
        out["text"] if out.output_type == "stream" else data.get("text/plain", "")
        for out, data in zip(outputs, shown, strict=True)
        if out.get("name") != "stderr"
    ]
    figures = tuple(data["image/png"] for data in shown if "image/png" in data)
    return Executed(text="\n".join(text), figures=figures)
