"""Every mistake users make with Earthdata: which error, and what it tells them to do.

One row a mistake: what is done, the class, and words that the message must hold. A message has
two lines at most: what happened, and the remedy.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import h5py
import pytest

import cryodata as cd
from cryodata.catalogue import search
from cryodata.earthdata.hosts import http
from cryodata.errors import (
    AuthError,
    ClockSkewError,
    ConfigurationError,
    CredentialsExpiredError,
    CryodataError,
    EulaRequiredError,
    FetchError,
    FetchTimeoutError,
    FormatError,
    GranuleChangedError,
    LoginRejectedError,
    NotFoundError,
    NothingFoundError,
    NotInRegionError,
    NotLoggedInError,
    RegionError,
    SelectionError,
    ServiceError,
    ThrottledError,
    TokenExpiredError,
    UnknownProductError,
    UnknownVariableError,
)
from cryodata.options import Network
from cryodata.sandbox import Fault, cloud
from cryodata.sandbox.earthdata import Earth
from cryodata.sandbox.granules import atl06
from cryodata.sandbox.sky import Sky

BUCKET = "nsidc-cumulus-prod-protected"
OPTIONS = cd.Options(cache=None, network=Network(timeout=10.0))


@dataclass
class Desk:
    """Where mistakes are made: a cloud, a granule in it, a folder."""

    sky: Sky
    granule: Path
    folder: Path

    @property
    def earth(self) -> Earth:
        """Earthdata of the cloud."""
        return self.sky.earthdata

    def login(self, **given: Any) -> None:
        """Log in, with a good token unless told otherwise."""
        given = given or {"token": self.earth.token()}
        cd.login(system=self.earth.system, quiet=True, **given)

    def open(self, what: Any = "ATL06", **settings: Any) -> Any:
        """Open heights, keeping no index."""
        return cd.open(what, variables="h_li", options=OPTIONS, **settings)


@pytest.fixture(scope="module")
def sky() -> Iterator[Sky]:
    with cloud("none", session="3s", earthdata=True) as sky:
        yield sky


@pytest.fixture(scope="module")
def granule(sky: Sky, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = atl06(tmp_path_factory.mktemp("granules"), segments=6000, seed=1, rgt=50, cycle=4)
    sky.earthdata.publish(path)
    return path


@pytest.fixture
def desk(
    sky: Sky,
    granule: Path,
    tmp_path: Path,
    stranger: None,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Desk]:
    sky.reset()
    for name, value in sky.earthdata.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(http, "_TOTAL", 3.0)  # what 10 s are is shown in test_login
    yield Desk(sky, granule, tmp_path)
    sky.reset()


def no_login(desk: Desk) -> None:
    desk.open()


def wrong_password(desk: Desk) -> None:
    desk.login(username=desk.earth.user, password="not-the-password")


def wrong_password_in_netrc(desk: Desk) -> None:
    netrc = Path(os.environ["HOME"]) / ".netrc"
    host = desk.earth.system.edl.partition("://")[2]
    netrc.write_text(f"machine {host}\n  login {desk.earth.user}\n  password not-the-password\n")
    netrc.chmod(0o600)
    desk.open()


def no_token_at_all(desk: Desk) -> None:
    desk.login(token="this-is-no-token")


def forged_token(desk: Desk) -> None:
    head, claims, signature = desk.earth.token().split(".")
    desk.login(token=f"{head}.{claims}.{signature[::-1]}")


def expired_token(desk: Desk) -> None:
    desk.login(token=desk.earth.token(life=-60))


def revoked_token(desk: Desk) -> None:
    token = desk.earth.token()
    desk.login(token=token)
    desk.earth.rules.profile_life = 0
    desk.earth.revoke(token)
    desk.open()


def unaccepted_licence(desk: Desk) -> None:
    desk.earth.add_user("newcomer", "pass-of-newcomer", approved=False)
    desk.login(username="newcomer", password="pass-of-newcomer")
    desk.open()


def unaccepted_licence_outside(desk: Desk) -> None:
    desk.earth.add_user("newcomer", "pass-of-newcomer", approved=False)
    desk.login(username="newcomer", password="pass-of-newcomer")
    desk.open(access="external")


def not_in_the_group(desk: Desk) -> None:
    desk.login()
    desk.earth.rules.required_group = "early adopters"
    desk.open(access="external")


def direct_from_outside(desk: Desk) -> None:
    desk.login()
    desk.earth.outside()
    desk.open(access="direct")


def keys_by_hand_that_ended(desk: Desk) -> None:
    options = desk.sky.private_options()
    time.sleep(4)
    desk.open(f"s3://{BUCKET}/{key_of(desk)}", storage_options=options)


def clock_far_ahead(desk: Desk) -> None:
    desk.earth.clock_skew = -7 * 86400.0  # the server's behind is ours ahead
    desk.login(token=desk.earth.token(life=3600))


def login_asks_to_slow_down(desk: Desk) -> None:
    desk.earth.edl.fault(Fault("status", status=429, header="Retry-After: 30\r\n"), path="")
    desk.login()


def data_host_is_overloaded(desk: Desk) -> None:
    desk.login()
    desk.earth.data.fault(Fault("status", status=503), path="")
    desk.open()


def data_host_is_overloaded_outside(desk: Desk) -> None:
    desk.login()
    desk.earth.data.fault(Fault("status", status=503), path="")
    desk.open(access="external")


def login_is_a_web_page(desk: Desk) -> None:
    desk.earth.edl.fault(Fault("html", status=200), path="", method="POST")
    desk.login(username=desk.earth.user, password=desk.earth.password)


def keys_are_a_web_page(desk: Desk) -> None:
    desk.login()
    desk.earth.data.fault(Fault("html", status=200), path="s3credentials")
    desk.open()


def catalogue_is_a_web_page(desk: Desk) -> None:
    desk.earth.cmr.fault(Fault("html", status=200), path="")
    desk.open()


def login_hangs(desk: Desk) -> None:
    desk.earth.edl.fault(Fault("hang", seconds=30.0), path="")
    desk.login()


def login_leads_in_circles(desk: Desk) -> None:
    desk.login()
    desk.earth.data.fault(Fault("redirect", to=desk.earth.data.url), path="")
    desk.open(access="external")


def swapped(desk: Desk) -> None:
    desk.open(region=(69, -50, 70, -48))


def south_above_north(desk: Desk) -> None:
    desk.open(region=(-50, 70, -48, 69))


def beyond_the_pole(desk: Desk) -> None:
    desk.open(region=(-50, 80, -48, 95))


def not_a_region(desk: Desk) -> None:
    desk.open(region=(1, 2, 3))


def missing_region_file(desk: Desk) -> None:
    desk.open(region=str(desk.folder / "glacier.geojson"))


def folder_of_files(desk: Desk) -> None:
    desk.open(desk.folder)


def missing_file(desk: Desk) -> None:
    desk.open(desk.folder / "ATL06_20190701210118_00500403_006_01.h5")


def path_for_a_name(desk: Desk) -> None:
    cd.open(desk.granule, variables="gt1l/land_ice_segments/h_li", options=OPTIONS)


def capital_beam(desk: Desk) -> None:
    desk.open(desk.granule, beams="GT1L")


def time_backwards(desk: Desk) -> None:
    desk.open(time=("2023-09", "2023-05"))


def misspelt_product(desk: Desk) -> None:
    desk.open("ATL6")


def misspelt_product_offline(desk: Desk) -> None:
    search("ALT06", system=replace(desk.earth.system, cmr="http://127.0.0.1:9"))


def before_launch(desk: Desk) -> None:
    desk.open(time="2017-01", region=(-180, 50, 180, 90))


def elsewhere(desk: Desk) -> None:
    desk.open(region=(20, -10, 21, -9))


def misspelt_variable(desk: Desk) -> None:
    desk.login()
    cd.open("ATL06", variables="h_lii", options=OPTIONS)


def variable_of_another_product(desk: Desk) -> None:
    desk.login()
    cd.open("ATL06", variables="h_ph", options=OPTIONS)


def misspelt_group(desk: Desk) -> None:
    desk.login()
    cd.open_tree(search("ATL06"), group="gt1l/land_ice_segment", options=OPTIONS)


def missing_beam(desk: Desk) -> None:
    path = atl06(desk.folder, segments=200, beams=("gt1l", "gt1r"))
    desk.open(path, beams="gt3r")


def broken_granule(desk: Desk) -> None:
    path = desk.folder / "ATL06_20190701210118_00500403_006_01.h5"
    path.write_bytes(desk.granule.read_bytes()[:70_000])
    desk.open([path, atl06(desk.folder, segments=200)])


def too_much_for_memory(desk: Desk) -> None:
    _ = cd.open(desk.granule, variables="h_li", options=replace(OPTIONS, memory=1000)).h_li.values


def changed_file(desk: Desk) -> None:
    desk.login()
    url = desk.earth.store(atl06(desk.folder, segments=6000, seed=8), "changed/ATL06.h5")
    ds = desk.open(url)
    desk.earth.store(atl06(desk.folder, segments=6000, seed=9), "changed/ATL06.h5")
    _ = ds.h_li.values


def missing_object(desk: Desk) -> None:
    desk.login()
    desk.open(f"s3://{BUCKET}/ATLAS/ATL06/none.h5")


def key_of(desk: Desk) -> str:
    return search("ATL06")[0].s3.removeprefix(f"s3://{BUCKET}/")


Mistake = Callable[[Desk], None]

MISTAKES: list[tuple[Mistake, type[CryodataError], tuple[str, ...]]] = [
    (no_login, NotLoggedInError, ("cd.login()", "free")),
    (wrong_password, LoginRejectedError, ("jdoe", "password given")),
    (wrong_password_in_netrc, LoginRejectedError, ("jdoe", ".netrc")),
    (no_token_at_all, LoginRejectedError, ("token given", "Generate Token")),
    (forged_token, TokenExpiredError, ("token given", "cd.login()")),  # the server says no more
    (expired_token, TokenExpiredError, ("expired", "cd.login()")),
    (revoked_token, TokenExpiredError, ("token", "cd.login()")),
    (unaccepted_licence, EulaRequiredError, ("approve", "http")),
    (unaccepted_licence_outside, EulaRequiredError, ("approve", "http")),
    (not_in_the_group, AuthError, ("group", "data centre")),
    (direct_from_outside, NotInRegionError, ("us-west-2", 'access="auto"')),
    (keys_by_hand_that_ended, CredentialsExpiredError, ("expired", "new ones")),
    (clock_far_ahead, ClockSkewError, ("clock",)),
    (login_asks_to_slow_down, ThrottledError, ("slow down",)),
    (data_host_is_overloaded, ThrottledError, ("again",)),
    (data_host_is_overloaded_outside, ThrottledError, ("again",)),
    (login_is_a_web_page, ServiceError, ("status.earthdata.nasa.gov",)),
    (keys_are_a_web_page, ServiceError, ("status.earthdata.nasa.gov",)),
    (catalogue_is_a_web_page, ServiceError, ("again",)),
    (login_hangs, FetchTimeoutError, ("in time", "status.earthdata.nasa.gov")),
    (login_leads_in_circles, ServiceError, ("circles",)),
    (swapped, RegionError, ("(lat, lon)", "(-50, 69, -48, 70)")),
    (south_above_north, RegionError, ("(-50, 69, -48, 70)",)),
    (beyond_the_pole, RegionError, ("95",)),
    (not_a_region, RegionError, ("west",)),
    (missing_region_file, NotFoundError, ("glacier.geojson",)),
    (folder_of_files, ConfigurationError, ("folder", "*.h5")),
    (missing_file, NotFoundError, ("Check",)),
    (path_for_a_name, SelectionError, ("variables='h_li'", "beams='gt1l'")),
    (capital_beam, SelectionError, ("'gt1l'",)),
    (time_backwards, SelectionError, ("('2023-05', '2023-09')",)),
    (misspelt_product, UnknownProductError, ("ATL6", "ATL06")),
    (misspelt_product_offline, FetchError, ("online", "'ALT06'", "ATL06")),
    (before_launch, NothingFoundError, ("ithout time: 1", "2019-07-01")),
    (elsewhere, NothingFoundError, ("Without region: 1",)),
    (misspelt_variable, UnknownVariableError, ("h_lii", "h_li")),
    (variable_of_another_product, UnknownVariableError, ("h_ph", "ATL06")),
    (misspelt_group, UnknownVariableError, ("land_ice_segments",)),
    (missing_beam, SelectionError, ("gt3r", "gt1l")),
    (broken_granule, FormatError, ("ATL06_20190701210118", 'on_missing="skip"')),
    (too_much_for_memory, SelectionError, ("chunks",)),
    (changed_file, GranuleChangedError, ("again",)),
    (missing_object, NotFoundError, ("Check",)),
]


@pytest.mark.parametrize(
    "mistake, error, words", MISTAKES, ids=[mistake.__name__ for mistake, *_ in MISTAKES]
)
def test_mistake(
    desk: Desk, mistake: Mistake, error: type[CryodataError], words: tuple[str, ...]
) -> None:
    """An error of the wrong class cannot be caught, and one without remedy does not help."""
    began = time.monotonic()
    with pytest.raises(CryodataError) as caught:
        mistake(desk)
    assert time.monotonic() - began < 25
    assert type(caught.value) is error, caught.value
    text = str(caught.value)
    assert caught.value.fix
    assert len(text.splitlines()) <= 2, text
    assert not [word for word in words if word not in text], text
    assert not [s for s in (desk.earth.password, "Signature=", "not-the-password") if s in text]


@pytest.mark.parametrize(
    "function, what, given, words",
    [
        (cd.open, "ATL06", {"bbox": (-50, 69, -48, 70)}, "argument bbox=. Did you mean region="),
        (cd.search, "ATL06", {"temporal": "2023"}, "temporal=. Did you mean time="),
        (cd.plan, "ATL06", {"var_list": ["h_li"]}, "var_list=. Did you mean variables="),
        (cd.open_tree, "x.h5", {"groups": "gt1l"}, "groups=. Did you mean group"),
        (cd.Reader, "ATL06", {"beam": "gt1l"}, "Reader() has no argument beam=. Did you mean beam"),
    ],
)
def test_argument_of_another_library(
    function: Callable[..., object], what: str, given: dict[str, Any], words: str
) -> None:
    """Still the error of Python, so that who catches it does; it says what is meant."""
    with pytest.raises(TypeError) as caught:
        function(what, **given)
    assert words in str(caught.value)


@pytest.mark.parametrize("function", [cd.open, cd.search, cd.plan])
def test_region_by_place(function: Callable[..., object]) -> None:
    """People write the region next; Python alone says how many there may be."""
    with pytest.raises(TypeError, match=r"by place; name the others: .*="):
        function("ATL06", (-50, 69, -48, 70))


def test_wrong_password_is_tried_once(desk: Desk) -> None:
    """Accounts are locked after a few: neither retries, nor the next read, send it again."""
    desk.earth.edl.log.clear()
    for _ in range(3):
        with pytest.raises(LoginRejectedError):
            wrong_password(desk)
    refused = [entry for entry in desk.earth.edl.log if entry.status == 401]
    assert len(refused) == 1


def test_one_granule_is_no_wish_of_many(desk: Desk) -> None:
    """What is found can be opened: the way back from every mistake above."""
    desk.login()
    with h5py.File(desk.granule) as file:
        count = sum(file[b]["land_ice_segments/h_li"].size for b in file if b.startswith("gt"))
    assert desk.open().h_li.values.size == count
