"""A token is judged by what it says itself before anybody is asked."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, seed
from hypothesis import strategies as st

from cryodata.earthdata.hosts import clock
from cryodata.earthdata.hosts.secret import Secret
from cryodata.earthdata.identity.token import Token
from cryodata.errors import LoginRejectedError, TokenExpiredError
from tests.earthdata.canaries import artefacts, found
from tests.earthdata.stub import jwt

MEANS = "token from EARTHDATA_TOKEN"


def read(text: str) -> Token:
    return Token.read(Secret(text), MEANS)


def test_whose_it_is_and_when_it_ends() -> None:
    """Renewal depends on both, and nobody else says them."""
    text = jwt("jdoe", 5000, iss="https://urs.earthdata.nasa.gov")
    token = read(text)
    assert token.user == "jdoe"
    assert token.expires == pytest.approx(time.time() + 5000, abs=5)
    assert token.issuer == "https://urs.earthdata.nasa.gov"
    assert token.secret.reveal() == text
    assert not token.is_over


@pytest.mark.parametrize("around", ["  {}\n", "Bearer {}", "Bearer  {} \n"])
def test_what_is_pasted_along_with_it_does_not_matter(around: str) -> None:
    """A newline in an environment variable would break the header it is sent in."""
    text = jwt()
    assert read(around.format(text)).secret == Secret(text)


@pytest.mark.parametrize(
    "issuer",
    [
        pytest.param("Earthdata Login", id="name"),
        pytest.param(None, id="none"),
        pytest.param(7, id="number"),
    ],
)
def test_older_tokens_name_no_origin(issuer: object) -> None:
    """They would be refused as those of a stranger."""
    assert read(jwt(iss=issuer)).issuer == ""


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("hunter2", id="password"),
        pytest.param("a.b.c", id="not base64"),
        pytest.param("e30.e30.e30", id="no claims"),
        pytest.param(jwt(user=""), id="no user"),
        pytest.param(jwt(uid=["jdoe"]), id="user is a list"),
        pytest.param(jwt(exp="tomorrow"), id="expiry is text"),
        pytest.param(jwt(exp=True), id="expiry is true"),
        pytest.param(jwt(exp=None), id="no expiry"),
        pytest.param(f"{jwt()}\r\nX-Evil: 1", id="header injection"),
        pytest.param(f"{jwt()}.{jwt()}", id="five parts"),
        pytest.param("W10.W10.W10", id="claims are a list"),
        pytest.param(f"{'A' * 9000}.{'A' * 9000}.AAAA", id="too long"),
        pytest.param(f"e30.{'W1tb' * 1500}.AAAA", id="nested without end"),
    ],
)
def test_what_is_no_token_is_refused_before_it_is_sent(text: str) -> None:
    """It fails much later otherwise, with a data host that asks for a password."""
    with pytest.raises(LoginRejectedError, match="is no token") as caught:
        read(text)
    error = caught.value
    assert MEANS in str(error)
    assert "Generate Token" in error.fix
    if len(text) > 6:
        assert not found([text], *artefacts(error))


@seed(0)
@given(st.one_of(st.text(max_size=60), st.from_regex(r"[\w-]{0,40}\.[\w-]{0,60}\.[\w-]{0,20}")))
def test_no_text_breaks_the_decoder(text: str) -> None:
    """Only one kind of error may come of what a user pastes."""
    try:
        token = read(text)
    except LoginRejectedError:
        return
    assert token.user


def test_one_that_has_ended_is_refused_with_its_day(monkeypatch: pytest.MonkeyPatch) -> None:
    """The user has to know that it was good once."""
    token = read(jwt(exp=1_700_000_000))
    with pytest.raises(TokenExpiredError, match="expired on 2023-11-14") as caught:
        token.refuse_if_over(MEANS)
    assert "cd.login()" in caught.value.fix
    monkeypatch.setattr(clock, "now", lambda: 1_699_999_999.0)
    token.refuse_if_over(MEANS)


def test_it_prints_and_pickles_without_its_text() -> None:
    """It is held by much that is printed."""
    text = jwt()
    assert not found([text, text.split(".")[1]], *artefacts(read(text)))
