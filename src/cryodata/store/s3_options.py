"""`storage_options` in the spelling of s3fs or obstore, as one checked S3 configuration."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from cryodata.errors import ConfigurationError

__all__ = ["ENVIRONMENT_NAMES", "Settings", "s3_settings"]

DEFAULT_REGION = "us-west-2"
"""Where NASA's Earthdata Cloud lies."""

ENVIRONMENT_NAMES = {
    "access_key_id": "AWS_ACCESS_KEY_ID",
    "secret_access_key": "AWS_SECRET_ACCESS_KEY",
    "session_token": "AWS_SESSION_TOKEN",
}
"""Secret settings, and the environment variables that hold them in a worker."""

_FROM_S3FS = {
    "anon": "skip_signature",
    "endpoint_url": "endpoint",
    "key": "access_key_id",
    "secret": "secret_access_key",
    "token": "session_token",
    "requester_pays": "request_payer",
}
_FROM_CLIENT_KWARGS = {
    "aws_access_key_id": "access_key_id",
    "aws_secret_access_key": "secret_access_key",
    "aws_session_token": "session_token",
    "endpoint_url": "endpoint",
    "region_name": "region",
}
_FROM_OBSTORE = {
    "access_key_id",
    "client_options",
    "container_authorization_token_file",
    "container_credentials_full_uri",
    "container_credentials_relative_uri",
    "credential_provider",
    "endpoint",
    "imdsv1_fallback",
    "metadata_endpoint",
    "region",
    "request_payer",
    "role_arn",
    "role_session_name",
    "secret_access_key",
    "session_token",
    "skip_signature",
    "sts_endpoint",
    "virtual_hosted_style_request",
    "web_identity_token_file",
}


class Settings(dict[str, Any]):
    """Settings that may hold secrets: it shows the names and never the values."""

    def __repr__(self) -> str:
        return f"<settings: {', '.join(sorted(self)) or 'none'}>"

    __str__ = __repr__


def s3_settings(
    options: Mapping[str, Any], environment: Mapping[str, str] = os.environ
) -> Settings:
    """Translate `options` to obstore's names; nothing is dropped on the way.

    The endpoint is always explicit in the result where one was configured, by the call
    or by ``AWS_ENDPOINT_URL_S3`` / ``AWS_ENDPOINT_URL``; the region always is.

    Parameters
    ----------
    options : mapping
        ``anon``, ``key``, ``secret``, ``token``, ``endpoint_url``, ``requester_pays``,
        ``client_kwargs`` (s3fs), or obstore's own names.
    environment : mapping
        Read for endpoint and region where the options do not give them.

    Raises
    ------
    ConfigurationError
        An option that this engine has no word for, or the same one twice.
    """
    found = Settings()
    for name, value in options.items():
        if value is None:
            continue
        if name == "client_kwargs":
            for inner, setting in value.items():
                _put(found, _FROM_CLIENT_KWARGS.get(inner), setting, f"client_kwargs[{inner!r}]")
        else:
            own = name if name in _FROM_OBSTORE else None
            _put(found, _FROM_S3FS.get(name, own), value, repr(name))
    if endpoint := _first(environment, "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"):
        found.setdefault("endpoint", endpoint)
    found.setdefault(
        "region", _first(environment, "AWS_REGION", "AWS_DEFAULT_REGION") or DEFAULT_REGION
    )
    if found.get("skip_signature"):
        for secret in (*ENVIRONMENT_NAMES, "credential_provider"):
            found.pop(secret, None)  # anonymous means that no key is even held
    return found


def _first(environment: Mapping[str, str], *names: str) -> str:
    return next((environment[name] for name in names if environment.get(name)), "")


def _put(found: Settings, name: str | None, value: Any, given: str) -> None:
    if name is None:
        known = sorted({*_FROM_S3FS, *_FROM_OBSTORE, "client_kwargs"})
        raise ConfigurationError(
            f"storage option {given} means nothing to the obstore engine",
            fix=f'Use engine="fsspec", or one of: {", ".join(known)}.',
        )
    if name in found and found[name] != value:
        raise ConfigurationError(f"storage option {given} is given twice, differently")
    found[name] = value
