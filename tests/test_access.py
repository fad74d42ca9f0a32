"""Direct or external: found by one read of S3, told in one line, the same values either way."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr

import cryodata as cd
from cryodata import access
from cryodata.catalogue import search
from cryodata.earthdata.granule import Granule
from cryodata.earthdata.identity.login import active_system
from cryodata.earthdata.place import Place, place_of
from cryodata.errors import (
    AuthError,
    ConfigurationError,
    EulaRequiredError,
    FetchError,
    GranuleChangedError,
    NotFoundError,
    NotInRegionError,
    TokenExpiredError,
)
from cryodata.sandbox import Fault, cloud
from cryodata.sandbox.earthdata import Earth
from cryodata.sandbox.granules import atl06
from cryodata.sandbox.sky import Sky
from cryodata.store.renewing import RenewingStore
from cryodata.types import AnyArray

BUCKET = "nsidc-cumulus-prod-protected"


@pytest.fixture(scope="module")
def sky() -> Iterator[Sky]:
    with cloud("none", earthdata=True) as sky:
        yield sky


@pytest.fixture(scope="module")
def granule(sky: Sky, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A granule of several megabytes, published."""
    path = atl06(tmp_path_factory.mktemp("granules"), segments=6000, seed=1, rgt=50, cycle=4)
    sky.earthdata.publish(path)
    return path


@pytest.fixture
def earth(sky: Sky, granule: Path, stranger: None) -> Earth:
    """The sandbox as at first, and a process that is logged in and knows no way yet."""
    sky.reset()
    for log in (sky.earthdata.data.log, sky.earthdata.cdn.log, sky.earthdata.edl.log):
        log.clear()
    cd.login(token=sky.earthdata.token(), system=sky.earthdata.system, quiet=True)
    return sky.earthdata


UNKEPT = cd.Options(cache=None)


def heights(where: object, **settings: object) -> xr.Dataset:
    return cd.open(where, variables=["h_li"], options=UNKEPT, **settings)  # type: ignore[arg-type]


def expected(granule: Path) -> AnyArray:
    """Heights of all beams by h5py, fill as NaN."""
    with h5py.File(granule) as file:
        found = []
        for beam in ("gt1l", "gt1r", "gt2l", "gt2r", "gt3l", "gt3r"):
            dataset = file[beam]["land_ice_segments/h_li"]
            values = dataset[()]
            values[values == dataset.attrs["_FillValue"]] = np.nan
            found.append(values)
    return np.concatenate(found)


def s3_url(earth: Earth) -> str:
    return search("ATL06")[0].s3


