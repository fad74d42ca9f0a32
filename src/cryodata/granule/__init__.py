"""One granule, open: where its bytes lie, what is known of its structure, what it cost."""

from cryodata.granule.file import GranuleFile, Wanted

__all__ = ["GranuleFile", "Wanted"]
