"""Keys for a bucket, as ``/s3credentials`` gives them."""

from __future__ import annotations

import itertools
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cryodata.earthdata.hosts import clock
from cryodata.earthdata.hosts.reply import Reply
from cryodata.earthdata.hosts.secret import Secret
from cryodata.earthdata.identity.edl import skewed
from cryodata.earthdata.system import origin_of

__all__ = ["Keys"]

_MOST_SKEW = 900.0
"""S3 refuses signatures by clocks further off, s. Source: AWS, RequestTimeTooSkewed."""

_serials = itertools.count(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """Keys of S3 that end. Print nothing of themselves, and do not pickle.

    Attributes
    ----------
    key, secret, token : Secret
        Access key id, secret access key and session token.
    start, expires : float
        When they came and when they end, s since 1970-01-01 UTC by this machine's clock,
        whatever that of the server says.
    serial : int
        Counts the keys of this process.
    chance : float
        Between 0 and 1, another for each: when in their last minutes they are renewed.
    forced : bool
        Asked for because S3 had refused others.
    """

    key: Secret
    secret: Secret
    token: Secret
    start: float
    expires: float
    serial: int
    chance: float = field(default_factory=random.random, repr=False)
    forced: bool = False

    @property
    def life(self) -> float:
        """How long they were good for when they came, s."""
        return self.expires - self.start

    @property
    def are_over(self) -> bool:
        """Whether they have ended."""
        return self.expires <= clock.now()

    def options(self) -> dict[str, Any]:
        """Storage options in the words of s3fs, in clear."""
        return {
            "key": self.key.reveal(),
            "secret": self.secret.reveal(),
            "token": self.token.reveal(),
        }

    @classmethod
    def read(cls, reply: Reply) -> Keys:
        """Keys from the answer of ``/s3credentials``.

        Raises
        ------
        ServiceError
            It is something else, or they are over already.
        ClockSkewError
            This machine's clock is so far off that S3 would refuse every signature.
        """
        said = reply.json()
        key, secret, token = (
            _secret(said, name) for name in ("accessKeyId", "secretAccessKey", "sessionToken")
        )
        if not (key and secret and token):
            raise reply.nonsense("keys were expected")
        try:
            expiration = clock.parse_instant(str(said.get("expiration")))
        except ValueError:
            expiration = None
        if expiration is None:
            raise reply.nonsense("the keys do not say when they end")
        ahead = clock.ahead(reply.date)
        if reply.date is not None and abs(ahead) > _MOST_SKEW:
            raise skewed(reply.date, origin_of(reply.url))
        keys = cls(
            key=key,
            secret=secret,
            token=token,
            start=clock.now(),
            expires=expiration + ahead,
            serial=next(_serials),
        )
        if keys.are_over:
            raise reply.nonsense("its keys are over already")
        return keys


def _secret(said: Mapping[str, Any], name: str) -> Secret:
    value = said.get(name)
    return Secret(value if isinstance(value, str) else "")
