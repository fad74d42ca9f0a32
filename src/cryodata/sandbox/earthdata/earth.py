"""All of Earthdata behind one object: its hosts, its users, and where the reader stands."""

from __future__ import annotations

import secrets
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from cryodata.earthdata.system import System
from cryodata.sandbox.earthdata.accounts import Accounts, User
from cryodata.sandbox.earthdata.catalogue import Catalogue
from cryodata.sandbox.earthdata.cdn import Cdn
from cryodata.sandbox.earthdata.cmr import CmrOrigin
from cryodata.sandbox.earthdata.data_host import DataHost
from cryodata.sandbox.earthdata.links import Links
from cryodata.sandbox.earthdata.login import LoginHost
from cryodata.sandbox.earthdata.realm import PROTECTED, Names, Realm, Rules
from cryodata.sandbox.earthdata.records import nasa_key
from cryodata.sandbox.profiles import Profile
from cryodata.sandbox.s3server import DOMAIN, S3Server
from cryodata.sandbox.wire import Wire
from cryodata.sandbox.wire_process import WireProcess

__all__ = ["INSIDE", "PROTECTED", "Earth"]

INSIDE = "127.0.0.1"
OUTSIDE = "127.0.0.9"
"""Addresses from which S3 is asked for readers inside and outside the region."""


