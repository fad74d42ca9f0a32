"""The cloud behind one with-block: real S3 with real keys, and the static one for speed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import obstore
import pytest
import s3fs
from obstore.exceptions import PermissionDeniedError, PreconditionError
from obstore.store import S3Store

from cryodata.errors import ConfigurationError, MissingDependencyError
from cryodata.sandbox import Fault, Keys, Sky, cloud
from tests.sandbox.conftest import DATA


def store(sky: Sky, bucket: str = "public", keys: Keys | None = None, **options: Any) -> S3Store:
    """Obstore's view of the cloud, without retries."""
    if keys is None:
        options["skip_signature"] = True
    else:
        options["access_key_id"] = keys.key
        options["secret_access_key"] = keys.secret
        options["session_token"] = keys.token
    return S3Store(
        bucket,
        endpoint=sky.url,
        region="us-west-2",
        virtual_hosted_style_request=False,
        client_options={"allow_http": True},
        retry_config={"max_retries": 0},
        **options,
    )


def filesystem(options: dict[str, Any]) -> s3fs.S3FileSystem:
    """s3fs's view of the cloud, not shared with other tests."""
    return s3fs.S3FileSystem(**options, skip_instance_cache=True, use_listings_cache=False)


@pytest.fixture(scope="module")
def static_sky() -> Iterator[Sky]:
    """A cloud without S3 server."""
    with cloud("none", server="static") as running:
        yield running


@pytest.fixture(params=["s3", "static"])
def any_sky(request: pytest.FixtureRequest) -> Sky:
    """Both kinds of cloud: what reads one reads the other."""
    found: Sky = request.getfixturevalue("sky" if request.param == "s3" else "static_sky")
    found.reset()
    return found


def test_public_objects(any_sky: Sky, tmp_path: Path) -> None:
    """What is put would not be what obstore, s3fs and plain HTTP read."""
    path = tmp_path / "a.bin"
    path.write_bytes(DATA)
    assert any_sky.put(path) == "s3://public/a.bin"
    assert any_sky.put(b"small", "deep/b.bin") == "s3://public/deep/b.bin"
    assert len(any_sky.log) == 0  # putting goes past the wire
    assert bytes(obstore.get_range(store(any_sky), "a.bin", start=5, length=9)) == DATA[5:14]
    files = filesystem(any_sky.storage_options)
    assert files.cat_file("public/a.bin", start=5, end=14) == DATA[5:14]
    assert files.info("public/a.bin")["size"] == len(DATA)
    assert files.ls("public/deep", detail=False) == ["public/deep/b.bin"]
    with urllib.request.urlopen(any_sky.https("deep/b.bin"), timeout=20) as reply:
        assert reply.read() == b"small"
    assert any_sky.https("s3://public/deep/b.bin") == any_sky.https("deep/b.bin")
    assert any_sky.log.summary().requests == len(any_sky.log) >= 4
    any_sky.delete("deep/b.bin")
    with pytest.raises(FileNotFoundError):
        obstore.head(store(any_sky), "deep/b.bin")


def test_replaced_object(any_sky: Sky) -> None:
    """A granule replaced in the middle of a read would go unnoticed."""
    any_sky.put(b"first version", "r.bin")
    etag = obstore.head(store(any_sky), "r.bin")["e_tag"]
    assert etag is not None
    obstore.get(store(any_sky), "r.bin", options={"range": (0, 5), "if_match": etag})
    any_sky.put(b"second version", "r.bin")
    with pytest.raises(PreconditionError):
        obstore.get(store(any_sky), "r.bin", options={"range": (0, 5), "if_match": etag})


def test_private_bucket_needs_keys(sky: Sky) -> None:
    """Reading without a login would succeed here and fail at NASA."""
    sky.put(b"private", "p.bin", private=True)
    with pytest.raises(PermissionDeniedError):
        obstore.head(store(sky, "private"), "p.bin")
    keys = sky.session_keys()
    assert bytes(obstore.get(store(sky, "private", keys), "p.bin").bytes()) == b"private"
    assert filesystem(sky.private_options()).cat_file("private/p.bin") == b"private"


def test_session_may_not_write(sky: Sky) -> None:
    """A reader that writes would not be stopped."""
    with pytest.raises(PermissionDeniedError):
        obstore.put(store(sky, "private", sky.session_keys()), "new.bin", b"1")


def test_keys_are_checked(sky: Sky) -> None:
    """A wrong secret would do, so that no test could tell whether requests are signed."""
    keys = sky.session_keys()
    wrong = Keys(keys.key, keys.secret[::-1], keys.token, keys.expires)
    with pytest.raises(PermissionDeniedError):
        obstore.head(store(sky, "private", wrong), "p.bin")


def test_unknown_session_is_400_as_on_aws(sky: Sky) -> None:
    """Renewal of expired keys would be tested against an answer AWS does not give."""
    keys = sky.session_keys()
    expired = Keys("ASIAEXPIRED", keys.secret, keys.token)
    with pytest.raises(Exception, match="ExpiredToken"):
        obstore.get(store(sky, "private", expired), "p.bin")
    assert [entry.status for entry in sky.log] == [400]


