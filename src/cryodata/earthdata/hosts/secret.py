"""Text that must not be seen: it prints as nothing, and does not leave the process."""

from __future__ import annotations

import hmac
from typing import NoReturn

__all__ = ["Secret"]


class Secret:
    """A password, token, key or signed URL.

    Prints, formats and logs as ``Secret(...)``, does not pickle, and copies as itself.
    Compares in a time that tells nothing of the text. The one way out is `reveal`, so that
    a search for that word finds every place where a secret is used.

    Parameters
    ----------
    text : str
        What is to be kept.
    """

    __slots__ = ("__text",)

    def __init__(self, text: str) -> None:
        self.__text = text

    def reveal(self) -> str:
        """The text itself."""
        return self.__text

    def __bool__(self) -> bool:
        return bool(self.__text)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self.__text.encode(), other.__text.encode())

    def __hash__(self) -> int:
        return hash((Secret, self.__text))

    def __repr__(self) -> str:
        return "Secret(...)"

    def __format__(self, spec: str) -> str:
        return format(repr(self), spec)

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret does not pickle: where it is needed, it is found anew")

    def __getstate__(self) -> NoReturn:
        raise TypeError("a secret has no state to show")
