"""The metadata service answers the one question that tells where a machine stands."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from cryodata.sandbox import Wire
from cryodata.sandbox.earthdata.imds import ImdsOrigin

REGION = "latest/meta-data/placement/region"
TTL = "X-aws-ec2-metadata-token-ttl-seconds"


@pytest.fixture
def imds() -> Iterator[str]:
    with Wire(origin=ImdsOrigin("us-west-2")) as wire:
        yield wire.url


def token(imds: str, life: str = "21600") -> requests.Response:
    return requests.put(f"{imds}/latest/api/token", headers={TTL: life})


def test_region_for_those_with_a_token(imds: str) -> None:
    """Clients that look for their region would not find it."""
    headers = {"X-aws-ec2-metadata-token": token(imds).text}
    assert requests.get(f"{imds}/{REGION}", headers=headers).content == b"us-west-2"


def test_nothing_without_a_token(imds: str) -> None:
    """A client of the first version would seem to work, and fail on machines that refuse it."""
    assert requests.get(f"{imds}/{REGION}").status_code == 401
    wrong = {"X-aws-ec2-metadata-token": "guessed"}
    assert requests.get(f"{imds}/{REGION}", headers=wrong).status_code == 401
    assert requests.put(f"{imds}/latest/api/token").status_code == 400
    assert token(imds, "0").status_code == token(imds, "21601").status_code == 400


def test_no_keys_are_here(imds: str) -> None:
    """Clients would sign with the machine's own keys in place of the user's."""
    headers = {"X-aws-ec2-metadata-token": token(imds).text}
    path = f"{imds}/latest/meta-data/iam/security-credentials/"
    assert requests.get(path, headers=headers).status_code == 404
    assert requests.post(path, headers=headers).status_code == 405
