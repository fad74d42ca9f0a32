"""The sandbox under the real host names: a world of its own for programs as users write them.

Nothing in such a program knows of the sandbox. It asks ``urs.earthdata.nasa.gov`` and
``cmr.earthdata.nasa.gov`` on port 443, and reads from ``s3.us-west-2.amazonaws.com``; in the
namespaces it runs in, all of them are this machine.
"""

from cryodata.sandbox.world.outcome import Host, Login, Outcome
from cryodata.sandbox.world.world import World, available, run_in_world

__all__ = ["Host", "Login", "Outcome", "World", "available", "run_in_world"]
