"""A small cloud on loopback, for the demo, for tests and for measurements.

S3 with real signatures, a wire with real latency and faults, and synthetic granules laid
out as NASA lays out the real ones.
"""

from cryodata.errors import MissingDependencyError

try:
    from cryodata.sandbox.faults import Fault
    from cryodata.sandbox.front import Front
    from cryodata.sandbox.log import Entry, RequestLog, Summary
    from cryodata.sandbox.profiles import PROFILES, LogNormal, Profile
    from cryodata.sandbox.s3_access import Keys
    from cryodata.sandbox.s3server import S3Server
    from cryodata.sandbox.sky import Sky, cloud
    from cryodata.sandbox.stand_in import stand_in_for_nasa
    from cryodata.sandbox.wire import Wire
    from cryodata.sandbox.wire_process import WireProcess
except ModuleNotFoundError as error:
    if (error.name or "").startswith("cryodata"):
        raise
    raise MissingDependencyError(
        f"The sandbox needs {error.name}", fix='Install it: pip install "cryodata-earth[sandbox]"'
    ) from error

__all__ = [
    "PROFILES",
    "Entry",
    "Fault",
    "Front",
    "Keys",
    "LogNormal",
    "Profile",
    "RequestLog",
    "S3Server",
    "Sky",
    "Summary",
    "Wire",
    "WireProcess",
    "cloud",
    "stand_in_for_nasa",
]