class Earth:
    """NASA Earthdata on loopback, as `cloud` makes it.

    Parameters
    ----------
    server : S3Server
        Running, with a bucket `PROTECTED` and session keys good from `INSIDE` alone.
    wire : Wire or WireProcess
        What readers of that server go through; running.
    names : Names, optional
        What the hosts call each other; None for where they listen.
    profile, seed
        As of `Wire`.

    Attributes
    ----------
    realm : Realm
        What the hosts agree on.
    user, password : str
        A user who may read everything.
    edl, data, cdn, cmr : Wire
        Earthdata Login, the data host, where its links lead, and the catalogue's search:
        each with `url` (where it listens), `log` and `fault`.
    catalogue : Catalogue
        What has been published.
    """

    def __init__(
        self,
        server: S3Server,
        wire: Wire | WireProcess,
        *,
        names: Names | None = None,
        profile: str | Profile = "none",
        seed: int = 0,
    ) -> None:
        self.realm = Realm()
        self.user = f"jdoe{secrets.token_hex(3)}"
        self.password = secrets.token_urlsafe(18)
        self._server = server
        self._wire = wire
        self._names = names
        self._profile = profile
        self._accounts = Accounts(self.realm)
        self.add_user(self.user, self.password)
        links = Links(self.realm)
        login = LoginHost(self.realm, self._accounts)
        data = DataHost(self.realm, server, links)
        self.edl = Wire(origin=login, name="localhost", profile=profile, seed=seed)
        self.data = Wire(origin=data, profile=profile, seed=seed)
        self.cdn = Wire(origin=Cdn(server, links), profile=profile, seed=seed)
        self.catalogue = Catalogue()
        cmr = CmrOrigin(self.catalogue, clock=self.realm.now, token_ok=self._is_good)
        self.cmr = Wire(origin=cmr, profile=profile, seed=seed)
        self._stack = ExitStack()

    @property
    def wires(self) -> tuple[Wire, ...]:
        """All hosts but S3."""
        return self.edl, self.data, self.cdn, self.cmr

    @property
    def system(self) -> System:
        """These hosts as cryodata wants them."""
        return self.realm.names.system()

    def routes(self) -> dict[str, str]:
        """Host name to where its requests are to be led, as `Front` takes it."""
        names = self.realm.names
        hosts = {
            names.edl: self.edl,
            names.data: self.data,
            names.cdn: self.cdn,
            names.cmr: self.cmr,
            names.s3 or f"https://{DOMAIN}": self._wire,
            f"https://.{DOMAIN}": self._wire,
        }
        return {urlsplit(origin).netloc: wire.url for origin, wire in hosts.items()}

    def start(self) -> Self:
        """Start the hosts."""
        with ExitStack() as stack:
            for wire in self.wires:
                stack.enter_context(wire)
            self._stack = stack.pop_all()
        self.realm.login_address = self.edl.url
        self.realm.names = self._names or Names(
            edl=self.edl.url,
            data=self.data.url,
            cdn=self.cdn.url,
            cmr=self.cmr.url,
            s3=self._wire.url,
        )
        self.catalogue.credentials_url = f"{self.realm.names.data}/s3credentials"
        return self

    def stop(self) -> None:
        """Stop the hosts."""
        self._stack.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def add_user(
        self, name: str, password: str, *, approved: bool = True, groups: tuple[str, ...] = ()
    ) -> User:
        """Make an account.

        Parameters
        ----------
        name, password : str
            What the user logs in with.
        approved : bool
            Whether they have agreed to the licences; may be changed in what is returned.
        groups : tuple of str
            Groups they are in, see `Rules.required_group`.
        """
        user = User(name, password, approved, groups)
        self._accounts.users[name] = user
        return user

    def token(self, user: str | None = None, life: float = 3600.0) -> str:
        """A token of a user, this one's own if None, good for `life` seconds.

        It does not count towards the two that a user may ask for.
        """
        return self._accounts.issue(user or self.user, life)

    def revoke(self, token: str) -> None:
        """Make a token worthless; the data host learns of it when it asks again."""
        self._accounts.revoke(token)

    def publish(
        self,
        path: str | Path,
        *,
        key: str = "",
        product: str | None = None,
        version: str | None = None,
        keys_link: bool = False,
        sidecar: bytes | None = None,
        **variant: Any,
    ) -> dict[str, Any]:
        """Put a granule into the protected bucket and into the catalogue.

        Parameters
        ----------
        path : path
            The granule.
        key : str
            Its key in the bucket; empty for one like NASA's.
        product, version : str, optional
            What it is of; None takes that from its name.
        keys_link : bool
            Whether its record names the place that gives keys.
        sidecar : bytes, optional
            Its DMR++, put beside it and named in its record.
        **variant
            More arguments of `Catalogue.add`.

        Returns
        -------
        dict
            Its record, as UMM-JSON has it.
        """
        path = Path(path)
        key = key or nasa_key(path.name)
        self.store(path, key)
        if sidecar is not None:
            self.store(sidecar, f"{key}.dmrpp")
            variant["dmrpp"] = True
        data = self.realm.names.data
        return self.catalogue.add(
            path,
            https=f"{data}/{PROTECTED}/{key}",
            s3=f"s3://{PROTECTED}/{key}",
            credentials_url=self.catalogue.credentials_url if keys_link else "",
            product=product,
            version=version,
            **variant,
        )

    def store(self, what: str | Path | bytes, key: str = "") -> str:
        """Put a file, or bytes, into the protected bucket alone; returns its ``s3://`` URL."""
        import obstore

        if not isinstance(what, bytes):
            what = Path(what)
            key = key or what.name
        obstore.put(self._server.store(PROTECTED), key, what)
        return f"s3://{PROTECTED}/{key}"

    def _is_good(self, token: str) -> bool:
        return self._accounts.owner(token) is not None

    def inside(self) -> None:
        """Move the reader into the region: session keys work."""
        self._wire.connect_from(INSIDE)

    def outside(self) -> None:
        """Move the reader out of the region: S3 denies session keys."""
        self._wire.connect_from(OUTSIDE)

    @property
    def rules(self) -> Rules:
        """How the hosts behave, to be changed at any time; `reset` undoes it."""
        return self.realm.rules

    @property
    def link_life(self) -> float:
        """`Rules.link_life`, s."""
        return self.rules.link_life

    @link_life.setter
    def link_life(self, seconds: float) -> None:
        self.rules.link_life = seconds

    @property
    def clock_skew(self) -> float:
        """`Rules.clock_skew`, s."""
        return self.rules.clock_skew

    @clock_skew.setter
    def clock_skew(self, seconds: float) -> None:
        self.rules.clock_skew = seconds

    def profile(self, what: str | Profile) -> None:
        """Move all hosts, see `Wire.profile`."""
        for wire in self.wires:
            wire.profile(what)

    def reset(self) -> None:
        """Back to how it was at first, but for users, tokens and objects."""
        for wire in self.wires:
            wire.clear_faults()
            wire.log.clear()
        self.profile(self._profile)
        self.inside()
        self.realm.rules = Rules()

    def environment(self) -> dict[str, str]:
        """Variables by which another process finds these hosts; nothing secret."""
        return self.system.environment()

    def login_environment(self) -> dict[str, str]:
        """`environment`, and a token."""
        return {**self.environment(), "EARTHDATA_TOKEN": self.token()}
