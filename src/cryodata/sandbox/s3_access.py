"""Who may do what on the sandbox's S3: keys, buckets, roles."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

__all__ = ["PRIVATE", "PUBLIC", "ROLE", "Keys", "identities", "roles"]

PUBLIC = "public"
"""The bucket anybody may read."""
PRIVATE = "private"
"""The bucket that needs keys."""
ROLE = "arn:aws:iam::role/SandboxReader"
"""What session keys are issued for: reading both buckets."""


@dataclass(frozen=True, slots=True)
class Keys:
    """What signs a request. Prints without its secrets.

    Attributes
    ----------
    key, secret, token : str
        Access key, secret key and session token; long-lived keys have no token.
    expires : datetime or None
        When a session ends, UTC.
    """

    key: str
    secret: str = field(repr=False)
    token: str = field(default="", repr=False)
    expires: datetime | None = None


def identities(admin: Keys) -> dict[str, Any]:
    """Who may use the server with long-lived keys, or without any (SeaweedFS ``-s3.config``)."""
    keys = {"accessKey": admin.key, "secretKey": admin.secret}
    actions = ["Admin", "Read", "Write", "List", "Tagging"]
    return {
        "identities": [
            {"name": "admin", "credentials": [keys], "actions": actions},
            {"name": "anonymous", "actions": [f"Read:{PUBLIC}", f"List:{PUBLIC}"]},
        ]
    }


def roles(session: str, readers: Sequence[str]) -> dict[str, Any]:
    """The role of session keys and how long they live (SeaweedFS ``-s3.iam.config``).

    Parameters
    ----------
    session : str
        Life of session keys, ``3s`` or ``1h``.
    readers : sequence of str
        Networks that may use them, ``127.0.0.1/32``; empty lets all.
    """
    read: dict[str, Any] = {
        "Effect": "Allow",
        "Action": ["s3:GetObject", "s3:ListBucket", "s3:GetBucketLocation"],
        "Resource": ["*"],
    }
    if readers:
        read["Condition"] = {"IpAddress": {"aws:SourceIp": list(readers)}}
    assume = {"Effect": "Allow", "Principal": "*", "Action": ["sts:AssumeRole"]}
    role = {
        "roleName": ROLE.rpartition("/")[2],
        "roleArn": ROLE,
        "attachedPolicies": ["Read"],
        "trustPolicy": _document(assume),
    }
    return {
        "sts": {
            "tokenDuration": session,
            "maxSessionLength": "12h",
            "issuer": "sandbox",
            "signingKey": base64.b64encode(secrets.token_bytes(32)).decode(),
        },
        "policy": {"defaultEffect": "Deny", "storeType": "memory"},
        "policies": [{"name": "Read", "document": _document(read)}],
        "roles": [role],
    }


def _document(statement: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [statement]}
