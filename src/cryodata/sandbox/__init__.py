"""A small cloud on loopback, for the demo, for tests and for measurements.

S3 with real signatures, a wire with real latency and faults, and synthetic granules laid
out as NASA lays out the real ones.
"""

from cryodata.sandbox.faults import Fault
from cryodata.sandbox.log import Entry, RequestLog, Summary
from cryodata.sandbox.profiles import PROFILES, LogNormal, Profile
from cryodata.sandbox.wire import Wire

__all__ = [
    "PROFILES",
    "Entry",
    "Fault",
    "LogNormal",
    "Profile",
    "RequestLog",
    "Summary",
    "Wire",
]
