"""Where Icechunk finds things, in its own words: repositories, and what their chunks lie in.

Which server a bucket is at, and with which keys, is always said by who reads: what a repository
says about it, others have written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from os import PathLike
from pathlib import Path
from typing import Any

from cryodata.earthdata.identity.login import active_system
from cryodata.earthdata.leave.credentials import BucketCredentials, bucket_credentials
from cryodata.earthdata.place import place_of
from cryodata.errors import (
    CryodataError,
    FetchError,
    GranuleChangedError,
    MissingDependencyError,
    UnsafeReferenceError,
    UnsupportedError,
)
from cryodata.formats.allowed import Allowed
from cryodata.store.address import percent_coded
from cryodata.store.folder import open_folder
from cryodata.store.s3_options import Settings, s3_settings

__all__ = [
    "authority",
    "configuration",
    "import_icechunk",
    "location",
    "storage",
    "translated",
]

PLAIN = "/:@!$&'()*+,;=~"
"""Characters of names that mean the same in a URL, to every release of Icechunk."""


def import_icechunk() -> Any:
    """The package.

    Raises
    ------
    MissingDependencyError
        It is not installed.
    """
    try:
        import icechunk
    except ImportError as error:
        raise MissingDependencyError(
            "icechunk is not installed", fix='pip install "cryodata-earth[virtual]"'
        ) from error
    return icechunk


def storage(where: str | PathLike[str], options: Mapping[str, Any] | None) -> Any:
    """Of a repository at a path or ``s3://bucket/prefix``.

    Raises
    ------
    ConfigurationError
        A place of another kind, or options for a path.
    """
    icechunk = import_icechunk()
    url = open_folder(where, storage_options=options).url
    if not url.startswith("s3://"):
        return icechunk.local_filesystem_storage(url)
    bucket, _, prefix = url.removeprefix("s3://").partition("/")
    own = s3_settings(options or {})
    anonymous = bool(own.get("skip_signature"))
    keys = {n: own[n] for n in _KEYS if n in own}
    return icechunk.s3_storage(
        bucket=bucket,
        prefix=prefix.strip("/") or None,
        anonymous=anonymous,
        from_env=not anonymous and not keys,
        region=own["region"],
        **_server(own),
        **keys,
    )


_KEYS = ("access_key_id", "secret_access_key", "session_token")


def _server(own: Settings) -> dict[str, Any]:
    endpoint = own.get("endpoint")
    if not endpoint:
        return {}
    http = str(endpoint).startswith("http:")
    return {"endpoint_url": endpoint, "allow_http": http, "force_path_style": True}


def location(url: str) -> str:
    """How Icechunk calls a granule.

    Objects of Earthdata are called by their address in S3, which is where they can be had
    without a login in every request.

    Raises
    ------
    UnsupportedError
        Icechunk would look for it elsewhere, or some of its releases would.
    """
    if url.startswith("/"):
        path = Path(url).resolve()
        if percent_coded(str(path.parent), PLAIN) != str(path.parent):
            raise UnsupportedError(
                "Icechunk reads nothing from a folder with blanks or odd characters in its name",
                fix="Rename the folder, or write references of kerchunk.",
                url=url,
            )
        return "file://" + percent_coded(str(path), PLAIN)
    place = place_of(url, active_system())
    url = place.s3 if place is not None and place.s3 else url
    scheme, _, rest = url.partition("://")
    if scheme not in ("s3", "http", "https") or percent_coded(rest, PLAIN) != rest:
        raise UnsupportedError(
            "Icechunk has no sure way to name it",
            fix="Write references of kerchunk, or copy it to a plainer name.",
            url=url,
        )
    return url


def configuration(allow: Allowed, options: Mapping[str, Any] | None) -> Any:
    """Of a repository whose chunks lie in these places, and nowhere else.

    Parameters
    ----------
    allow : Allowed
    options : mapping, optional
        Which server buckets of S3 are at, in the words of s3fs; keys in them are not written.
    """
    icechunk = import_icechunk()
    config = icechunk.RepositoryConfig.default()
    for scheme, host, path in allow.places:
        prefix = _prefix(scheme, host, path)
        store = _store(icechunk, scheme, path, options)
        config.set_virtual_chunk_container(icechunk.VirtualChunkContainer(prefix, store))
    return config


def authority(allow: Allowed, options: Mapping[str, Any] | None) -> dict[str, Any]:
    """For each of these places, with which keys it is read.

    Buckets of Earthdata are read with the login of this process, whose keys renew.
    """
    icechunk = import_icechunk()
    found: dict[str, Any] = {}
    for scheme, host, path in allow.places:
        prefix = _prefix(scheme, host, path)
        if scheme == "s3":
            found[prefix] = _keys(icechunk, f"{prefix}x", options)
        else:  # releases before 2 have no word for "none are needed"
            kinds = getattr(icechunk, "Credentials", None)
            name = "LocalFileSystemAccess" if scheme == "file" else "HttpAccess"
            found[prefix] = getattr(kinds, name)() if hasattr(kinds, name) else None
    wrapped: dict[str, Any] = icechunk.containers_credentials(found)
    return wrapped


def _prefix(scheme: str, host: str, path: str) -> str:
    return f"{scheme}://{host}{percent_coded(path, PLAIN)}"


def _store(icechunk: Any, scheme: str, path: str, options: Mapping[str, Any] | None) -> Any:
    if scheme == "file":
        return icechunk.local_filesystem_store(path)
    if scheme != "s3":
        return icechunk.http_store({"allow_http": "true"} if scheme == "http" else None)
    own = s3_settings(options or {})
    anonymous = bool(own.get("skip_signature"))
    return icechunk.s3_store(
        region=own["region"],
        anonymous=anonymous,
        s3_compatible=bool(own.get("endpoint")),
        **_server(own),
    )


def _keys(icechunk: Any, url: str, options: Mapping[str, Any] | None) -> Any:
    own = s3_settings(options or {})
    if own.get("skip_signature"):
        return icechunk.s3_anonymous_credentials()
    if own.get("access_key_id"):
        keys = {name: own[name] for name in _KEYS if name in own}
        return icechunk.s3_static_credentials(**keys)
    system = active_system()
    place = None if options else place_of(url, system)
    if place is not None and place.endpoint:
        source = bucket_credentials(place.endpoint, place.bucket, system)
        return icechunk.s3_refreshable_credentials(_Renewed(source))
    if not options and system.is_public(url):
        return icechunk.s3_anonymous_credentials()
    return icechunk.s3_from_env_credentials()


class _Renewed:
    """Gives keys of Earthdata to Icechunk. Pickles to where to ask."""

    def __init__(self, source: BucketCredentials) -> None:
        self._source = source

    def __call__(self) -> Any:
        icechunk = import_icechunk()
        keys = self._source.keys()
        return icechunk.S3StaticCredentials(
            access_key_id=keys.key.reveal(),
            secret_access_key=keys.secret.reveal(),
            session_token=keys.token.reveal(),
            expires_after=datetime.fromtimestamp(keys.expires, UTC),
        )


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Errors of Icechunk as ours."""
    icechunk = import_icechunk()
    problem: CryodataError | None = None
    try:
        yield
    except icechunk.IcechunkError as error:
        problem = _explained(str(error), what)
    except Exception as error:
        if type(error).__name__ != "RustPanic":  # of pyo3, which gives no module to name it from
            raise
        problem = FetchError(
            "Icechunk broke down",
            path=what,
            fix="The place of the chunk may be no sound URL. Write the repository again.",
        )
    if problem is not None:  # raised out here: what Icechunk says may name more than it should
        raise problem


def _explained(text: str, what: str) -> CryodataError:
    if "checksum of the object owning" in text:
        return GranuleChangedError(
            "A granule was replaced since it was written to the repository",
            fix="Write it again.",
            path=what,
        )
    if "virtual" in text and ("authorize" in text or "container" in text):
        return UnsafeReferenceError(
            "A chunk of the repository lies in a place that is not allowed",
            fix="If you trust it: name the place in allow.",
            path=what,
        )
    line = next((line for line in text.splitlines() if line.strip()), "")
    return FetchError(f"Icechunk failed: {line.strip()[:200]}", path=what)