def test_keys_expire() -> None:
    """A long read would never see its keys expire."""
    with cloud("none", session="2s") as short:
        short.put(b"private", "p.bin", private=True)
        keys = short.session_keys()
        reader = store(short, "private", keys)
        assert bytes(obstore.get(reader, "p.bin").bytes()) == b"private"
        time.sleep(2.5)
        with pytest.raises(Exception, match="ExpiredToken"):
            obstore.get(reader, "p.bin")


def test_keys_print_without_secrets(sky: Sky) -> None:
    """A secret would end up in a log or a notebook."""
    keys = sky.session_keys()
    shown = repr(keys)
    assert keys.secret not in shown
    assert keys.token not in shown
    assert keys.expires is not None
    assert keys.expires.utcoffset() is not None


@pytest.mark.skipif(sys.platform != "linux", reason="needs all of 127.0.0.0/8 on loopback")
def test_only_known_networks(sky: Sky) -> None:
    """The region rule could not be tried: session keys that work from anywhere."""
    import http.client

    from botocore.auth import S3SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    sky.put(b"private", "n.bin", private=True)
    keys = sky.session_keys()
    assert sky.server_address is not None
    request = AWSRequest("GET", f"http://{sky.server_address}/private/n.bin")
    signer = S3SigV4Auth(Credentials(keys.key, keys.secret, keys.token), "s3", "us-west-2")
    signer.add_auth(request)
    answers = []
    for source in ("127.0.0.1", "127.0.0.9"):
        client = http.client.HTTPConnection(
            sky.server_address, source_address=(source, 0), timeout=20
        )
        client.request("GET", "/private/n.bin", headers=dict(request.headers))
        answers.append(client.getresponse().status)
        client.close()
    assert answers == [200, 403]


def test_faults_before_s3(sky: Sky) -> None:
    """Faults would only work before a folder."""
    sky.put(DATA, "f.bin")
    number = sky.fault(Fault("corrupt", at=3), path="f.bin", times=1)
    body = bytes(obstore.get_range(store(sky), "f.bin", start=0, length=9))
    assert body == DATA[:3] + bytes([DATA[3] ^ 0xFF]) + DATA[4:9]
    assert sky.fired(number) == 1
    sky.fault(Fault("status"))
    sky.reset()
    assert len(bytes(obstore.get(store(sky), "f.bin").bytes())) == len(DATA)


def test_static_has_no_private_bucket(static_sky: Sky) -> None:
    """A test of logins would pass without any."""
    with pytest.raises(ConfigurationError, match="private bucket"):
        static_sky.put(b"1", "p.bin", private=True)
    with pytest.raises(ConfigurationError, match="keys"):
        static_sky.private_options()


def test_wire_of_its_own_process() -> None:
    """Measurements would share the interpreter lock with the wire, or miss its log."""
    with cloud("in_region", server="static", process=True) as sky:
        sky.put(DATA, "a.bin")
        assert bytes(obstore.get_range(store(sky), "a.bin", start=0, length=9)) == DATA[:9]
        (entry,) = sky.log
        assert entry.path == "/public/a.bin"
        assert entry.ttfb > 0.01
        assert sky.cpu_seconds() > 0
        number = sky.fault(Fault("status", status=403), times=1)
        with pytest.raises(PermissionDeniedError):
            obstore.get(store(sky), "a.bin")
        assert sky.fired(number) == 1
        with pytest.raises(ConfigurationError, match="call"):
            sky.fault(Fault("call", call=print))
        with pytest.raises(ConfigurationError, match="no network profile"):
            sky.profile("nowhere")
        sky.reset()
        assert len(sky.log) == 0
        url = sky.url
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(url, timeout=20)


def test_nothing_survives_a_killed_process(tmp_path: Path) -> None:
    """Servers would pile up on the machine of whoever interrupts a test."""
    script = (
        "import os, signal\n"
        "from cryodata.sandbox import cloud\n"
        "with cloud('none', process=True) as sky:\n"
        "    print(sky.url, 'http://' + sky.server_address, flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        check=False,
    )
    assert ended.returncode == -signal.SIGKILL
    deadline = time.monotonic() + 20
    for url in ended.stdout.split():
        while time.monotonic() < deadline:
            try:
                urllib.request.urlopen(url, timeout=20).close()
            except OSError:
                break
            time.sleep(0.05)
        else:
            pytest.fail(f"{url} still answers")
    while list(tmp_path.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert list(tmp_path.iterdir()) == []


def test_missing_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever lacks the extra would not be told which."""
    monkeypatch.setattr("shutil.which", lambda *args, **kwargs: None)
    with (
        pytest.raises(MissingDependencyError, match=r"cryodata-earth\[sandbox\]"),
        cloud("none"),
    ):
        pass


def test_import_is_cheap() -> None:
    """Importing the package would import HDF5, S3 clients or xarray."""
    script = "import sys, cryodata.sandbox; print(*sys.modules)"
    shown = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
    )
    assert not {"h5py", "boto3", "s3fs", "deflate"} & set(shown.stdout.split())
