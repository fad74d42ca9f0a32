"""Other forms in which an index can be kept and exchanged."""

from cryodata.formats.index_parquet import (
    FORMAT,
    Apart,
    Summary,
    count_facts,
    decode_index,
    encode_apart,
    encode_index,
    library_version,
    summarise,
)

__all__ = [
    "FORMAT",
    "Apart",
    "Summary",
    "count_facts",
    "decode_index",
    "encode_apart",
    "encode_index",
    "library_version",
    "summarise",
]
