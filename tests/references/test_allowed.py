"""Where references may point to: below what the caller names, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from cryodata.errors import ConfigurationError, UnsafeReferenceError
from cryodata.formats.allowed import Allowed

NASA = Allowed.of(["s3://nsidc-cumulus-prod-protected/ATLAS", "https://data.nsidc.example"])
FINE = [
    "s3://nsidc-cumulus-prod-protected/ATLAS/ATL06/006/x.h5",
    "https://data.nsidc.example/nsidc-cumulus-prod-protected/ATLAS/x.h5",
    "https://DATA.nsidc.example/x.h5",
]
EVIL = [
    "/etc/passwd",
    "file:///etc/passwd",
    "file://localhost/etc/passwd",
    "file:/etc/passwd",
    "FILE:///etc/passwd",
    "local:///etc/passwd",
    "etc/passwd",
    "../../etc/passwd",
    "//etc/passwd",
    "\\\\server\\share\\x",
    "C:\\Windows\\win.ini",
    "http://data.nsidc.example/x.h5",
    "https://evil.example/x.h5",
    "https://data.nsidc.example.evil.example/x.h5",
    "https://data.nsidc.example@evil.example/x.h5",
    "https://evil.example\\@data.nsidc.example/x.h5",
    "https://user:secret@data.nsidc.example/x.h5",
    "https://data.nsidc.example:8443/x.h5",
    "https://data.nsidc.example/../x.h5",
    "https://data.nsidc.example/a/%2e%2e/x.h5",
    "https://data.nsidc.example/a%2F..%2Fx.h5",
    "https://data.nsidc.example/a//x.h5",
    "https://data.nsidc.example/x.h5?next=https://evil.example",
    "https://data.nsidc.example/x.h5#@evil.example",
    "https://data.nsidc.example\n.evil.example/x.h5",
    "https://data.nsidc.example /x.h5",
    "https:///x.h5",
    "https:data.nsidc.example/x.h5",
    "https://127.0.0.1/x.h5",
    "https://localhost/x.h5",
    "https://[::1]/x.h5",
    "https://0x7f000001/x.h5",
    "https://2130706433/x.h5",
    "http://169.254.169.254/latest/meta-data/iam/security-credentials/",
    "http://metadata.google.internal/computeMetadata/v1/",
    "s3://nsidc-cumulus-prod-protected/GLAH/x.h5",
    "s3://nsidc-cumulus-prod-protected/ATLAS-evil/x.h5",
    "s3://nsidc-cumulus-prod-protected/ATLAS/../GLAH/x.h5",
    "s3://nsidc-cumulus-prod-protected.evil/ATLAS/x.h5",
    "s3://evil/ATLAS/x.h5",
    "s3a://nsidc-cumulus-prod-protected/ATLAS/x.h5",
    "simplecache::s3://nsidc-cumulus-prod-protected/ATLAS/x.h5",
    "zip://x::s3://nsidc-cumulus-prod-protected/ATLAS/x.zip",
    "reference::/tmp/refs.json",
    "ftp://data.nsidc.example/x.h5",
    "gopher://127.0.0.1:6379/_FLUSHALL",
    "data:text/plain,evil",
    "memory://x",
    "jar:file:///etc/passwd",
    "{{ cycler.__init__.__globals__.os.system('id') }}",
    "https://data.nsidc.example/{{u}}\x00.h5",
    "https://d\u0430ta.nsidc.example/x.h5",  # a Cyrillic letter
    "",
    "s3://" + "a" * 5000,
]


@pytest.mark.parametrize("url", FINE)
def test_what_is_below_is_allowed(url: str) -> None:
    """A check that refuses everything would be no check."""
    assert NASA.check(url) == url


@pytest.mark.parametrize("url", EVIL)
def test_everything_else_is_refused(url: str) -> None:
    """Nothing of it is asked, and the message holds no secret and no line break."""
    with pytest.raises(UnsafeReferenceError) as caught:
        NASA.check(url)
    assert "secret" not in str(caught.value)
    assert "\x00" not in caught.value.what
    assert "\n" not in caught.value.what


def test_nothing_is_allowed_where_nothing_is_named() -> None:
    """The default of whoever forgets."""
    for url in FINE:
        with pytest.raises(UnsafeReferenceError, match="allow="):
            Allowed.of([]).check(url)


def test_a_folder_is_allowed_and_links_out_of_it_are_not(tmp_path: Path) -> None:
    """The file that is opened is the one that was looked at."""
    folder = tmp_path / "granules of mine"
    folder.mkdir()
    (folder / "x.h5").write_bytes(b"x")
    (tmp_path / "secret").write_bytes(b"s")
    (folder / "link.h5").symlink_to(tmp_path / "secret")
    allowed = Allowed.of(folder)
    assert allowed.check(str(folder / "x.h5")) == str((folder / "x.h5").resolve())
    for url in (folder / "link.h5", tmp_path / "secret", folder / ".." / "secret", "/etc/passwd"):
        with pytest.raises(UnsafeReferenceError):
            allowed.check(str(url))
    (tmp_path / "granules of mine too").mkdir()
    with pytest.raises(UnsafeReferenceError):
        allowed.check(str(tmp_path / "granules of mine too" / "x.h5"))


def test_ports_and_addresses_are_allowed_where_they_are_named() -> None:
    """A server of one's own, in tests or at home."""
    url = "http://127.0.0.1:9000/bucket/x.h5"
    assert Allowed.of("http://127.0.0.1:9000").check(url) == url
    with pytest.raises(UnsafeReferenceError):
        Allowed.of("http://127.0.0.1:9001").check(url)


@pytest.mark.parametrize("prefix", ["gs://bucket", "https://host/a?b", "s3://a/../b", "https://"])
def test_prefixes_that_are_none(prefix: str) -> None:
    """A prefix that means something else than was thought allows something else."""
    with pytest.raises(ConfigurationError, match="no place that can be allowed"):
        Allowed.of(prefix)
