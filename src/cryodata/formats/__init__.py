"""Other forms in which an index can be kept and exchanged."""

from cryodata.formats.index_parquet import (
    Summary,
    count_facts,
    decode_index,
    encode_index,
    library_version,
    summarise,
)

__all__ = ["Summary", "count_facts", "decode_index", "encode_index", "library_version", "summarise"]