def test_inside_the_region_s3_is_read(
    sky: Sky, earth: Earth, granule: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Keys are asked for once, the data host for nothing else, and the user is told."""
    ds = heights("ATL06")
    np.testing.assert_array_equal(ds.h_li.values, expected(granule))
    assert [entry.path for entry in earth.data.log] == ["/s3credentials"]
    assert len(earth.cdn.log) == 0
    told = [line for line in capsys.readouterr().err.splitlines() if line]
    assert told == [f"cryodata: s3://{BUCKET} is read directly: it answered a read of one byte"]
    heights("ATL06")
    assert capsys.readouterr().err == ""


def test_outside_https_takes_over_after_one_refusal(
    sky: Sky, earth: Earth, granule: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One request is refused; then a link is asked for once, and each range is one request."""
    earth.outside()
    ds = heights("ATL06")
    np.testing.assert_array_equal(ds.h_li.values, expected(granule))
    assert [entry.status for entry in sky.log] == [403]
    links = [entry for entry in earth.data.log if entry.path != "/s3credentials"]
    assert [entry.status for entry in links] == [303]
    assert len(earth.cdn.log) == ds.cryo.receipt.requests
    assert {entry.status for entry in earth.cdn.log} == {206}
    assert "over https: S3 refused" in capsys.readouterr().err


def test_both_ways_give_the_same_bits(earth: Earth, granule: Path) -> None:
    """A notebook must not give other values in the cloud than at home."""
    ways = [
        cd.open("ATL06", variables="all", access=way, options=UNKEPT).load()
        for way in ("direct", "external")
    ]
    xr.testing.assert_identical(ways[0], ways[1])
    for name, variable in ways[0].variables.items():
        assert variable.to_numpy().tobytes() == ways[1].variables[name].to_numpy().tobytes(), name


def test_every_spelling_of_a_granule_finds_its_way(earth: Earth, granule: Path) -> None:
    """S3 and https URL, granule, catalogue record and engine="cryodata" are read with leave."""
    one = search("ATL06")[0]
    record = earth.catalogue.granules[0].record
    spellings = [one, [one], one.s3, one.https, search("ATL06"), record]
    for what in spellings:
        for way in ("direct", "external"):
            ds = heights(what, access=way, beams="gt1l")
            assert ds.h_li.size == 6000, (what, way)
    for url in (one.s3, one.https):
        group = xr.open_dataset(
            url, engine="cryodata", group="gt1l/land_ice_segments", options=UNKEPT
        )
        assert group.h_li.values.size == 6000
    tree = cd.open_tree(one, options=UNKEPT)
    assert tree["gt1l/land_ice_segments/h_li"].size == 6000


def test_direct_outside_is_an_error_that_says_what_to_do(earth: Earth) -> None:
    """Who asks for S3 alone must not be sent over https in silence."""
    earth.outside()
    with pytest.raises(NotInRegionError, match=r"us-west-2(.|\n)*auto") as caught:
        heights("ATL06", access="direct")
    assert caught.value.url.startswith("s3://")


def test_way_by_option_and_environment(
    sky: Sky, earth: Earth, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CRYODATA_ACCESS is for all calls, access= for one; external never touches S3."""
    monkeypatch.setenv("CRYODATA_ACCESS", "external")
    ds = cd.open("ATL06", variables="h_li", options=cd.Options(cache=None))
    assert ds.cryo.receipt.requests
    assert len(sky.log) == 0
    assert heights("ATL06", access="direct").cryo.receipt.requests
    assert len(sky.log) > 0
    monkeypatch.setenv("CRYODATA_ACCESS", "sideways")
    with pytest.raises(ConfigurationError, match="direct"):
        cd.open("ATL06")


def test_one_probe_however_many_ask(sky: Sky, earth: Earth) -> None:
    """Threads that open at once must not each be refused."""
    earth.outside()
    granules = search("ATL06")
    barrier = threading.Barrier(8)

    def open_one(_: int) -> None:
        barrier.wait()
        heights(granules).close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(open_one, range(8)))
    assert len(sky.log) == 1


def test_login_and_licence_are_no_matter_of_region(earth: Earth) -> None:
    """An expired token taken for another region would be retried over https for nothing."""
    token = earth.token()
    cd.login(token=token, system=earth.system, quiet=True)
    earth.rules.profile_life = 0
    earth.revoke(token)
    with pytest.raises(TokenExpiredError):
        heights(f"s3://{BUCKET}/ATL06.h5")
    earth.add_user("newcomer", "secret-of-newcomer", approved=False)
    cd.login(username="newcomer", password="secret-of-newcomer", system=earth.system, quiet=True)
    with pytest.raises(EulaRequiredError) as caught:
        heights(f"s3://{BUCKET}/ATL06.h5")
    assert caught.value.link.startswith(earth.system.edl)


def test_server_that_fails_is_asked_again_before_it_is_left(sky: Sky, earth: Earth) -> None:
    """One 503 must not send a whole session over https."""
    sky.fault(Fault("status", status=503, code="SlowDown"), times=1)
    heights("ATL06")
    assert len(earth.cdn.log) == 0
    access.forget_ways()
    sky.fault(Fault("reset"), prob=1.0)
    cd.open("ATL06", options=cd.Options(cache=None, network=cd.Network(timeout=2)))
    assert len(earth.cdn.log) > 0


def test_server_that_fails_says_nothing_of_the_region(
    sky: Sky, earth: Earth, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One bad moment would close S3 for as long as the process lives, for a wrong reason."""
    options = cd.Options(cache=None, network=cd.Network(timeout=2))
    sky.fault(Fault("status", status=503, code="SlowDown"))
    with pytest.raises(FetchError):
        cd.open("ATL06", access="direct", options=options)
    assert len(sky.log) > 0
    sky.log.clear()
    cd.open("ATL06", options=options)
    assert len(sky.log) == 0  # within a minute it is not asked again
    sky._wire.clear_faults()
    monkeypatch.setattr(access, "PATIENCE", 0.0)
    earth.cdn.log.clear()
    heights("ATL06", access="direct")
    heights("ATL06")
    assert len(earth.cdn.log) == 0


def test_bucket_that_only_its_granule_knows(earth: Earth) -> None:
    """New buckets are in no table for years; their records say who gives keys."""
    endpoint = f"{earth.data.url}/s3credentials"
    granule = Granule(name="x.h5", s3="s3://new-bucket/x.h5", endpoint=endpoint)
    place = place_of(granule, earth.system)
    assert place == Place(s3="s3://new-bucket/x.h5", https="", endpoint=endpoint)
    elsewhere = replace(granule, https="https://example.org/x.h5")
    assert place_of(elsewhere, earth.system) == place  # which is told nothing
    for stranger in ("", "https://example.org/s3credentials"):
        assert place_of(replace(granule, endpoint=stranger), earth.system) is None


def test_missing_objects_are_missing_either_way(earth: Earth) -> None:
    """A wrong name is not a wrong region."""
    one = search("ATL06")[0]
    for url in (one.s3, one.https):
        for way in ("direct", "external"):
            with pytest.raises(NotFoundError) as caught:
                heights(url.replace("ATL06_2", "ATL06_3"), access=way)
            assert "Signature" not in str(caught.value)


def test_replaced_granules_are_noticed_either_way(sky: Sky, earth: Earth, tmp_path: Path) -> None:
    """ETags hold over S3 and over signed links alike."""
    for way in ("direct", "external"):
        url = earth.store(atl06(tmp_path, segments=6000, seed=8), "replaced/ATL06.h5")
        ds = heights(url, access=way)
        earth.store(atl06(tmp_path, segments=6000, seed=9), "replaced/ATL06.h5")
        with pytest.raises(GranuleChangedError):
            _ = ds.h_li.values


def test_stores_pickle_to_where_to_ask(earth: Earth, granule: Path) -> None:
    """A worker gets the address and finds its own leave."""
    for way in ("direct", "external"):
        ds = heights("ATL06", access=way)
        copy = pickle.loads(pickle.dumps(ds))
        np.testing.assert_array_equal(copy.h_li.values, expected(granule))


def test_objects_of_others_are_read_as_ever(sky: Sky, earth: Earth, granule: Path) -> None:
    """Our login is for Earthdata alone: other buckets and hosts are never told of it."""
    url = sky.put(granule)
    ds = heights(url, storage_options=sky.storage_options)
    assert ds.h_li.size
    assert heights(sky.https(url)).h_li.size
    asked = [entry for entry in sky.log if "authorization" in entry.headers]
    assert not asked
    with pytest.raises(AuthError):
        heights(f"s3://{BUCKET}/ATL06.h5", storage_options=sky.storage_options)


def test_data_host_that_is_trusted_gets_the_token_and_no_other(earth: Earth) -> None:
    """Whether a host may know the user is for the system to say, not for the URL."""
    store = access.open_granule_store(f"{earth.cdn.url}/x/y.h5", options=UNKEPT)
    assert not isinstance(store, RenewingStore)
    assert active_system().edl == earth.system.edl


def test_references_of_either_way_serve_both(
    sky: Sky, earth: Earth, granule: Path, tmp_path: Path
) -> None:
    """Built inside the region, read outside of it, and the other way round: nothing is walked."""
    for built, read in (("direct", "external"), ("external", "direct")):
        found = search("ATL06", rgt=50, cycle=4)
        options = replace(UNKEPT, access=built)
        refs = cd.references.build(found, tmp_path / built, options=options)
        assert [row.granule for row in refs] == list(found)
        strangers = cd.references.open(tmp_path / built)  # Earthdata needs no allowance
        access.forget_ways()
        with cd.open(strangers, variables=["h_li"], options=UNKEPT, access=read) as ds:
            assert ds.cryo.receipt.requests == 0, "opened by what the references know"
            np.testing.assert_array_equal(ds["h_li"].values, expected(granule))
        assert len(cd.references.refresh(strangers)) == 1
