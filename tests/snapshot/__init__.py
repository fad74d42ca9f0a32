"""What a reader sees in a file, in one form for both readers, so that they can be compared.

`seen_by_h5py` is the oracle. `seen_by_cryodata` is the reader under test. The two share
nothing but the form of the answer and the order in which names are given to objects that
have several (breadth first, names sorted).
"""

from tests.snapshot.by_cryodata import seen_by_cryodata
from tests.snapshot.by_h5py import seen_by_h5py
from tests.snapshot.form import (
    Alias,
    AttributeSeen,
    DatasetSeen,
    GroupSeen,
    Refused,
    Seen,
    Snapshot,
    canonical,
    differences,
    join,
)

__all__ = [
    "Alias",
    "AttributeSeen",
    "DatasetSeen",
    "GroupSeen",
    "Refused",
    "Seen",
    "Snapshot",
    "canonical",
    "differences",
    "join",
    "seen_by_cryodata",
    "seen_by_h5py",
]
