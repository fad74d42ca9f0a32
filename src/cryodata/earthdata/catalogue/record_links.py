"""Which of a record's links are the data, and which may be followed at all."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from cryodata.earthdata.system import System, origin_of
from cryodata.errors import ServiceError, UnsupportedError

__all__ = ["Links", "checked_link", "links_of"]

_SUFFIXES = (".h5", ".hdf5", ".he5", ".nc", ".nc4", ".hdf")
_LONGEST = 4096
_LEGAL = re.compile(r"[!-~]+")  # no blanks, no control characters, nothing but ASCII
_DATED = {"http", "ftp", "ftps"}  # honest once, not read by this library
_MOST = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """The links of one granule; empty where there is none.

    Attributes
    ----------
    name : str
        Of the data file.
    https, s3, dmrpp, endpoint : str
        As in `Granule`.
    """

    name: str = ""
    https: str = ""
    s3: str = ""
    dmrpp: str = ""
    endpoint: str = ""


def links_of(
    names: Sequence[str],
    *,
    https: Iterable[str],
    s3: Iterable[str],
    others: Iterable[str],
    system: System,
) -> Links:
    """The links that count, chosen and checked.

    Parameters
    ----------
    names : sequence of str
        What the granule is called, best first.
    https, s3 : iterable of str
        Links said to be data.
    others : iterable of str
        All links, among them perhaps a sidecar and where keys are given.
    system : System
        Whose hosts may be plain http.

    Raises
    ------
    ServiceError
        If a link said to be data leads where no archive is.
    UnsupportedError
        If there are several data files, and none of them is the one.
    """
    outside = _usable(https, system)
    inside = _usable(s3, system)
    data = _chosen(outside, names)
    direct = _chosen(inside, [_file(data), *names])
    return Links(
        name=_file(data or direct),
        https=data,
        s3=direct,
        dmrpp=_sidecar(others, data, system),
        endpoint=_endpoint(others, system),
    )


def checked_link(url: str, system: System) -> str:
    """The URL, if it may be followed.

    ``https://host/path`` or ``s3://bucket/key``; plain http for hosts of the system alone.

    Raises
    ------
    ServiceError
        If it is anything else, or leads to a host that is not on the internet.
    """
    parts = _split(url)
    _refuse_private(url, parts, system)
    if _outdated(parts, system):
        why = f"the scheme {parts.scheme}"
    elif parts.query or parts.fragment:
        why = "a query"
    else:
        return url
    raise _refused(url, why)


def _usable(urls: Iterable[str], system: System) -> list[str]:
    """Links that can be read, each once; raises for those that nobody should write."""
    merged = list(dict.fromkeys(url for url in urls if url))
    if len(merged) > _MOST:
        raise ServiceError(f"The catalogue has a granule with more than {_MOST:,} links")
    usable = []
    for url in merged:
        parts = _split(url)
        _refuse_private(url, parts, system)
        if not (_outdated(parts, system) or parts.query or parts.fragment):
            usable.append(url)
    if merged and not usable:
        checked_link(merged[0], system)  # says why
    return usable


def _split(url: str) -> SplitResult:
    """A URL taken apart; raises where it is none, or carries a user."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
        _ = parts.port
    except ValueError:
        raise _refused(url, "no host that can be read") from None
    if len(url) > _LONGEST or not _LEGAL.fullmatch(url) or "\\" in url:
        raise _refused(url, "characters that no link has, or too many of them")
    if "@" in parts.netloc:
        raise _refused(url, "a user name in it")
    if parts.scheme not in {"https", "s3", *_DATED}:
        raise _refused(url, f"the scheme {parts.scheme[:20] or 'of a local path'}")
    if not host or (parts.scheme == "s3" and (parts.netloc != host or len(parts.path) < 2)):
        raise _refused(url, "no host or no object in it")
    if any(part in {".", ".."} for part in parts.path.split("/")):
        raise _refused(url, "a path that climbs")
    return parts


def _outdated(parts: SplitResult, system: System) -> bool:
    """Whether a link is of a kind that is not read: plain http, but for the system's own."""
    if parts.scheme == "http":
        return origin_of(parts.geturl()) not in system.endpoints.values()
    return parts.scheme in _DATED


def _refuse_private(url: str, parts: SplitResult, system: System) -> None:
    """Stop at addresses inside somebody's network: no archive is there."""
    if parts.scheme == "s3" or origin_of(url) in system.endpoints.values():
        return
    host = parts.hostname or ""
    try:
        public = ipaddress.ip_address(host).is_global
    except ValueError:
        public = "." in host and not host.endswith((".localhost", ".local", ".internal"))
    if not public:
        raise _refused(url, "a host that is not on the internet")


def _refused(url: str, why: str) -> ServiceError:
    return ServiceError(
        f"The catalogue has a link with {why}: {_shown(url)}",
        fix="It is not followed. Tell the data centre, or leave this granule out.",
    )


def _shown(url: str) -> str:
    """A link for an error: without user and query, short, in plain characters."""
    scheme, colon, rest = url.partition(":")
    host, slash, path = rest.removeprefix("//").partition("/")
    cut = f"{scheme}{colon}//{host.rpartition('@')[2]}{slash}{path}" if colon else url
    return ascii(cut.partition("?")[0].partition("#")[0][:120])[1:-1]


def _chosen(urls: list[str], names: Sequence[str]) -> str:
    """The one link that is the granule's data; empty where there is none.

    The file that has the granule's name; else the only one whose name begins with it; else
    the only one that is HDF5 or NetCDF by its suffix.
    """
    if len(urls) < 2:
        return urls[0] if urls else ""
    for wanted in filter(None, names):
        same = [url for url in urls if _file(url) == wanted]
        if same:
            return same[0]
    hdf5 = [url for url in urls if _file(url).lower().endswith(_SUFFIXES)]
    for wanted in filter(None, names):
        alike = [url for url in hdf5 if _file(url).startswith(wanted)]
        if len(alike) == 1:
            return alike[0]
    if len(hdf5) == 1:
        return hdf5[0]
    listed = ", ".join(_file(url) for url in urls[:6]) + (", ..." if len(urls) > 6 else "")
    raise UnsupportedError(
        f"{next(iter(names), 'A granule')} has {len(urls)} data files: {listed}",
        fix="Open the one you want by its link: cd.open(link).",
    )


def _sidecar(urls: Iterable[str], data: str, system: System) -> str:
    """The DMR++ of the data file over https."""
    sidecars = [url for url in urls if url.endswith(".dmrpp") and url.startswith("http")]
    for url in sidecars:
        if data and _file(url) == f"{_file(data)}.dmrpp" and origin_of(url) == origin_of(data):
            return checked_link(url, system)
    return ""


def _endpoint(urls: Iterable[str], system: System) -> str:
    """Where keys for it are given; a host that may not see the user's token does not count."""
    for url in urls:
        if url.endswith("/s3credentials") and system.is_data_host(url) and "@" not in url:
            return checked_link(url, system)
    return ""


def _file(url: str) -> str:
    return url.rsplit("/", 1)[-1]
