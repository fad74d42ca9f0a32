"""A secret shows itself to nobody who does not ask for it by name."""

from __future__ import annotations

import copy
import json
import pickle
import traceback

import pytest

from cryodata.earthdata.hosts.secret import Secret
from tests.earthdata.canaries import artefacts, found

TEXT = "CANARY/7Q2M+4X9Z1B=="


def test_nothing_of_it_is_printed() -> None:
    """Reprs end up in logs, notebooks and tracebacks."""
    secret = Secret(TEXT)
    shown = [f"{secret}", f"{secret!r:>40}", str([secret])]
    assert not found([TEXT], *artefacts(secret), *shown)
    assert "Secret" in shown[0]


def test_it_leaves_the_process_in_no_way() -> None:
    """Pickles travel through schedulers; JSON ends up in files."""
    secret = Secret(TEXT)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError, match="pickle"):
            pickle.dumps({"deep": [secret]}, protocol)
    with pytest.raises(TypeError):
        json.dumps(secret)
    with pytest.raises(TypeError):
        vars(secret)
    with pytest.raises(TypeError, match="state"):
        secret.__getstate__()


def test_copies_are_the_secret_itself() -> None:
    """Objects that hold one are copied, by dask among others."""
    secret = Secret(TEXT)
    assert copy.copy(secret) is secret
    assert copy.deepcopy([secret])[0] is secret


def test_it_compares_by_its_text() -> None:
    """What was refused once is recognised, and nothing else is."""
    assert Secret(TEXT) == Secret(TEXT)
    assert Secret(TEXT) != Secret(TEXT + "x")
    assert Secret("ä") != Secret("a")
    assert Secret(TEXT) != TEXT
    assert len({Secret(TEXT), Secret(TEXT), Secret("other")}) == 2
    assert Secret(TEXT)
    assert not Secret("")
    assert Secret(TEXT).reveal() == TEXT


def test_tracebacks_that_show_locals_do_not_show_it() -> None:
    """Some tools print the variables of every frame."""

    def use(secret: Secret) -> None:
        raise ValueError("something else")

    with pytest.raises(ValueError, match="else") as caught:
        use(Secret(TEXT))
    shown = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    innermost = shown.stack[-1]
    assert innermost.locals is not None
    assert innermost.locals["secret"] == "Secret(...)"
