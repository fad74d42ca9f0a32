"""Looking for secrets where none may be, in any form they might be written down."""

from __future__ import annotations

import base64
import html
import json
import pickle
import traceback
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

__all__ = ["artefacts", "found"]


def forms(secret: str) -> list[bytes]:
    """A secret as it stands, in every notation it may be written in.

    In hexadecimal, URL-encoded, with the escapes of JSON and of Python, and in base64 at any
    offset.
    """
    raw = secret.encode()
    shifted = [base64.b64encode(b"x" * n + raw)[8:].rstrip(b"=")[:-4] for n in range(3)]
    quoted = {quote(secret, safe=""), quote(secret), quote_plus(secret)}
    escaped = {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
    escaped |= {repr(secret)[1:-1], ascii(secret)[1:-1], html.escape(secret)}
    written = [text.encode() for text in sorted({*quoted, *escaped} - {secret})]
    return [raw, raw.hex().encode(), *written, *(s for s in shifted if s)]


def found(secrets: Iterable[str], *where: bytes | str) -> list[str]:
    """The secrets that occur in what is given."""
    places = [place.encode() if isinstance(place, str) else place for place in where]
    return [
        secret
        for secret in secrets
        if any(form in place for form in forms(secret) for place in places)
    ]


def locals_of(error: BaseException) -> list[str]:
    """Variables of our frames, as tracebacks that print them would, of an error and its causes."""
    seen = []
    chain: traceback.TracebackException | None
    chain = traceback.TracebackException.from_exception(error, capture_locals=True)
    while chain is not None:
        ours = [frame for frame in chain.stack if "/cryodata/" in frame.filename]
        seen += [str(chain), *(str(frame.locals) for frame in ours)]
        chain = chain.__cause__ or chain.__context__
    return seen


def artefacts(thing: object) -> list[bytes]:
    """What can be seen of an object: its texts, its pickle; of an error also what hangs on it."""
    seen = [repr(thing), str(thing), f"{thing}"]
    if isinstance(thing, BaseException):
        seen += [*locals_of(thing), repr(thing.__dict__)]
    raw = [text.encode() for text in seen]
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        try:
            raw.append(pickle.dumps(thing, protocol))
        except (TypeError, pickle.PicklingError):
            continue
    return raw
