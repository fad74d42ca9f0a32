"""The present token for dask workers that have no login of their own."""

from __future__ import annotations

from typing import Any

from cryodata.earthdata.hosts.secret import Secret
from cryodata.earthdata.identity.account import Account
from cryodata.earthdata.identity.login import adopt, current_login, given_login
from cryodata.earthdata.identity.sources import Source
from cryodata.earthdata.system import System

__all__ = ["share"]


def share(client: Any, system: System | None = None) -> Any:
    """Give the present token to the dask workers that are there now.

    It travels by `distributed.Client.run`, out of band: no graph, plugin or key has it.
    The password stays here. A worker that comes later has to find a login of its own, or
    be given one by another call.

    Parameters
    ----------
    client : distributed.Client
        Its connections should be encrypted, or within one machine.
    system : System, optional
        As for `login`.

    Returns
    -------
    dict
        Address of each worker, and the user it now reads as; of an asynchronous client
        what awaits it.
    """
    present = current_login(system)
    token = present.account.token().secret
    return client.run(_receive, present.system, _Parcel(token))


class _Parcel:
    """A token on its way to a worker: pickles, which no `Secret` does, and prints nothing."""

    __slots__ = ("_secret",)

    def __init__(self, secret: Secret) -> None:
        self._secret = secret

    def __repr__(self) -> str:
        return "<token>"

    def __reduce__(self) -> tuple[Any, ...]:
        return _unpack, (self._secret.reveal(),)


def _unpack(text: str) -> _Parcel:
    return _Parcel(Secret(text))


def _receive(system: System, parcel: _Parcel) -> str:
    """In a worker: be logged in with what came; a login that has this token stays."""
    present = given_login(system)
    if present is None or present.account.secret != parcel._secret:
        source = Source(token=parcel._secret, bearer_means="token shared by the client")
        present = adopt(system, Account(system.edl, lambda: source, checked=True))
    return present.user
