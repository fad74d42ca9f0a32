"""What botocore writes to its log at DEBUG, without the keys that are ours.

botocore logs the request it signs (``botocore.auth``: the canonical request holds the
session token), the request it sends (``botocore.endpoint``: key, token and signature), the
answer (``botocore.parsers``: S3 repeats the token it refuses), and, with each failure, an
exception that holds the request (``botocore.httpsession``). Users turn that on to find out
why a read is slow, and send the log to strangers. The filter stands on these four loggers
alone, costs nothing while they are off, and touches no record that has no key of
ours in it: what the program does with keys of its own is its own business.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Iterator

__all__ = ["LOGGERS", "Redact", "install"]

LOGGERS = ("botocore.auth", "botocore.endpoint", "botocore.httpsession", "botocore.parsers")
_SIGNATURE = re.compile(r"(Signature=)[0-9a-f]{64}")


class Redact(logging.Filter):
    """Replaces secrets in the text of records by ``***``; lets every record pass.

    Parameters
    ----------
    secrets : callable
        Gives those of the moment.
    """

    def __init__(self, secrets: Callable[[], Iterable[str]]) -> None:
        super().__init__()
        self._secrets = secrets

    def filter(self, record: logging.LogRecord) -> bool:
        """As `logging.Filter.filter`."""
        text = record.getMessage()
        if (hidden := self._hide(text)) != text:
            record.msg, record.args = hidden, None
        if record.exc_info and record.exc_info[1] is not None:
            seen = "".join(map(repr, _chain(record.exc_info[1])))
            if self._hide(seen) != seen:
                said = logging.Formatter().formatException(record.exc_info)
                record.exc_text, record.exc_info = self._hide(said), None
        return True

    def _hide(self, text: str) -> str:
        hidden = text
        for secret in self._secrets():
            hidden = hidden.replace(secret, "***")
        return text if hidden == text else _SIGNATURE.sub(r"\1***", hidden)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An exception and those it came from."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def install(redact: Redact) -> None:
    """Put the filter on the loggers concerned; once is enough, twice does no harm."""
    for name in LOGGERS:
        logging.getLogger(name).addFilter(redact)
