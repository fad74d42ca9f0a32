"""Which hosts belong to Earthdata, and who may be told what."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any
from urllib.parse import urlsplit

from cryodata.errors import ConfigurationError

__all__ = ["PROD", "UAT", "System", "is_clear", "origin_of"]

_AUTHORITY = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:]+\])(:\d+)?")
LOOPBACK = ("localhost", "127.0.0.1", "::1")


@cache
def _buckets() -> Mapping[str, str]:
    """The table of buckets, as `System.endpoints`."""
    table = resources.files(__package__) / "buckets.toml"
    hosts = tomllib.loads(table.read_text("utf-8"))
    return {bucket: f"https://{host}" for host, buckets in hosts.items() for bucket in buckets}


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """The hosts of one Earthdata: the real one, its test twin, or a sandbox.

    Attributes
    ----------
    edl : str
        Origin of Earthdata Login, ``https://urs.earthdata.nasa.gov``. Plain ``http://`` is
        taken from loopback alone, here and below.
    cmr : str
        Origin of the Common Metadata Repository.
    endpoints : mapping of str to str
        Bucket to origin of the data host that gives its credentials at
        ``<origin>/s3credentials`` and its objects at ``<origin>/<bucket>/<key>``.
    signers : tuple of str
        Host names a signed link may lead to, ``.cloudfront.net`` with all below it.
    s3 : str
        Origin of S3 where it is not Amazon's; empty otherwise.
    region : str
        Of the buckets.
    public : tuple of str
        Buckets that anybody may read without keys.
    """

    edl: str = "https://urs.earthdata.nasa.gov"
    cmr: str = "https://cmr.earthdata.nasa.gov"
    endpoints: Mapping[str, str] = field(default_factory=_buckets, repr=False)
    signers: tuple[str, ...] = (".cloudfront.net", ".amazonaws.com")
    s3: str = ""
    region: str = "us-west-2"
    public: tuple[str, ...] = ("its-live-data",)

    def __post_init__(self) -> None:
        for origin in (self.edl, self.cmr, self.s3, *self.endpoints.values()):
            if origin:
                _check_origin(origin)

    def endpoint_of(self, url: str) -> str:
        """Origin of the data host for ``s3://bucket/key``; empty where no table knows it."""
        parts = urlsplit(url)
        return self.endpoints.get(parts.netloc, "") if parts.scheme == "s3" else ""

    def is_data_host(self, url: str) -> bool:
        """Whether a URL is of a host that may be given the user's token.

        Those of the table, and all of ``earthdata.nasa.gov`` and
        ``earthdatacloud.nasa.gov`` where this is the real Earthdata.
        """
        origin = origin_of(url)
        if not is_clear(url):
            return False
        if origin in self.endpoints.values():
            return True
        host = urlsplit(origin).hostname or ""
        real = (urlsplit(self.edl).hostname or "").endswith(".nasa.gov")
        ours = host.endswith((".earthdata.nasa.gov", ".earthdatacloud.nasa.gov"))
        return real and ours and origin.startswith("https:") and origin != self.edl

    def is_signer(self, url: str) -> bool:
        """Whether a signed link may lead to this URL."""
        parts = urlsplit(url)
        host = parts.hostname or ""
        if not is_clear(url) or (parts.scheme != "https" and host not in LOOPBACK):
            return False
        return any(
            host.endswith(name) if name.startswith(".") else parts.netloc == name
            for name in self.signers
        )

    def is_public(self, url: str) -> bool:
        """Whether anybody may read ``s3://bucket/key`` without keys."""
        parts = urlsplit(url)
        return parts.scheme == "s3" and parts.netloc in self.public

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> System:
        """The system a process belongs to where nobody says: the real one.

        ``CRYODATA_EDL``, ``CRYODATA_CMR`` and ``CRYODATA_S3`` name other origins,
        ``CRYODATA_S3_REGION`` another region, ``CRYODATA_PUBLIC`` the buckets without keys,
        ``CRYODATA_DATA_HOST`` that of all buckets (``bucket=origin`` pairs, separated by
        blanks) and ``CRYODATA_SIGNERS`` the hosts links may lead to: so a worker process of
        a sandbox finds it.
        """
        given: dict[str, Any] = {
            name: environment[f"CRYODATA_{name.upper()}"]
            for name in ("edl", "cmr", "s3")
            if environment.get(f"CRYODATA_{name.upper()}")
        }
        pairs = environment.get("CRYODATA_DATA_HOST", "").split()
        endpoints = dict(pair.split("=", 1) for pair in pairs if "=" in pair)
        signers = tuple(environment.get("CRYODATA_SIGNERS", "").split())
        region = environment.get("CRYODATA_S3_REGION", "").strip()
        if not (given or endpoints or signers or region):
            return PROD
        if "CRYODATA_PUBLIC" in environment:
            given["public"] = tuple(environment["CRYODATA_PUBLIC"].split())
        return cls(
            **given,
            endpoints=endpoints or _buckets(),
            signers=signers or PROD.signers,
            region=region or PROD.region,
        )

    def environment(self) -> dict[str, str]:
        """What makes `from_environment` return this system."""
        return {
            "CRYODATA_EDL": self.edl,
            "CRYODATA_CMR": self.cmr,
            "CRYODATA_S3": self.s3,
            "CRYODATA_DATA_HOST": " ".join(f"{b}={o}" for b, o in self.endpoints.items()),
            "CRYODATA_SIGNERS": " ".join(self.signers),
            "CRYODATA_S3_REGION": self.region,
            "CRYODATA_PUBLIC": " ".join(self.public),
        }


def is_clear(url: str) -> bool:
    r"""Whether all who read a URL find the same host in it.

    In ``https://evil\@good/`` some find ``good`` and some ``evil``: no such URL is asked, and
    none with a user in it.
    """
    return bool(_AUTHORITY.fullmatch(urlsplit(url).netloc))


def origin_of(url: str) -> str:
    """Scheme, host and port of a URL, in lower case; without user, password, path, query."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2].lower()
    return f"{parts.scheme}://{host}"


def _check_origin(origin: str) -> None:
    parts = urlsplit(origin)
    secure = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
    if not secure or origin_of(origin) != origin:
        raise ConfigurationError(
            f"{origin_of(origin)} is no origin that secrets may be sent to",
            fix="Write https://host or https://host:port; http:// is for loopback alone.",
        )


PROD = System()
UAT = System(edl="https://uat.urs.earthdata.nasa.gov", cmr="https://cmr.uat.earthdata.nasa.gov")
