"""What a command answers: text for people, or the same as JSON for programs."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike, fspath
from typing import Any

from cryodata.errors import CryodataError, UnsafeReferenceError

__all__ = ["Answer", "tell", "tell_error"]


@dataclass(frozen=True, slots=True)
class Answer:
    """The outcome of a command.

    Attributes
    ----------
    text : str
        For people.
    data : object
        The same for programs: dictionaries, lists, texts and numbers.
    code : int
        Of the process: 0, unless what was looked at is not as it should be.
    """

    text: str
    data: Any
    code: int = 0


def tell(answer: Answer, *, as_json: bool) -> int:
    """Print an answer to standard output; its exit code."""
    sys.stdout.write(f"{_dumped(answer.data) if as_json else answer.text}\n")
    return answer.code


def tell_error(error: CryodataError, *, as_json: bool) -> None:
    """Print an error to standard error; as JSON to standard output, where programs look."""
    if as_json:
        said = {
            "error": type(error).__name__,
            **{name: getattr(error, name) for name in ("what", "fix", "url", "path")},
        }
        sys.stdout.write(f"{_dumped({n: v for n, v in said.items() if v not in (None, '')})}\n")
    else:
        hint = " Here: --allow PLACE" if isinstance(error, UnsafeReferenceError) else ""
        sys.stderr.write(f"cryodata: {error}{hint}\n")


def _dumped(data: Any) -> str:
    return json.dumps(_plain(data), indent=2, allow_nan=False, ensure_ascii=False)


def _plain(value: Any) -> Any:
    """A value as JSON has it: instants as ISO 8601 in UTC, what is no number as null."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(one) for one in value]
    if isinstance(value, PathLike):
        return fspath(value)
    return _plain_of_numpy(value)


def _plain_of_numpy(value: Any) -> Any:
    import numpy as np

    if isinstance(value, np.datetime64):
        return None if np.isnat(value) else f"{np.datetime_as_string(value, unit='ms')}Z"
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    raise TypeError(f"a {type(value).__name__} has no form in JSON")
