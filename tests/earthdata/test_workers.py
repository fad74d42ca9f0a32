"""Dask workers in processes of their own: they log in by themselves, and nothing secret travels."""

from __future__ import annotations

import math
import os
import pickle
import signal
import threading
import time
from collections.abc import Iterator
from typing import Any

import cloudpickle
import numpy as np
import pytest

import cryodata as cd
from cryodata import access
from cryodata.sandbox import Keys, Sky, cloud
from cryodata.sandbox.granules import atl06
from tests.earthdata.canaries import found
from tests.earthdata.reading import keys_had

distributed = pytest.importorskip("distributed")

LIFE = 2.0
"""Of keys, at least: theirs are three seconds, and end on a whole one."""


@pytest.fixture(scope="module")
def sky(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sky]:
    """A cloud whose keys live three seconds, with one granule."""
    path = atl06(tmp_path_factory.mktemp("granule"), segments=3000, seed=1, rgt=50, cycle=4)
    with cloud("none", session="3s", earthdata=True) as sky:
        sky.earthdata.publish(path)
        yield sky
    access.forget_ways()


@pytest.fixture
def secrets(sky: Sky, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every secret of the test, those that are made while it runs included."""
    earth, server = sky.earthdata, sky._server
    assert server is not None
    known = [earth.password]
    issue, make = earth._accounts.issue, server.session_keys

    def issued(*what: Any) -> str:
        known.append(issue(*what))
        return known[-1]

    def made(*name: str) -> Keys:
        keys = make(*name)
        known.extend([keys.secret, keys.token])
        return keys

    monkeypatch.setattr(earth._accounts, "issue", issued)
    monkeypatch.setattr(server, "session_keys", made)
    return known


def of_scheduler(dask_scheduler: Any) -> list[bytes]:
    """All that a scheduler holds and has seen, as far as it can be written down."""
    tasks = [
        (key, repr(task.run_spec), repr(task.annotations), repr(task.exception))
        for key, task in dask_scheduler.tasks.items()
    ]
    specs = [cloudpickle.dumps(task.run_spec) for task in dask_scheduler.tasks.values()]
    assert specs
    story = repr(list(dask_scheduler.transition_log)) + repr(dask_scheduler.get_events())
    logs = repr(dask_scheduler.get_logs())
    return [repr(tasks).encode(), story.encode(), logs.encode(), *specs]


@pytest.mark.parametrize("seconds", [6, pytest.param(60, marks=pytest.mark.soak)])
def test_two_workers_read_on_with_keys_of_three_seconds(
    sky: Sky, stranger: None, secrets: list[str], seconds: int
) -> None:
    """A computation of more than an hour would fail, or its graph would hold the user's token."""
    earth = sky.earthdata
    cd.login(token=earth.token(), system=earth.system, quiet=True)
    dataset = cd.open("ATL06", variables="h_li", chunks={}, options=cd.Options(cache=None))
    expected = cd.open("ATL06", variables="h_li", options=cd.Options(cache=None)).h_li.values
    graph = cloudpickle.dumps(dict(dataset.h_li.data.__dask_graph__()))
    earth.data.log.clear()
    artefacts = [graph, pickle.dumps(dataset), repr(dataset.h_li.data.dask).encode()]
    with (
        distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=4,
            processes=True,
            dashboard_address=":0",
            env=earth.login_environment(),
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        began = time.monotonic()
        pids = set(client.run(os.getpid).values())
        if seconds > 10:  # one worker ends in the middle, and another takes its place
            ending = threading.Timer(seconds / 2, os.kill, (min(pids), signal.SIGKILL))
            ending.start()
        reads = 0
        while time.monotonic() < began + seconds or reads < 4:
            np.testing.assert_array_equal(dataset.h_li.values, expected)
            reads += 1
        took = time.monotonic() - began
        held = client.persist(dataset.h_li)
        distributed.wait(held)
        artefacts += client.run_on_scheduler(of_scheduler)
        had = client.run(keys_had)
        artefacts += [repr(client.get_worker_logs()).encode(), repr(had).encode()]
        assert (pids == set(client.run(os.getpid).values())) == (seconds < 10)
        del held
    asked = [entry for entry in earth.data.log if entry.path == "/s3credentials"]
    assert min(had.values()) >= 1  # each worker asked for its own
    assert len(asked) > 2  # and renewed them
    assert max(had.values()) <= math.ceil(took / (0.95 * LIFE)) + 1
    assert len(asked) <= 2 * (math.ceil(took / (0.95 * LIFE)) + 1) + (seconds > 10)
    assert len(secrets) > 6
    assert found(secrets, *artefacts) == []
    assert found(secrets, b"".join(artefacts) + secrets[1].encode()) == secrets[1:2]
