"""Workers without a login are given the token of the client, and nothing else has it."""

from __future__ import annotations

import logging
import pickle
import time
from collections.abc import Iterator
from typing import Any

import pytest
from distributed import Client, LocalCluster

from cryodata.earthdata.hosts.secret import Secret
from cryodata.earthdata.identity.login import current_login, login
from cryodata.earthdata.identity.share import _Parcel, _receive, share
from cryodata.earthdata.leave.credentials import bucket_credentials
from cryodata.earthdata.system import System
from cryodata.errors import NotLoggedInError
from cryodata.sandbox.earthdata import PROTECTED, Earth
from tests.earthdata.canaries import found


@pytest.fixture
def client() -> Iterator[Client]:
    """Two worker processes, which know nothing of this one's login."""
    with (
        LocalCluster(  # type: ignore[no-untyped-call]
            n_workers=2,
            threads_per_worker=1,
            processes=True,
            dashboard_address=None,
            silence_logs=logging.WARNING,
        ) as cluster,
        Client(cluster) as running,  # type: ignore[no-untyped-call]
    ):
        yield running


def who(system: System) -> str:
    """In a worker: as whom it reads."""
    try:
        present = current_login(system)
    except NotLoggedInError:
        return ""
    return f"{present.user} by {present.means}"


def key_of(endpoint: str, system: System) -> str:
    """In a worker: an access key id."""
    return bucket_credentials(endpoint, PROTECTED, system).keys().key.reveal()


def test_workers_are_given_the_token(earth: Earth, client: Client) -> None:
    """A cluster that was not started with EARTHDATA_TOKEN can read all the same."""
    user = earth.add_user("CANARYUSER", "CANARYPASSWORD7Q2M")
    present = login(username=user.name, password=user.password, system=earth.system, quiet=True)
    token = present.account.token().secret.reveal()
    earth.edl.log.clear()
    before: dict[str, str] = client.run(who, earth.system)
    assert set(before.values()) == {""}
    shared: dict[str, str] = share(client, earth.system)
    assert shared == dict.fromkeys(before, user.name)
    after: dict[str, str] = client.run(who, earth.system)
    assert set(after.values()) == {f"{user.name} by token shared by the client"}
    assert not [e for e in earth.edl.log if e.path.startswith("/api/")]  # nobody asks again
    keys: dict[str, str] = client.run(key_of, earth.data.url, earth.system)
    assert len(set(keys.values())) == 2
    untyped: Any = client
    logs = [untyped.get_worker_logs(), untyped.get_scheduler_logs(), untyped.get_events()]
    assert not found([token, user.password], *map(str, logs))
    future = client.submit(who, earth.system)
    assert "CANARYUSER" in future.result()
    assert not found(
        [token, user.password], pickle.dumps(bucket_credentials("https://h", "b", earth.system))
    )


def test_a_worker_in_this_process_keeps_its_login(earth: Earth) -> None:
    """Threads of the client are workers too, and know the password already."""

    class Here:
        def run(self, function: Any, *arguments: Any) -> dict[str, str]:
            return {"inproc://": function(*pickle.loads(pickle.dumps(arguments)))}

    present = login(username=earth.user, password=earth.password, system=earth.system, quiet=True)
    assert share(Here(), earth.system) == {"inproc://": earth.user}
    assert current_login(earth.system).account is present.account


def test_a_shared_token_that_is_over_gives_way(earth: Earth) -> None:
    """The second call, for which the first made the need, would fail."""
    over = earth.token(life=3.0)
    _receive(earth.system, _Parcel(Secret(over)))
    time.sleep(3.1)
    fresh = earth.token()
    assert _receive(earth.system, _Parcel(Secret(fresh))) == earth.user
    assert current_login(earth.system).account.token().secret == Secret(fresh)


def test_what_travels_prints_nothing() -> None:
    """Workers log the arguments of what fails."""
    parcel = _Parcel(Secret("CANARYTOKEN7Q2M"))
    assert not found(["CANARYTOKEN7Q2M"], repr(parcel), str((parcel,)))
    assert pickle.loads(pickle.dumps(parcel))._secret == Secret("CANARYTOKEN7Q2M")
