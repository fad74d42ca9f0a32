"""Every error says what, where and what to do, and survives a trip between processes."""

from __future__ import annotations

import copy
import inspect
import pickle

import pytest

from cryodata import errors
from cryodata.errors import (
    AuthError,
    ConfigurationError,
    CryodataError,
    NotFoundError,
    close_names,
)

CLASSES = [
    cls
    for _, cls in inspect.getmembers(errors, inspect.isclass)
    if issubclass(cls, CryodataError) and cls.__module__ == errors.__name__
]
STANDS_FOR = {  # what code that knows nothing of us may catch
    errors.ConfigurationError: ValueError,
    errors.UnknownVariableError: LookupError,
    errors.UnknownProductError: LookupError,
    errors.MissingDependencyError: ImportError,
    errors.AuthError: PermissionError,
    errors.FetchError: OSError,
    errors.NotFoundError: FileNotFoundError,
    errors.FetchTimeoutError: TimeoutError,
}


def full(cls: type[CryodataError]) -> CryodataError:
    return cls(
        "Got 3 bytes, expected 8",
        fix="Read it again.",
        url="s3://bucket/granule.h5",
        path="/gt1l/heights/h_ph",
        start=100,
        stop=108,
    )


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_errors_pickle_whole(cls: type[CryodataError]) -> None:
    """Dask ships errors between processes: one that loses a field hides where it happened."""
    error = full(cls)
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(twin) is cls
        assert str(twin) == str(error)
        for field in ("what", "fix", "url", "path", "start", "stop"):
            assert getattr(twin, field) == getattr(error, field), field


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_errors_say_what_where_and_what_to_do(cls: type[CryodataError]) -> None:
    """A built-in base with its own ``__str__`` or slots would swallow part of the message."""
    no_file = issubclass(cls, ConfigurationError | AuthError | NotFoundError)
    place = "" if no_file else " (bytes 100-108)"  # no bytes of what is not there to be read
    assert str(full(cls)) == (
        f"Got 3 bytes, expected 8 in s3://bucket/granule.h5 at /gt1l/heights/h_ph{place}\n"
        "Read it again."
    )
    assert str(cls("Only this")) == "Only this"


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_errors_are_exported_and_explained(cls: type[CryodataError]) -> None:
    """A user can only catch what has a public name."""
    assert cls.__name__ in errors.__all__
    assert cls.__doc__
    assert errors.__doc__ is not None
    assert cls.__name__ in errors.__doc__, "missing from the tree in the module's docstring"


@pytest.mark.parametrize(
    "ours,theirs", STANDS_FOR.items(), ids=lambda cls: getattr(cls, "__name__", "")
)
def test_errors_are_also_the_builtin_ones(
    ours: type[CryodataError], theirs: type[Exception]
) -> None:
    """``except FileNotFoundError`` written for local files keeps working."""
    assert issubclass(ours, theirs)


def test_locate_fills_in_only_what_is_missing() -> None:
    """The inner raiser knows better where it happened than the outer one."""
    error = CryodataError("No", path="/inner").locate(url="s3://b/k", path="/outer")
    assert (error.url, error.path) == ("s3://b/k", "/inner")


def test_close_names_are_near_then_by_last_part_then_a_few() -> None:
    """An unknown name has to be answered with something a user can pick from."""
    known = ["/gt1l/heights/h_ph", "/gt1l/heights/lat_ph", "/gt2r/land_ice_segments/h_li"]
    assert "/gt1l/heights/h_ph" in close_names("/gt1l/heights/hph", known)
    assert close_names("h_li", known) == "Did you mean /gt2r/land_ice_segments/h_li?"
    assert close_names("zzz", [f"/v{i:03}" for i in range(9)], most=2) == (
        "There are: /v000, /v001 and 7 more."
    )
    assert close_names("zzz", []) == "There is nothing here."
