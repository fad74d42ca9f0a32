"""One piece of work serves all who wait for it, and fails each of them alone."""

from __future__ import annotations

import asyncio
import threading

import pytest

from cryodata.earthdata.hosts import flight
from cryodata.earthdata.hosts.flight import Flight, anew, arrival, landing
from cryodata.errors import CryodataError, FetchTimeoutError, ReaderClosedError, ServiceError


def failing() -> int:
    secret = "CANARY"
    raise ServiceError("down", fix=f"wait {len(secret)}")


def test_each_caller_gets_an_error_of_its_own() -> None:
    """Each adds its granule to it; frames of the work hold keys."""
    future = Flight[int]("test").start(failing)
    errors: list[CryodataError] = []
    for number in range(3):
        with pytest.raises(ServiceError, match="down") as caught:
            landing(future)
        errors.append(caught.value.locate(url=f"s3://{number}"))
    assert [error.url for error in errors] == ["s3://0", "s3://1", "s3://2"]
    for error in errors:
        frames = [entry.name for entry in pytest.ExceptionInfo.from_exception(error).traceback]
        assert "failing" not in frames


def test_a_mistake_of_ours_is_shown_as_it_is() -> None:
    """Without its frames nobody could mend it."""
    future = Flight[float]("test").start(lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        landing(future)
    with pytest.raises(ZeroDivisionError):
        asyncio.run(arrival(future))


def test_nobody_waits_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that does not resolve may hold a thread for minutes."""
    monkeypatch.setattr(flight, "_LONGEST", 0.1)
    go_on = threading.Event()
    future = Flight[bool]("test").start(lambda: go_on.wait(20))
    with pytest.raises(FetchTimeoutError):
        landing(future)
    with pytest.raises(FetchTimeoutError):
        asyncio.run(arrival(future))
    go_on.set()
    assert future.result(10)


def test_when_the_interpreter_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """No thread starts then; whoever asks is told, and does not wait."""

    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(ReaderClosedError, match="shutting down"):
        landing(Flight[int]("test").start(failing))


def test_an_error_without_its_past() -> None:
    """Causes have frames as well."""
    try:
        try:
            failing()
        except ServiceError as error:
            raise ServiceError("again") from error
    except ServiceError as error:
        same = anew(error)
    assert (same.what, same.__cause__, same.__context__, same.__traceback__) == (
        "again",
        None,
        None,
        None,
    )
