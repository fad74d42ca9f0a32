"""NASA's Earthdata for a session without account and network, in one line."""

from __future__ import annotations

import atexit
import os
import tempfile
import threading
from contextlib import ExitStack
from pathlib import Path

from cryodata.options import default_cache_folder
from cryodata.sandbox.sky import cloud

__all__ = ["stand_in_for_nasa"]

NEAR, FAR = "in_region", "out_of_region"
"""How far S3 and the catalogue are, and how far the hosts that serve over https."""
HIDDEN = ("EARTHDATA_USERNAME", "EARTHDATA_PASSWORD")
"""What a login would be found by as well: it is for the real NASA, and not shown to this one."""

RUNNING = "CRYODATA_STAND_IN"
"""Is set where this process, or one that started it, has a stand-in."""

_lock = threading.Lock()
_running = ExitStack()
_started = False


def stand_in_for_nasa() -> None:
    """Let this process, and those it starts, meet a small NASA on this machine.

    After this line `cryodata.login`, `cryodata.search`, ``cryodata.open("ATL06", region=...)``
    and all else work as they do with the real one; without it they go there. It holds a few
    synthetic granules near Yakutat Glacier, of ATL03, ATL06, ATL08, ATL11 and ATL15, which are
    made once and kept beside the cache; that takes some twenty seconds the first time.

    S3 is as far away as from a computer in its region. Reading over https, with
    ``access="external"``, is as reading from home. Ends with the process. A second call does
    nothing, and a process that was started by one with a stand-in shares it.

    Notes
    -----
    It is found through variables of the environment: ``EARTHDATA_TOKEN``, ``CRYODATA_EDL`` and
    their like (`System.from_environment`). Indexes go to a cache of their own, which is empty
    at first and gone at the end.

    Raises
    ------
    MissingDependencyError
        If the extra ``sandbox`` is not installed.
    """
    global _started  # noqa: PLW0603 - one per process
    with _lock:
        if _started:
            return
        with ExitStack() as stack:
            cache = stack.enter_context(tempfile.TemporaryDirectory(prefix="cryodata-stand-in-"))
            if not os.environ.get(RUNNING):
                _start(stack)
            os.environ["CRYODATA_CACHE"] = str(Path(cache) / "indexes")
            _running.push(stack.pop_all())
        atexit.register(_running.close)
        _started = True


def _start(stack: ExitStack) -> None:
    """Start everything, fill it, and say in the environment where it is."""
    from cryodata.sandbox.archive import granules_of_the_stand_in

    kept = default_cache_folder()
    sky = stack.enter_context(cloud(NEAR, seed=1, process=True, earthdata=True))
    earth = sky.earthdata
    for path, said in granules_of_the_stand_in(kept.with_name(f"{kept.name}-synthetic")):
        earth.publish(path, **said)
    for host in (earth.data, earth.cdn):
        host.profile(FAR)
    for name in HIDDEN:
        os.environ.pop(name, None)
    os.environ.update(earth.login_environment())
    os.environ[RUNNING] = "1"
