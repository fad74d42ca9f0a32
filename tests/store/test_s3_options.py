"""Storage options in the spelling of s3fs and of obstore."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from cryodata.errors import ConfigurationError
from cryodata.store.s3_options import s3_settings

REGION = {"region": "us-west-2"}


@dataclass(frozen=True)
class Case:
    """Options, environment, and the settings they come to."""

    name: str
    options: dict[str, Any]
    settings: dict[str, Any]
    environment: dict[str, str] = field(default_factory=dict)


CASES = [
    Case("nothing", {}, REGION),
    Case("anonymous", {"anon": True}, {"skip_signature": True, **REGION}),
    Case("not anonymous", {"anon": False}, {"skip_signature": False, **REGION}),
    Case(
        "keys",
        {"key": "k", "secret": "s", "token": "t"},
        {"access_key_id": "k", "secret_access_key": "s", "session_token": "t", **REGION},
    ),
    Case("no token", {"key": "k", "secret": "s", "token": None},
         {"access_key_id": "k", "secret_access_key": "s", **REGION}),
    Case("endpoint", {"endpoint_url": "http://h"}, {"endpoint": "http://h", **REGION}),
    Case(
        "client_kwargs",
        {"client_kwargs": {"endpoint_url": "http://h", "region_name": "eu-central-1"}},
        {"endpoint": "http://h", "region": "eu-central-1"},
    ),
    Case(
        "keys in client_kwargs",
        {"client_kwargs": {"aws_access_key_id": "k", "aws_secret_access_key": "s"}},
        {"access_key_id": "k", "secret_access_key": "s", **REGION},
    ),
    Case("obstore's names", {"region": "x", "skip_signature": True},
         {"region": "x", "skip_signature": True}),
    Case("requester pays", {"requester_pays": True}, {"request_payer": True, **REGION}),
    Case("anonymous beats keys", {"anon": True, "key": "k", "secret": "s"},
         {"skip_signature": True, **REGION}),
    Case("twice the same", {"endpoint_url": "http://h", "endpoint": "http://h"},
         {"endpoint": "http://h", **REGION}),
    Case("environment", {}, {"endpoint": "http://e", "region": "r"},
         {"AWS_ENDPOINT_URL": "http://e", "AWS_REGION": "r"}),
    Case("environment of the service", {}, {"endpoint": "http://s3", "region": "d"},
         {"AWS_ENDPOINT_URL": "http://e", "AWS_ENDPOINT_URL_S3": "http://s3",
          "AWS_DEFAULT_REGION": "d"}),
    Case("options beat environment", {"endpoint_url": "http://o", "region": "o"},
         {"endpoint": "http://o", "region": "o"},
         {"AWS_ENDPOINT_URL": "http://e", "AWS_REGION": "r"}),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_translation(case: Case) -> None:
    """A read would go to another endpoint, or with other keys, than the user said."""
    assert dict(s3_settings(case.options, case.environment)) == case.settings


@pytest.mark.parametrize(
    "options, named",
    [
        ({"anom": True}, "'anom'"),
        ({"profile": "nasa"}, "'profile'"),
        ({"config_kwargs": {}}, "'config_kwargs'"),
        ({"client_kwargs": {"verify": False}}, "client_kwargs['verify']"),
    ],
)
def test_an_option_without_translation_is_named_and_never_dropped(
    options: dict[str, Any], named: str
) -> None:
    """A misspelt option would silently not apply."""
    with pytest.raises(ConfigurationError) as caught:
        s3_settings(options, {})
    assert named in caught.value.what
    assert "fsspec" in caught.value.fix


def test_one_setting_in_two_spellings_must_agree() -> None:
    """One of two endpoints would silently win."""
    with pytest.raises(ConfigurationError, match="given twice"):
        s3_settings({"endpoint_url": "http://a", "endpoint": "http://b"}, {})


def test_settings_show_names_only() -> None:
    """Keys would end up in tracebacks that show local variables."""
    settings = s3_settings({"key": "CANARY-K", "secret": "CANARY-S"}, {})
    for text in (repr(settings), str(settings), f"{settings}"):
        assert "CANARY" not in text
        assert "secret_access_key" in text
