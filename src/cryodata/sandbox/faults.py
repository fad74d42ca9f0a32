"""What can go wrong on the way, on purpose and reproducibly."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

from cryodata.errors import ConfigurationError, close_names
from cryodata.sandbox.log import Entry

__all__ = ["Fault", "Faults", "Kind", "Rule"]

Kind = Literal[
    "status",
    "html",
    "redirect",
    "garbage",
    "hang",
    "delay",
    "reset",
    "truncate",
    "stall",
    "corrupt",
    "shift",
    "whole",
    "call",
]


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong with one reply.

    Attributes
    ----------
    kind : str
        ===========  ==============================================================
        status       the reply is an S3 error: `status` and `code`
        html         the reply is a page for people, with `status`
        redirect     307 to the same path on another origin: `to`
        garbage      the reply is not HTTP
        hang         no reply for `seconds`, then the connection is cut
        delay        the first byte comes `seconds` later
        reset        connection reset (RST) before byte `at` of the body
        truncate     connection closed (FIN) before byte `at` of the body
        stall        nothing for `seconds` before byte `at` of the body, then the rest
        corrupt      byte `at` of the body has all its bits flipped
        shift        Content-Range claims a place 4,096 bytes further on
        whole        the Range header is ignored: 200 and the whole object
        call         `call` runs before the request is answered, in a thread
        ===========  ==============================================================
    at : int
        Offset in the body of the reply.
    seconds : float
        Length of hang, delay and stall.
    status, code
        HTTP status and S3 error code.
    header : str
        Extra header lines of a status or html reply, each ended by CR LF.
    to : str
        Origin of the redirect, ``http://127.0.0.1:1234``.
    call : callable
        Gets the log entry of the request; only on a wire in this process.
    """

    kind: Kind
    at: int = 0
    seconds: float = 30.0
    status: int = 503
    code: str = "SlowDown"
    header: str = ""
    to: str = ""
    call: Callable[[Entry], object] | None = None

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise ConfigurationError(
                f"no fault is called {self.kind!r}", fix=close_names(self.kind, get_args(Kind))
            )
        if (self.kind == "call") != (self.call is not None):
            raise ConfigurationError(
                f"fault {self.kind!r} with call={self.call!r}",
                fix="Give a callable with kind 'call', and with no other kind.",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Which requests a fault strikes.

    Attributes
    ----------
    path : str
        Regular expression searched for in the path and query of the request.
    method : str
        HTTP method, ``*`` for all.
    skip : int
        Matching requests left alone first.
    times : int or None
        Requests struck at most; None strikes for ever.
    prob : float
        Chance (0-1) that a matching request is struck.
    """

    path: str = ""
    method: str = "GET"
    skip: int = 0
    times: int | None = None
    prob: float = 1.0


class _Armed:
    """A rule with its fault and how often it was used."""

    def __init__(self, fault: Fault, rule: Rule) -> None:
        self.fault = fault
        self.rule = rule
        self.pattern = re.compile(rule.path)
        self.most = math.inf if rule.times is None else rule.times
        self.seen = 0
        self.fired = 0

    def strikes(self, method: str, target: str, rng: random.Random) -> bool:
        if self.rule.method not in (method, "*") or not self.pattern.search(target):
            return False
        self.seen += 1
        if self.seen <= self.rule.skip or self.fired >= self.most:
            return False
        if self.rule.prob < 1.0 and rng.random() >= self.rule.prob:
            return False
        self.fired += 1
        return True


class Faults:
    """The faults in force. Of several rules that match, the oldest strikes.

    Added from any thread, picked on the wire's loop: the list is replaced, not changed.
    """

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)
        self._armed: tuple[_Armed, ...] = ()
        self._ever: list[_Armed] = []

    def add(self, fault: Fault, rule: Rule) -> int:
        """Put a fault in force; returns the number to ask `fired` for."""
        armed = _Armed(fault, rule)
        self._ever.append(armed)
        self._armed = (*self._armed, armed)
        return len(self._ever) - 1

    def clear(self) -> None:
        """End all faults; what they did can still be asked."""
        self._armed = ()

    def fired(self, number: int) -> int:
        """How many requests a fault has struck."""
        return self._ever[number].fired

    def pick(self, method: str, target: str) -> Fault | None:
        """The fault for this request, if any."""
        for armed in self._armed:
            if armed.strikes(method, target, self._rng):
                return armed.fault
        return None
