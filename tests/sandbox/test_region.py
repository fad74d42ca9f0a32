"""Outside the region S3 itself denies what it allows inside, and keys end when they say."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import obstore
import pytest
import s3fs
from obstore.exceptions import PermissionDeniedError
from obstore.store import S3Store

from cryodata.earthdata.system import PROD, System
from cryodata.errors import ConfigurationError
from cryodata.sandbox import Keys, Sky, Wire, cloud
from cryodata.sandbox.earthdata import Earth, Names
from tests.sandbox.conftest import GRANULE, KEY
from tests.sandbox.earthly import OBJECT, ask, bearer

BUCKET = "nsidc-cumulus-prod-protected"


def keys_of(earth: Earth) -> Keys:
    """New keys, as a user gets them."""
    reply = ask(f"{earth.data.url}/s3credentials", Authorization=bearer(earth.token()))
    said = json.loads(reply.body)
    return Keys(said["accessKeyId"], said["secretAccessKey"], said["sessionToken"])


def store(sky: Sky, keys: Keys) -> S3Store:
    """Obstore's view of the protected bucket, without retries."""
    return S3Store(
        BUCKET,
        endpoint=sky.url,
        region="us-west-2",
        access_key_id=keys.key,
        secret_access_key=keys.secret,
        session_token=keys.token,
        client_options={"allow_http": True},
        retry_config={"max_retries": 0},
    )


def test_region(earth: Earth, earth_sky: Sky) -> None:
    """The denial would be made up, come too late, or stay when the reader is back."""
    direct = store(earth_sky, keys_of(earth))
    for _ in range(2):
        assert bytes(obstore.get_range(direct, KEY, start=0, length=9)) == GRANULE[:9]
        earth.outside()
        with pytest.raises(PermissionDeniedError, match="AccessDenied"):
            obstore.get_range(direct, KEY, start=0, length=9)
        with pytest.raises(PermissionDeniedError):
            obstore.head(direct, KEY)
        earth.inside()
    assert [entry.status for entry in earth_sky.log] == [206, 403, 403] * 2


def test_s3fs_is_denied_too(earth: Earth, earth_sky: Sky) -> None:
    """Another client than ours would see something else outside the region."""
    keys = keys_of(earth)
    files = s3fs.S3FileSystem(
        key=keys.key,
        secret=keys.secret,
        token=keys.token,
        client_kwargs={"endpoint_url": earth_sky.url, "region_name": "us-west-2"},
        skip_instance_cache=True,
    )
    assert files.cat_file(f"{BUCKET}/{KEY}", start=5, end=9) == GRANULE[5:9]
    earth.outside()
    with pytest.raises(PermissionError):
        files.cat_file(f"{BUCKET}/{KEY}", start=5, end=9)


def test_links_work_everywhere(earth: Earth, earth_sky: Sky) -> None:
    """Outside the region nothing could be read at all."""
    earth.outside()
    link = ask(f"{earth.data.url}{OBJECT}", Authorization=bearer(earth.token()))
    assert ask(link.headers["Location"], Range="bytes=0-9").body == GRANULE[:10]
    earth_sky.put(b"public", "p.bin")
    assert ask(earth_sky.https("p.bin")).body == b"public"


def test_reset_leads_inside(earth: Earth, earth_sky: Sky) -> None:
    """One test would leave the next one outside."""
    earth.outside()
    earth.link_life, earth.clock_skew = 1.0, 5.0
    earth.rules.required_group = "team"
    ask(f"{earth.edl.url}/home")
    earth_sky.reset()
    assert (earth.link_life, earth.clock_skew, earth.rules.required_group) == (3600.0, 0.0, "")
    assert len(earth.edl.log) == 0
    obstore.head(store(earth_sky, keys_of(earth)), KEY)


@pytest.fixture(scope="module")
def short_sky(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sky]:
    """A cloud whose keys live for two seconds, its wire in a process of its own."""
    with cloud("none", earthdata=True, session="2s", process=True) as sky:
        path = tmp_path_factory.mktemp("short") / "x.h5"
        path.write_bytes(GRANULE)
        sky.earthdata.store(path, KEY)
        yield sky


