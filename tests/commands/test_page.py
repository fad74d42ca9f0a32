"""The page of the command line says what there is, and no more."""

from __future__ import annotations

import re
from pathlib import Path

from cryodata.cli import COMMANDS
from cryodata.commands.exit_codes import EXIT_CODES, INTERRUPTED

PAGE = (Path(__file__).parents[2] / "docs" / "command-line.md").read_text("utf-8")


def test_every_command_is_there() -> None:
    assert set(re.findall(r"^\| `cryodata (\w+)", PAGE, re.MULTILINE)) == set(COMMANDS)


def test_every_code_is_there() -> None:
    """With the classes that it stands for."""
    rows = dict(re.findall(r"^\| (\d+) \| (.*) \|$", PAGE, re.MULTILINE))
    assert {int(code) for code in rows} == {0, INTERRUPTED, *EXIT_CODES.values()}
    for kind, code in EXIT_CODES.items():
        if code != 1:
            assert f"`{kind.__name__}`" in rows[str(code)]
