"""The entry of a netrc file for Earthdata Login, and where in the file it stands."""

from __future__ import annotations

import netrc as stdlib
import os
import re
import stat
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from cryodata.earthdata.hosts.secret import Secret
from cryodata.errors import LoginRejectedError

__all__ = ["Entry", "find_entry", "netrc_path"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """User and password of one machine, and where they stand: ``~/.netrc line 3``."""

    user: str
    password: Secret
    where: str


def netrc_path() -> Path:
    """The file that ``NETRC`` names, or ``~/.netrc`` (``~/_netrc`` on Windows)."""
    named = os.environ.get("NETRC")
    if named:
        return Path(named).expanduser()
    return Path.home() / ("_netrc" if sys.platform == "win32" else ".netrc")


def find_entry(edl: str) -> Entry | None:
    """User and password for an Earthdata Login; None where the file has none.

    Only an entry that names the machine counts (with its port, where it has one): the
    ``default`` of a netrc is for anybody, and would be told to Earthdata.

    Parameters
    ----------
    edl : str
        Origin, ``https://urs.earthdata.nasa.gov``.

    Warns
    -----
    UserWarning
        Others can read the file.

    Raises
    ------
    LoginRejectedError
        The file cannot be parsed, or the entry lacks user or password.
    """
    path = netrc_path()
    entry = _entry(path, urlsplit(edl).netloc) if path.is_file() else None
    if entry is not None:
        _warn_if_open(path)
    return entry


def _entry(path: Path, machine: str) -> Entry | None:
    name, broken = _shown(path), 0
    try:
        found = stdlib.netrc(str(path)).hosts.get(machine)
        line = _line_of(machine, path.read_text("utf-8", "replace"))
    except stdlib.NetrcParseError as error:  # its text may quote a password
        broken = error.lineno or 1
    except (OSError, UnicodeDecodeError):
        return None
    if broken:
        raise LoginRejectedError(
            f"{name} line {broken} is not understood",
            fix=f"Write: machine {machine} login <user> password <password>",
        )
    if found is None:
        return None
    user, _, password = found
    if not user or not password:
        raise LoginRejectedError(
            f"{name} line {line} names no {'password' if user else 'login'}",
            fix=f"Write: machine {machine} login <user> password <password>",
        )
    return Entry(user=user, password=Secret(password), where=f"{name} line {line}")


def _line_of(machine: str, text: str) -> int:
    """Line of the last entry for a machine, the one that counts; 1 is the first."""
    pattern = re.compile(rf"(?:^|\s)machine\s+\"?{re.escape(machine)}\"?(?=\s|$)")
    starts = [match.end() for match in pattern.finditer(text)]
    return text.count("\n", 0, starts[-1]) + 1 if starts else 1


def _warn_if_open(path: Path) -> None:
    if os.name == "posix" and path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        name = _shown(path)
        warnings.warn(f"Others can read the passwords in {name}: chmod 600 {name}", stacklevel=2)


def _shown(path: Path) -> str:
    """A path as a user would write it."""
    try:
        return f"~/{path.relative_to(Path.home())}"
    except (ValueError, RuntimeError):
        return str(path)