def test_keys_end(short_sky: Sky) -> None:
    """Renewal could not be tested but by waiting an hour."""
    earth = short_sky.earthdata
    keys = keys_of(earth)
    direct = store(short_sky, keys)
    assert bytes(obstore.get_range(direct, KEY, start=0, length=9)) == GRANULE[:9]
    time.sleep(2.2)
    with pytest.raises(Exception, match="ExpiredToken"):
        obstore.get_range(direct, KEY, start=0, length=9)
    with pytest.raises(Exception, match="400 Bad Request"):
        obstore.head(direct, KEY)  # AWS does not say why, but says 400
    again = store(short_sky, keys_of(earth))
    assert bytes(obstore.get_range(again, KEY, start=0, length=9)) == GRANULE[:9]


def test_region_of_a_wire_in_another_process(short_sky: Sky) -> None:
    """Measurements outside the region would be made inside."""
    earth = short_sky.earthdata
    earth.outside()
    with pytest.raises(PermissionDeniedError):
        obstore.get_range(store(short_sky, keys_of(earth)), KEY, start=0, length=9)
    earth.inside()
    obstore.get_range(store(short_sky, keys_of(earth)), KEY, start=0, length=9)


def test_other_processes_find_it(earth: Earth) -> None:
    """A worker would ask NASA, or get a secret shipped."""
    system = System.from_environment(earth.environment())
    assert system == earth.system
    elsewhere = replace(earth.system, region="eu-west-1", public=("a", "b"))
    assert System.from_environment(elsewhere.environment()) == elsewhere
    assert system.endpoint_of(f"s3://{BUCKET}/{KEY}") == earth.data.url
    assert system.is_signer(f"{earth.cdn.url}/x")
    assert not system.is_signer(f"{earth.data.url}/x")
    assert len({system.edl, system.cmr, system.s3, earth.data.url, earth.cdn.url}) == 5
    said = earth.login_environment()
    assert (
        ask(
            f"{earth.edl.url}/api/users/{earth.user}", Authorization=bearer(said["EARTHDATA_TOKEN"])
        ).status
        == 200
    )
    assert earth.password not in repr(said)


def test_real_names(tmp_path: Path) -> None:
    """Under the real host names, replies would lead away to loopback."""
    (tmp_path / "x.h5").write_bytes(GRANULE)
    with cloud("none", earthdata=Names()) as sky:
        earth = sky.earthdata
        earth.store(tmp_path / "x.h5", KEY)
        assert earth.system is PROD
        said = bearer(earth.token())
        to_login = ask(f"{earth.data.url}{OBJECT}").headers["Location"]
        assert to_login.startswith("https://urs.earthdata.nasa.gov/oauth/authorize?")
        assert "redirect_uri=https%3A%2F%2Fdata.nsidc.earthdatacloud.nasa.gov%2Flogin" in to_login
        link = ask(f"{earth.data.url}{OBJECT}", Authorization=said).headers["Location"]
        host = "https://d1sandbox.cloudfront.net"
        assert link.startswith(f"{host}/s3-")
        assert earth.system.is_signer(link)
        assert ask(earth.cdn.url + link.removeprefix(host)).body == GRANULE
        assert earth.routes() == {
            "urs.earthdata.nasa.gov": earth.edl.url,
            "data.nsidc.earthdatacloud.nasa.gov": earth.data.url,
            "d1sandbox.cloudfront.net": earth.cdn.url,
            "cmr.earthdata.nasa.gov": earth.cmr.url,
            "s3.us-west-2.amazonaws.com": sky.url,
            ".s3.us-west-2.amazonaws.com": sky.url,
        }
        sky.put(b"in a host of its own", "v.bin")
        virtual = ask(f"{sky.url}/v.bin", Host="public.s3.us-west-2.amazonaws.com")
        assert virtual.body == b"in a host of its own"


def test_needs_a_server(wire: Wire, sky: Sky) -> None:
    """Earthdata over a mere folder would hand out keys that nobody checks."""
    with (
        pytest.raises(ConfigurationError, match="S3 server"),
        cloud(server="static", earthdata=True),
    ):
        pass
    with pytest.raises(ConfigurationError, match="earthdata=True"):
        _ = sky.earthdata
    with pytest.raises(ConfigurationError, match="upstream"):
        wire.connect_from("127.0.0.9")
