"""What the hosts of one Earthdata share: their names, their clock, and how they behave."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from cryodata.earthdata.system import PROD, System

__all__ = ["PROTECTED", "Names", "Realm", "Rules"]

PROTECTED = "nsidc-cumulus-prod-protected"
"""The bucket that needs a login, by the name it has at NASA."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """The origins that Earthdata's hosts call each other by: NASA's unless said otherwise.

    Where they listen is another matter: what is addressed to a name must be led there.

    Attributes
    ----------
    edl, data, cdn, cmr : str
        Earthdata Login, the data host, where signed links lead, the catalogue.
    s3 : str
        S3 where it is not Amazon's; empty otherwise.
    """

    edl: str = "https://urs.earthdata.nasa.gov"
    data: str = "https://data.nsidc.earthdatacloud.nasa.gov"
    cdn: str = "https://d1sandbox.cloudfront.net"
    cmr: str = "https://cmr.earthdata.nasa.gov"
    s3: str = ""

    def system(self) -> System:
        """These hosts as cryodata wants them."""
        if self == Names():
            return PROD
        return System(
            edl=self.edl,
            cmr=self.cmr,
            endpoints={PROTECTED: self.data},
            signers=(urlsplit(self.cdn).netloc,),
            s3=self.s3,
        )


@dataclass(slots=True)
class Rules:
    """How an Earthdata behaves. What is changed here holds from the next request on.

    Attributes
    ----------
    clock_skew : float
        How far its clocks are ahead of this machine's, s: of ``Date`` and of all times it
        gives.
    link_life : float
        Life of signed links, s.
    token_life : float
        Life of the tokens that users ask for, s.
    profile_life : float
        How long the data host trusts what it was told about a token, s.
    required_group : str
        Group that users need to be in; empty lets all in.
    """

    clock_skew: float = 0.0
    link_life: float = 3600.0
    token_life: float = 60 * 86_400.0
    profile_life: float = 60.0
    required_group: str = ""


@dataclass(slots=True)
class Realm:
    """What the hosts of one Earthdata agree on.

    Attributes
    ----------
    names : Names
        What they call each other.
    rules : Rules
        How they behave.
    login_address : str
        Origin at which Earthdata Login listens, whatever it is called.
    client_id, client_secret : str
        By which Earthdata Login knows the data host.
    """

    names: Names = field(default_factory=Names)
    rules: Rules = field(default_factory=Rules)
    login_address: str = ""
    client_id: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    client_secret: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)

    def now(self) -> float:
        """The time by Earthdata's clocks, s since 1970."""
        return time.time() + self.rules.clock_skew
