"""Whether everything is there that reading NASA's data takes, and what to do where it is not."""

from __future__ import annotations

import os
import platform
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import metadata

from cryodata.access import way_to
from cryodata.catalogue import search
from cryodata.earthdata.granule import Granule
from cryodata.earthdata.hosts import clock
from cryodata.earthdata.hosts.http import Client, Deadline
from cryodata.earthdata.identity.login import active_system, current_login
from cryodata.earthdata.system import System
from cryodata.errors import CryodataError, FetchError, MissingDependencyError
from cryodata.granule import GranuleFile
from cryodata.options import Options
from cryodata.store import loop
from cryodata.types import ByteRange
from cryodata.words import count_in_words, size_in_words

__all__ = ["Check", "Checkup", "doctor"]

DISTRIBUTION = "cryodata-earth"
PATIENCE = 30.0
"""For one answer of the catalogue, s."""
MARKS = {True: "✓", False: "✗", None: "-"}


@dataclass(frozen=True, slots=True)
class Check:
    """One part, looked at.

    Attributes
    ----------
    name : str
    ok : bool or None
        None where it could not be looked at, because of another part that is not as it should be.
    what : str
        What was found.
    fix : str
        What to do; empty where nothing has to be done.
    """

    name: str
    ok: bool | None
    what: str
    fix: str = ""

    def __str__(self) -> str:
        lines = [f"{MARKS[self.ok]} {self.name}: {self.what}"]
        return "\n    ".join([*lines, self.fix] if self.fix else lines)


@dataclass(frozen=True, slots=True)
class Checkup:
    """All parts; prints as a list with ticks.

    Attributes
    ----------
    checks : tuple of Check
    """

    checks: tuple[Check, ...]

    @property
    def well(self) -> bool:
        """Whether all parts are as they should be."""
        return all(check.ok for check in self.checks)

    def __repr__(self) -> str:
        return "\n".join(str(check) for check in self.checks)


def doctor(product: str = "ATL06") -> Checkup:
    """Look at all that reading NASA's data takes, from versions to the licence.

    Asks the catalogue for one granule, and reads the first byte of it the way that `cryodata.open`
    would. Never prompts, and raises nothing that it finds.

    Parameters
    ----------
    product : str
        Its granule is read: licences differ between archives.

    Returns
    -------
    Checkup
        ``.well`` is true where all is as it should be; else each cross names the fix.

    Examples
    --------
    >>> cryodata.doctor()  # doctest: +SKIP
    """
    system = active_system()
    checks = [_looked("versions", _versions), _looked("cache", _cache)]
    checks.append(_looked("clock", lambda: _clock(system)))
    granule: list[Granule] = []
    checks.append(_looked("catalogue", lambda: _catalogue(product, granule)))
    checks.append(_looked("account", lambda: _account(system)))
    if not granule or not checks[-1].ok:
        why = "not looked at before catalogue and account are as they should be"
        return Checkup((*checks, Check("way", None, why), Check("licence", None, why)))
    checks.append(_looked("way", lambda: _way(granule[0], system)))
    checks.append(_looked("licence", lambda: _first_byte(granule[0])))
    return Checkup(tuple(checks))


def _looked(name: str, look: Callable[[], str]) -> Check:
    """What a look gives; a cross where it raises."""
    try:
        return Check(name, True, look())
    except CryodataError as error:
        return Check(name, False, error.what, error.fix)


def _versions() -> str:
    """Raises where a package that is needed is missing, or too old."""
    from packaging.requirements import Requirement

    wrong = []
    for line in metadata.requires(DISTRIBUTION) or ():
        requirement = Requirement(line)
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            found = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            wrong.append(f"{requirement.name} is missing")
            continue
        if not requirement.specifier.contains(found, prereleases=True):
            wrong.append(f"{requirement.name} {found} is not {requirement.specifier}")
    if wrong:
        raise MissingDependencyError("; ".join(wrong), fix=f"pip install --upgrade {DISTRIBUTION}")
    ours = metadata.version(DISTRIBUTION)
    return f"cryodata {ours} with all that it needs, Python {platform.python_version()}"


def _cache() -> str:
    """Raises where nothing can be kept."""
    folder = Options().cache
    if folder is None:
        return "none is kept"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"x")
    except OSError as error:
        raise CryodataError(
            f"Nothing can be written to {folder} ({error.strerror})",
            fix="Name another folder in CRYODATA_CACHE.",
        ) from None
    sizes = [
        entry.stat().st_size for entry in os.scandir(folder) if entry.name.endswith(".parquet")
    ]
    return f"{count_in_words(len(sizes), 'granule')} known, {size_in_words(sum(sizes))} in {folder}"


def _clock(system: System) -> str:
    """Raises where keys and signatures would be refused for it."""
    client = Client(system.cmr)
    try:
        asked = f"{system.cmr}/search/collections.json?page_size=0"
        reply = client.ask("GET", asked, deadline=Deadline(time.monotonic() + PATIENCE))
    finally:
        client.close()
    if reply.date is None:
        return "the catalogue does not say what time it is"
    ahead = clock.ahead(reply.date)
    if abs(ahead) > clock.TOLERANCE:
        raise CryodataError(
            f"The clock of this machine is {clock.span(abs(ahead))} "
            f"{'ahead' if ahead > 0 else 'behind'}",
            fix="Set it: keys and signatures hold for minutes.",
        )
    return "right" if not ahead else f"{clock.span(abs(ahead))} off, which does no harm"


def _catalogue(product: str, found: list[Granule]) -> str:
    begin = time.monotonic()
    try:
        granules = search(product, limit=1)
    except FetchError as error:
        error.fix = f"{error.fix} Without a network, the quickstart plays all of it here.".lstrip()
        raise
    found.append(granules[0])
    seconds = time.monotonic() - begin
    about = " ".join(filter(None, (found[0].product, found[0].version)))
    return f"answers in {seconds:.1f} s; {about} is there"


def _account(system: System) -> str:
    login = current_login(system)
    return str(login)


def _way(granule: Granule, system: System) -> str:
    """Raises where neither S3 nor https gives leave."""
    way = way_to(granule, Options(), system)
    if way is None:
        return "open to everybody"
    if way.direct:
        return f"straight from S3, in {system.region}: {way.reason}"
    return f"over https: {way.reason}"


def _first_byte(granule: Granule) -> str:
    """Raises where the archive does not let this user in."""
    file = GranuleFile(granule, options=replace(Options(), cache=None))
    try:
        loop.run(file.afetch([ByteRange(0, 1)]))
    finally:
        file.close()
    return f"a byte of {granule.name} could be read"
